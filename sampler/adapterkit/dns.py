"""Host names to addresses, within a limit.

``getaddrinfo`` cannot be interrupted and one dead name server holds it for ten seconds, so it
runs on a daemon thread of its own, at most one for a name, and the last good answer stands in.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401 - getaddrinfo would import it, and a fork meanwhile locks it for good
from socket import AI_NUMERICHOST, AI_NUMERICSERV
from typing import Any, TypeAlias

from sampler._runtime.fork import in_child
from sampler._runtime.threads import Event, Lock, Thread
from sampler.adapterkit.sockets import getaddrinfo
from sampler.exceptions import Unavailable

Address: TypeAlias = "tuple[int, Any]"
"""Address family and socket address."""
_Key: TypeAlias = "tuple[str, int, int]"

_NUMERIC = AI_NUMERICHOST | AI_NUMERICSERV


class _Lookup:
    """One call of ``getaddrinfo`` under way."""

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
        finally:  # whatever it was, the next one looks again
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
        port: the port number to put in.
        kind: ``socket.SOCK_STREAM`` or ``socket.SOCK_DGRAM``.
        timeout: seconds; when the answer fails or takes longer, the last good one is returned.

    Raises:
        Unavailable: there is no answer, and never was a good one.
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
    # One that is late has been waited for once already.
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
    """A child has none of its parent's threads: nothing is under way in it."""
    global _lock  # noqa: PLW0603 - the parent's may be held
    _lock = Lock()
    _busy.clear()


in_child(_forget_after_fork)
