"""What a forked child does first: it takes new locks, and drops what its parent counted.

:func:`os.register_at_fork` sees every fork that Python makes. uWSGI forks in C and calls
``uwsgi.post_fork_hook``, which we chain; whichever comes first in a child does the work.

PyPy forgets its parent's threads after these hooks, and with them those that a hook has started:
the next garbage collection crashes. There they start once ``os.fork`` has returned.
"""

from __future__ import annotations

import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")

_calls: list[Callable[[], object]] = []
_befores: list[Callable[[], object]] = []
_safe_points: list[Callable[[], object]] = []
_chained: list[Callable[[], object]] = []
_waiting: list[Callable[[], object]] = []
_KEEPS_THREADS = sys.implementation.name == "cpython"
_in_hook = False
_pid = 0
_begun_at = _forked_at = 0.0
_loaded_at = time.time()


def in_child(call: Callable[[], object]) -> None:
    """Have every forked child call this, in the order in which calls were given here."""
    import os  # loaded by every interpreter that has a site, but not by -S

    global _pid  # noqa: PLW0603
    if not _pid and hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=_before_fork, after_in_parent=_in_parent, after_in_child=_in_child
        )
        if not _KEEPS_THREADS:
            os.fork, os.forkpty = _followed(os.fork), _followed(os.forkpty)
    _pid = _pid or os.getpid()
    _calls.append(call)
    chain_uwsgi()


def before_fork(call: Callable[[], object]) -> None:
    """Have every fork wait for this, in the parent; uWSGI's forks cannot."""
    _befores.append(call)


def at_safe_point(call: Callable[[], object]) -> None:
    """Have uWSGI's workers call this once they are about to serve, after the calls at the fork."""
    _safe_points.append(call)


def start_after_hooks(start: Callable[[], object]) -> None:
    """Start a thread; one that would be lost as this is a hook is started after the fork."""
    if _in_hook and not _KEEPS_THREADS:
        _waiting.append(start)
    else:
        _start_waiting()
        start()


def process_id() -> int:
    """Return the id of this process."""
    from os import getpid  # loaded by every interpreter that has a site, but not by -S

    return getpid()


def forked_at() -> float:
    """Return when this process was forked, in epoch seconds; 0.0 when it was not."""
    return _forked_at


def began_at() -> float:
    """Return when nothing of ours had counted here: at the fork, else before any instrument."""
    return _forked_at or _loaded_at


def chain_uwsgi() -> None:
    """Have uWSGI call us after its forks; ``uwsgidecorators`` replaces the hook when imported."""
    uwsgi = sys.modules.get("uwsgi")
    if uwsgi is None or getattr(uwsgi, "post_fork_hook", None) in _chained:
        return
    before = getattr(uwsgi, "post_fork_hook", None)

    def hook() -> None:
        _in_child()
        for call in _safe_points:
            call()
        if before is not None:
            before()

    _chained.append(hook)
    uwsgi.post_fork_hook = hook  # type: ignore[attr-defined]


def _before_fork() -> None:
    global _begun_at  # noqa: PLW0603
    for call in _befores:
        call()
    _begun_at = time.time()


def _in_parent() -> None:
    global _begun_at  # noqa: PLW0603
    _begun_at = 0.0


def _in_child() -> None:
    import os

    global _pid, _begun_at, _forked_at, _in_hook  # noqa: PLW0603
    if _pid == os.getpid():
        return
    _pid = os.getpid()
    _forked_at, _begun_at = _begun_at or time.time(), 0.0  # uWSGI calls no hook before a fork
    _waiting.clear()
    _in_hook = True
    try:
        for call in _calls:
            call()
    finally:
        _in_hook = False


def _followed(fork: Callable[[], T]) -> Callable[[], T]:
    """Return a function that forks, and then starts the threads that wait."""

    def fork_and_start() -> T:
        result = fork()
        _start_waiting()
        return result

    fork_and_start.__doc__, fork_and_start.__name__ = fork.__doc__, fork.__name__
    return fork_and_start


def _start_waiting() -> None:
    while _waiting:
        try:  # noqa: SIM105 - contextlib is not there yet
            _waiting.pop(0)()
        except Exception:  # noqa: S110 - no thread can start: the fork itself has succeeded
            pass
