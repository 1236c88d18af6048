"""The paths of the live page over a unix socket that only this user may use."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import attrs

from sampler.adapterkit.http_server import Server, listening_socket, plain_answer
from sampler.page.serving import live_answers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sampler.adapterkit.http_server import Answer, Request
    from sampler.agent import Agent, Ledger, Snapshot


@attrs.define(eq=False)
class PageSocket:
    """Answer ``sampler top`` and ``sampler tap``."""

    unsupported: ClassVar[Mapping[str, str]] = {}
    path: str
    _agent: Agent | None = attrs.field(default=None, init=False, repr=False)
    _server: Server | None = attrs.field(default=None, init=False, repr=False)

    def attach(self, agent: Agent) -> None:
        """Belong to an agent."""
        self._agent = agent

    def open(self, collect: Callable[[], Snapshot], ledger: Ledger) -> None:
        """Listen; nothing is collected and nothing counted.

        Raises:
            OSError: the path cannot be bound.
        """
        del collect, ledger
        listener = listening_socket(socket.AF_UNIX, self.path)
        Path(self.path).chmod(0o600)
        self._server = Server(listener, self._answers, self._quick, name="sampler-socket")

    def close(self, timeout: float) -> None:
        """Answer no more."""
        server, self._server = self._server, None
        if server is not None:
            server.close(timeout)
            Path(self.path).unlink(missing_ok=True)

    def _quick(self, request: Request) -> Answer | None:
        return live_answers(self._agent, request) or plain_answer(404)

    def _answers(self, requests: list[Request]) -> list[Answer]:
        return [plain_answer(404)] * len(requests)
