"""The lock of an instance: one agent of a host holds it at a time, whoever runs it.

On Linux the lock is an abstract unix socket, whose scope is the network namespace: other users,
other temporary folders, sub-interpreters and other copies of this package see that it is held.
It needs no folder, ends with its process, and nobody can connect to it. Elsewhere it is a locked
file.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import sys
from typing import TYPE_CHECKING

from sampler._runtime.lockfile import HeldFile

if TYPE_CHECKING:
    from collections.abc import Callable

_PREFIX = "sampler-api/"
_FOLDER = "/tmp"  # noqa: S108 - one that all users share, whatever their environment says
_ATTEMPTS = 10

_locks: dict[str, HeldFile] = {}


def lock(service: str, instance: str) -> bool:
    """Lock an instance of a service for this process.

    Returns:
        False when another agent holds the lock, in this process or in another one.

    Raises:
        Exception: this host does not tell whether anybody holds it.
    """
    name = _name(service, instance)
    held = _lock(name)
    if held is None:
        return False
    _locks[name] = held
    return True


def unlock(service: str, instance: str) -> None:
    """Release a lock; do nothing when this process does not hold it."""
    held = _locks.pop(_name(service, instance), None)
    if held is not None:
        held.close()


def _name(service: str, instance: str) -> str:
    """Return the lock's name, always of one length: an address has room for 107 bytes."""
    words = (word.encode("utf-8", "surrogatepass") for word in (service, instance))
    digests = b"".join(hashlib.sha256(word).digest() for word in words)
    return _PREFIX + hashlib.sha256(digests).hexdigest()


def _bind_socket(name: str) -> HeldFile | None:
    """Return a socket bound to a name, or None when another socket is."""
    import _socket  # gevent and eventlet replace what is in socket

    new = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    held = HeldFile(new.fileno())  # before bind(): a child forked from here on closes its copy
    try:
        new.bind(b"\0" + name.encode())
    except BaseException as error:
        held.close()
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            return None
        raise
    finally:
        new.detach()
    return held


def _lock_file(name: str) -> HeldFile | None:
    """Return a locked file, or None when another process has locked it."""
    import fcntl

    path = f"{_FOLDER}/.{name.replace('/', '-')}"
    for _ in range(_ATTEMPTS):
        held = HeldFile(_open_file(path))
        try:
            if not stat.S_ISREG(os.fstat(held.number).st_mode):
                raise OSError(errno.EINVAL, f"{path} is not a regular file")
            fcntl.flock(held.number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if held.is_file(os.lstat(path)):
                return held
        except BlockingIOError:
            held.close()
            return None
        except FileNotFoundError:
            pass  # removed before it was locked: the next process would lock another file
        except BaseException:
            held.close()
            raise
        held.close()
    raise OSError(errno.EAGAIN, f"{path} is removed again and again")


def _open_file(path: str) -> int:
    """Open a file that every user may lock; follow no symbolic link and never block."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        return os.open(path, flags)  # some systems refuse O_CREAT for another user's file
    except FileNotFoundError:
        pass
    try:
        file = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:  # another process was faster
        return os.open(path, flags)
    os.fchmod(file, 0o644)  # whatever the umask
    return file


_lock: Callable[[str], HeldFile | None] = _lock_file
if sys.platform in ("linux", "android"):
    _lock = _bind_socket
