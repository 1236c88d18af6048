"""An agent with the live page, and what a viewer gets of it."""

from __future__ import annotations

import http.client
import json
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sampler import Registry
from sampler.agent import Agent
from sampler.agent.config.reading import parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PATIENCE = 20.0


class Viewer:
    """Asks a page."""

    def __init__(self, address: str) -> None:
        self.address = address

    def get(self, path: str, status: int = 200, **fields: str) -> Any:
        """Return the JSON at a path below /live/."""
        code, body, _ = self.ask(f"/live/{path}", **fields)
        assert code == status, body[:300]
        return json.loads(body)

    def answers(self) -> bool:
        """Tell whether somebody answers yet: a socket's file is there before."""
        try:
            self.get("now.json")
        except OSError:
            return False
        return True

    def ask(self, path: str, method: str = "GET", **fields: str) -> tuple[int, bytes, Any]:
        """Return status, body and header fields."""
        connection = self.connection()
        try:
            connection.request(method, path, headers=fields)
            reply = connection.getresponse()
            return reply.status, reply.read(), reply.headers
        finally:
            connection.close()

    def connection(self) -> http.client.HTTPConnection:
        """Return a new connection."""
        if not self.address.startswith("/"):
            return http.client.HTTPConnection(self.address, timeout=PATIENCE)
        connection = http.client.HTTPConnection("localhost", timeout=PATIENCE)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(PATIENCE)
        try:
            connection.sock.connect(self.address)
        except OSError:
            connection.close()
            raise
        return connection


@contextmanager
def agent_with(*samplers: Mapping[str, Any], **tables: Any) -> Iterator[Agent]:
    """Run an agent with these samplers and the live page on a free port."""
    page = {"listen": "127.0.0.1:0", "live": True, **tables.pop("page", {})}
    adapters = {"prometheus": page, **tables.pop("adapters", {})}
    # On a busy machine a good sampler may take longer than so short an interval.
    limits = {"deadline": 30.0, **tables.pop("samplers", {})}
    keys = {"interval": 0.2, "adapters": adapters, "samplers": limits, **tables}
    settings = parse(keys, "test")
    registry = Registry()
    for each in samplers:
        registry.register(each)
    agent = Agent(settings, registry)
    agent.start()
    try:
        yield agent
    finally:
        agent.stop(2.0)


def viewer_of(agent: Agent) -> Viewer:
    """Return a viewer of its page."""
    adapters = agent.settings.adapters
    return Viewer(next(each.adapter.address for each in adapters if each.type == "prometheus"))


@contextmanager
def page_with(*samplers: Mapping[str, Any], **tables: Any) -> Iterator[Viewer]:
    """Run an agent as above; yield a viewer."""
    with agent_with(*samplers, **tables) as agent:
        yield viewer_of(agent)
