"""Where an adapter sends to: a host and a port, or a unix socket."""

from __future__ import annotations

from socket import AF_UNIX
from typing import TYPE_CHECKING

from sampler.adapterkit.dns import resolve

if TYPE_CHECKING:
    from sampler.adapterkit.dns import Address

__all__ = ["Endpoint"]


class Endpoint:
    """One destination. As text it is what errors call it: ``StatsD at 127.0.0.1:8125``.

    Args:
        backend: what receives there, for errors.
        host: a name or an address.
        port: the port.
        path: a unix socket, instead of host and port.
    """

    def __init__(
        self, backend: str, host: str = "", port: int = 0, path: str | None = None
    ) -> None:
        self._backend = backend
        self._host = host
        self._port = port
        self._path = path

    def addresses(self, kind: int, timeout: float) -> list[Address]:
        """Return the addresses to connect to, best first.

        Args:
            kind: ``socket.SOCK_STREAM`` or ``socket.SOCK_DGRAM``.
            timeout: seconds that looking the name up may take.

        Raises:
            Unavailable: the name cannot be looked up, and never could.
        """
        if self._path is not None:
            return [(AF_UNIX, self._path)]
        return resolve(self._host, self._port, kind, timeout)

    def __str__(self) -> str:
        if self._path is not None:
            return f"{self._backend} at {self._path}"
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{self._backend} at {host}:{self._port}"
