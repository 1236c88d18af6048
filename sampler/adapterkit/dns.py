"""Host names to addresses, within a time limit.

``getaddrinfo`` cannot be interrupted, and one dead name server blocks it for ten seconds. So a
look-up runs on a daemon thread, at most one for each name, and while it has no answer the last
good one is used.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401 - imported by getaddrinfo during a fork, its lock stays held
from socket import AI_NUMERICHOST, AI_NUMERICSERV
from typing import Any, TypeAlias

from sampler._runtime.fork import in_child
from sampler._runtime.threads import Event, Lock, Thread
from sampler.adapterkit.sockets import getaddrinfo
from sampler.exceptions import Unavailable

__all__ = ["Address", "resolve"]

Address: TypeAlias = "tuple[int, Any]"
"""Address family and socket address."""
_Key: TypeAlias = "tuple[str, int, int]"

_NUMERIC = AI_NUMERICHOST | AI_NUMERICSERV


class _Lookup:
    """A call of ``getaddrinfo`` that is under way."""

    def __init__(self, key: _Key) -> None:
        self._key = key
        self.done = Event()
        self.late = False
        self.fault = ""
        self.found: list[Address] = []

    def start(self) -> None:
        Thread(self._run, f"sampler-resolve-{self._key[0]}").start()

    def _run(self) -> None:
        try:
            self.found = _look_up(self._key)
        except UnicodeError:
            self.fault = "no host can have that name"
        except (OSError, ValueError) as error:
            self.fault = str(error)
        finally:  # whatever was raised: the next call looks the name up again
            with _lock:
                if self.found:
                    _good[self._key] = self.found
                _busy.pop(self._key, None)
            self.done.set()


_lock = Lock()
_busy: dict[_Key, _Lookup] = {}
_good: dict[_Key, list[Address]] = {}


def resolve(host: str, port: int, kind: int, timeout: float) -> list[Address]:
    """Return the addresses of ``host``, best first.

    Args:
        host: a name, or a numeric IPv4 or IPv6 address, which is not looked up.
        port: put into each address.
        kind: ``socket.SOCK_STREAM`` or ``socket.SOCK_DGRAM``.
        timeout: seconds; when the look-up fails or takes longer, the last good answer is
            returned.

    Raises:
        Unavailable: the name cannot be looked up, and never could.
    """
    key = (host, port, int(kind))
    try:
        return _look_up(key, _NUMERIC)
    except (OSError, ValueError):
        pass
    with _lock:
        good = _good.get(key)
        lookup = _busy.get(key)
        if lookup is None:
            lookup = _Lookup(key)
            try:
                lookup.start()
            except RuntimeError as error:  # no new threads at interpreter shutdown
                if good:
                    return good
                raise Unavailable(f"cannot look up {host!r}: {error}") from None
            _busy[key] = lookup
    # A look-up that is late has been waited for once: its callers do not wait again.
    if not lookup.done.wait(0.0 if lookup.late else timeout):
        lookup.late = True
    if lookup.done.is_set() and lookup.found:
        return lookup.found
    if good:
        return good
    raise Unavailable(f"cannot look up {host!r}: {lookup.fault or 'no answer in time'}")


def _look_up(key: _Key, flags: int = 0) -> list[Address]:
    host, port, kind = key
    found = getaddrinfo(host, port, type=kind, flags=flags)
    return list(dict.fromkeys((int(family), address) for family, *_, address in found))


def _forget_after_fork() -> None:
    """Forget look-ups under way in a forked child: it has none of its parent's threads."""
    global _lock  # noqa: PLW0603 - a thread of the parent may hold it
    _lock = Lock()
    _busy.clear()


in_child(_forget_after_fork)
