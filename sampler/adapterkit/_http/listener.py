"""Sockets that listen, also after the program has closed their descriptors."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from socket import AF_UNIX, SO_REUSEADDR, SOCK_STREAM, SOL_SOCKET
from typing import Any

from sampler.adapterkit.sockets import Socket
from sampler.agent import log

_BACKLOG = 1024


def listening_socket(
    family: int, address: tuple[object, ...] | str, *, mode: int | None = None
) -> Socket:
    """Return a socket that listens.

    Args:
        family: ``socket.AF_INET``, ``AF_INET6`` or ``AF_UNIX``.
        address: host and port as for :meth:`socket.socket.bind`, or the path of a unix socket.
        mode: of the file of a unix socket, from its first moment on; the umask may take from it.

    Raises:
        OSError: the address cannot be bound.
    """
    listener = Socket(family, SOCK_STREAM)
    try:
        if family != AF_UNIX:
            listener.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        if mode is not None:
            with suppress(OSError):  # Linux makes the file with it; others do not know it
                os.fchmod(listener.fileno(), mode)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


class Ear:
    """A listening socket that is opened again where the program has closed its descriptor.

    Args:
        listener: it listens.
        name: of who listens, for the log.

    Attributes:
        socket: as given, or another one.
        address: where it listens, as the socket says it.
        fault: why it does not listen now; empty if it does.
    """

    def __init__(self, listener: Socket, name: str) -> None:
        self.socket = listener
        self.address: Any = listener.getsockname()
        self.fault: str = ""
        self._family = listener.family
        self._name = name
        self._file: os.stat_result | None = None
        if isinstance(self.address, str):
            with suppress(OSError):
                self._file = os.lstat(self.address)

    @property
    def lost(self) -> bool:
        """Whether the program has closed it, which is not known yet."""
        return not (self.fault or self.socket.is_ours())

    def duplicate(self) -> Socket:
        """Return another socket that listens there.

        Raises:
            OSError: the program has closed ours, and another one has the address now.
        """
        if self.socket.is_ours():
            return self.socket.dup()
        return self._opened()

    def listen_again(self) -> bool:
        """Open another socket; tell whether that listens. What came of it is logged once."""
        with suppress(OSError):
            self.socket.close()
        host, *port = self.address if isinstance(self.address, tuple) else (self.address,)
        where = ":".join(map(str, (host, *port[:1])))
        try:
            self.socket = self._opened()
        except OSError as error:
            before, why = self.fault, error.strerror or str(error)
            self.fault = f"{where} cannot be opened again: {why}"
            if self.fault != before:
                log.warning(
                    "%s: the program has closed our descriptors, as os.closerange() does, and %s "
                    "cannot be opened again (%s): start the agent after that",
                    self._name,
                    where,
                    why,
                )
            return False
        self.fault = ""
        self.socket.setblocking(False)
        log.warning(
            "%s: the program has closed our descriptors, as os.closerange() does; %s is open "
            "again: start the agent after that",
            self._name,
            where,
        )
        return True

    def _opened(self) -> Socket:
        if self._file is None:
            return listening_socket(self._family, self.address)
        with suppress(FileNotFoundError):
            found = os.lstat(self.address)
            if os.path.samestat(self._file, found) and self._file.st_mtime_ns == found.st_mtime_ns:
                Path(self.address).unlink()  # nobody else's
        mode = stat.S_IMODE(self._file.st_mode)
        opened = listening_socket(self._family, self.address, mode=mode)
        self._file = os.lstat(self.address)
        return opened
