"""Where an adapter sends: a host and a port, or a unix socket."""

from __future__ import annotations

from socket import AF_UNIX
from typing import TYPE_CHECKING

from sampler.adapterkit.dns import resolve

if TYPE_CHECKING:
    from sampler.adapterkit.dns import Address


class Endpoint:
    """One destination; as text it is what errors call it: ``StatsD at 127.0.0.1:8125``.

    Args:
        what: what is there.
        host: a name or an address.
        port: the port.
        path: a unix socket, instead of host and port.
    """

    def __init__(self, what: str, host: str = "", port: int = 0, path: str | None = None) -> None:
        self._what = what
        self._host = host
        self._port = port
        self._path = path

    def addresses(self, kind: int, timeout: float) -> list[Address]:
        """Return where to connect to, best first.

        Args:
            kind: ``socket.SOCK_STREAM`` or ``socket.SOCK_DGRAM``.
            timeout: seconds that looking a name up may take.

        Raises:
            Unavailable: the name has no address, and never had.
        """
        if self._path is not None:
            return [(AF_UNIX, self._path)]
        return resolve(self._host, self._port, kind, timeout)

    def __str__(self) -> str:
        if self._path is not None:
            return f"{self._what} at {self._path}"
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{self._what} at {host}:{self._port}"
