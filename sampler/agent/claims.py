"""Names that one agent of a host at a time has, whoever runs it and in whatever folder.

On Linux a name is an abstract unix socket. Its scope is the network namespace: other users, other
temporary folders, sub-interpreters and other copies of this package find it taken, no folder is
needed, and it goes with the process. Nobody can connect to it. Elsewhere it is a locked file.
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

_claims: dict[str, HeldFile] = {}


def claim(service: str, instance: str) -> bool:
    """Have an instance of a service to oneself.

    Returns:
        False when another agent has it, in this process or in another one.

    Raises:
        Exception: this host does not say who has a name.
    """
    name = _name(service, instance)
    held = _take(name)
    if held is None:
        return False
    _claims[name] = held
    return True


def release(service: str, instance: str) -> None:
    """Give back what this process has; of what it does not have nothing happens."""
    held = _claims.pop(_name(service, instance), None)
    if held is not None:
        held.close()


def _name(service: str, instance: str) -> str:
    """Return what stands for both, of one length: 107 bytes fit in an address."""
    words = (word.encode("utf-8", "surrogatepass") for word in (service, instance))
    digests = b"".join(hashlib.sha256(word).digest() for word in words)
    return _PREFIX + hashlib.sha256(digests).hexdigest()


def _bound(name: str) -> HeldFile | None:
    """Return a socket that is bound to a name, or None when another one is."""
    import _socket  # gevent and eventlet replace what is in socket

    new = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    held = HeldFile(new.fileno())  # before it is bound: a child forked from here on closes it
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


def _locked(name: str) -> HeldFile | None:
    """Return a file that is locked, or None when another process has locked it."""
    import fcntl

    path = f"{_FOLDER}/.{name.replace('/', '-')}"
    for _ in range(_ATTEMPTS):
        held = HeldFile(_opened(path))
        try:
            if not stat.S_ISREG(os.fstat(held.number).st_mode):
                raise OSError(errno.EINVAL, f"{path} is no plain file")
            fcntl.flock(held.number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if held.is_file(os.lstat(path)):
                return held
        except BlockingIOError:
            held.close()
            return None
        except FileNotFoundError:
            pass  # it was removed before it was locked: another one would not see this lock
        except BaseException:
            held.close()
            raise
        held.close()
    raise OSError(errno.EAGAIN, f"{path} is removed again and again")


def _opened(path: str) -> int:
    """Open a file that every user may lock, never through a symbolic link, never waiting."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        return os.open(path, flags)  # without O_CREAT: some systems refuse that for others' files
    except FileNotFoundError:
        pass
    try:
        file = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:  # another one was faster
        return os.open(path, flags)
    os.fchmod(file, 0o644)  # whatever the umask
    return file


_take: Callable[[str], HeldFile | None] = (
    _bound if sys.platform in ("linux", "android") else _locked
)
