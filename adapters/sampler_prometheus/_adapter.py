"""What the ``prometheus`` adapter is configured with, and what the agent calls."""

from __future__ import annotations

import logging
import socket
from typing import TYPE_CHECKING

import attrs

from sampler.agent import option
from sampler_prometheus._client import Answer
from sampler_prometheus._http import Server
from sampler_prometheus._request import reply
from sampler_prometheus._text import CONTENT_TYPE, Text

if TYPE_CHECKING:
    from collections.abc import Callable

    from sampler.agent import Law, Snapshot

_log = logging.getLogger("sampler")


def listen_fault(listen: str) -> str | None:
    """Say what is wrong with a ``host:port``, or return None."""
    host, colon, port = listen.rpartition(":")
    if not colon or not host:
        return f"expected host:port such as '127.0.0.1:9464' or '[::1]:9464', got {listen!r}"
    if ":" in host and not (host.startswith("[") and host.endswith("]")):
        return f"an IPv6 address stands in brackets: '[{host}]:{port}'"
    if not (port.isascii() and port.isdecimal() and int(port) <= 65535):
        return f"the port must be a number from 0 to 65535, got {port!r}"
    return None


@attrs.define(eq=False)
class Prometheus:
    """Serve ``/metrics`` for Prometheus to scrape, in text format 0.0.4."""

    listen: str = option(
        "127.0.0.1:9464",
        "Where to listen, as host:port; port 0 takes a free one.",
        check=listen_fault,
    )
    _server: Server | None = attrs.field(default=None, init=False)
    _text: Text = attrs.field(factory=Text, init=False)
    _failing: bool = attrs.field(default=False, init=False)

    @property
    def address(self) -> str:
        """``host:port`` that is listened on, with the port the kernel chose; ``listen`` before."""
        if self._server is None:
            return self.listen
        host, port = self._server.address
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def open(self, collect: Callable[[], Snapshot], law: Law) -> None:
        """Bind and begin to answer scrapes.

        Args:
            collect: makes a snapshot; called once for all who wait.
            law: filled with every answer.

        Raises:
            OSError: the address cannot be bound.
        """
        host, _, port = self.listen.rpartition(":")
        found = socket.getaddrinfo(
            host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, *_, address = found[0]
        self._server = Server(
            family, address, CONTENT_TYPE, lambda clients: self._answers(clients, collect, law)
        )

    def close(self, timeout: float) -> None:
        """Answer no more; what is under way has ``timeout`` seconds to end."""
        server, self._server = self._server, None
        if server is not None:
            server.close(timeout)

    def _answers(self, clients: int, collect: Callable[[], Snapshot], law: Law) -> list[Answer]:
        try:
            page = self._text.render(collect())
        except BaseException as error:
            if not self._failing:
                _log.exception("a scrape of %s failed", self.address)
            self._failing = True
            text = f"cannot collect: {type(error).__name__}\n".encode()
            return [Answer(reply(500, text), lambda _taken: None)] * clients
        self._failing = False
        carried = page.entries - sum(page.refused.values())

        def settle(taken: bool) -> None:
            law.count(
                collected=page.entries,
                delivered=carried if taken else 0,
                unconfirmed=0 if taken else carried,
                dropped=page.refused,
            )

        return [Answer(reply(200, page.body, CONTENT_TYPE), settle)] * clients
