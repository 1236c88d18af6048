"""The paths of the live page over a unix socket that only this user may use."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, ClassVar

import attrs

from sampler.adapterkit._unix.listener import Listener, SocketProblem
from sampler.adapterkit._unix.peer import peer_of
from sampler.adapterkit.http_server import Server
from sampler.page.serving import LivePage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sampler.adapterkit.sockets import Socket
    from sampler.agent import Agent, Ledger, Snapshot

MAX_CONNECTIONS = 32
"""Viewers at once."""
_MODE = 0o600


@attrs.define(eq=False)
class PageSocket:
    """Answer ``sampler top`` and ``sampler tap``, of this user and of root.

    Attributes:
        path: the file of the socket.
    """

    unsupported: ClassVar[Mapping[str, str]] = {}
    path: str
    _agent: Agent | None = attrs.field(default=None, init=False, repr=False)
    _listener: Listener | None = attrs.field(default=None, init=False, repr=False)
    _server: Server | None = attrs.field(default=None, init=False, repr=False)

    def attach(self, agent: Agent) -> None:
        """Belong to an agent."""
        self._agent = agent

    def open(self, collect: Callable[[], Snapshot], ledger: Ledger) -> None:
        """Listen; nothing is collected and nothing counted.

        Raises:
            SocketProblem: the path cannot be used.
        """
        del collect, ledger
        if self._agent is None:
            raise SocketProblem("it belongs to no agent: attach() comes first")
        page = LivePage(self._agent)
        self._listener = Listener.at(self.path, mode=_MODE)
        self._server = Server(
            self._listener.socket,
            page.answers,
            max_connections=MAX_CONNECTIONS,
            name="sampler-socket",
            admits=_admits,
        )

    def close(self, timeout: float) -> None:
        """Answer no more."""
        server, self._server = self._server, None
        listener, self._listener = self._listener, None
        if server is not None:
            server.close(timeout)
        if listener is not None:
            listener.close()


def _admits(connection: Socket) -> bool:
    """Tell whether a viewer is this user or root, where the system says who it is."""
    try:
        return peer_of(connection).uid in (0, os.geteuid())
    except OSError:
        return True  # the file's mode decides alone
