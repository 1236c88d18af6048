"""A unix socket that listens: one of our own, or one that was given."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from socket import AF_UNIX, SOCK_STREAM
from typing import TYPE_CHECKING

from sampler._runtime.instance_lock import lock, unlock
from sampler.adapterkit._http.listener import listening_socket
from sampler.adapterkit._unix.peer import bound_address, peer_of
from sampler.adapterkit.sockets import Socket

if TYPE_CHECKING:
    from typing import Self

_LOCK = "sampler-relay"  # of every socket, whoever listens there
_PATIENCE = 1.0


class SocketProblem(ValueError):
    """Why nothing can listen there, and what to do; the text follows the key."""


class Listener:
    """A socket that listens.

    Args:
        socket: it listens already.
        path: its file, if it is this process's to remove.

    Attributes:
        socket: as given.
    """

    def __init__(self, socket: Socket, path: str = "") -> None:
        self.socket = socket
        self._path = path
        self._file = Path(path).lstat() if path else None

    @classmethod
    def at(cls, address: str, *, mode: int = 0o666) -> Self:
        """Listen at an address.

        Args:
            address: a path, or ``@`` and the name of an abstract socket.
            mode: of the file: who may connect.

        Raises:
            SocketProblem: another process does, or the system does not allow it.
        """
        path = "" if address.startswith("@") else address
        name = os.path.realpath(path)
        if path and not lock(_LOCK, name):
            raise SocketProblem(_taken(address))
        try:
            if path:
                _remove_stale(path)
            listener = listening_socket(AF_UNIX, bound_address(address), mode=mode)
            if path:
                Path(path).chmod(mode)  # whatever the umask
        except OSError as error:
            if path:
                unlock(_LOCK, name)
            in_use = error.errno == errno.EADDRINUSE
            raise SocketProblem(
                _taken(address) if in_use else f"cannot listen there: {error.strerror or error}"
            ) from None
        return cls(listener, path)

    @classmethod
    def inherited(cls, descriptor: int) -> Self:
        """Take a socket that listens already, and was opened by the parent.

        Raises:
            SocketProblem: it is none.
        """
        try:
            given = Socket(AF_UNIX, SOCK_STREAM, 0, descriptor)
            given.listen(1024)
        except OSError as error:
            raise SocketProblem(f"descriptor {descriptor} does not listen: {error}") from None
        return cls(given)

    def close(self) -> None:
        """Close it, and remove its file, unless that is another's by now."""
        with suppress(OSError):
            if self._file is not None and os.path.samestat(self._file, Path(self._path).lstat()):
                Path(self._path).unlink()
        if self._path:
            unlock(_LOCK, os.path.realpath(self._path))
        self._file, self._path = None, ""
        with suppress(OSError):
            self.socket.close()


def _taken(address: str) -> str:
    """Say who listens at an address."""
    try:
        with Socket(AF_UNIX, SOCK_STREAM) as asking:
            asking.settimeout(_PATIENCE)
            asking.connect(bound_address(address))
            who = f"process {peer_of(asking).pid}"
    except OSError:
        who = "another process"
    return f"{who} listens at {address} already: end it, or choose another address"


def _remove_stale(path: str) -> None:
    """Remove a socket's file that a process has left behind when it was killed.

    Raises:
        SocketProblem: it is no socket, or somebody listens there.
    """
    try:
        found = Path(path).lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise SocketProblem(f"{path} is there, and is no socket: remove it, or choose another")
    with Socket(AF_UNIX, SOCK_STREAM) as asking:
        asking.settimeout(_PATIENCE)
        try:
            asking.connect(path)
        except ConnectionRefusedError:
            Path(path).unlink()
            return
        except FileNotFoundError:
            return
    raise SocketProblem(_taken(path))
