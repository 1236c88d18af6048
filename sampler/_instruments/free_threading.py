"""Counting where ``x += n`` is not one step: one lock for all instruments.

CPython's own lock is handed over at calls and backward jumps only. Free-threaded builds have none,
and PyPy hands its lock over between any two instructions.

It is re-entrant, because a signal handler may count while its own thread does. While it is held,
only the method itself runs. The tests of the contract pass on a free-threaded 3.13 and on PyPy
(docs/free-threading.md, docs/pypy.md).
"""

from __future__ import annotations

import sys

from sampler._runtime.native import RLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

NEEDED = (
    sys.implementation.name != "cpython" or not getattr(sys, "_is_gil_enabled", lambda: True)()
)
"""True where another thread can run within ``x += n``."""

_lock = RLock()
METHODS = ("inc", "set", "observe", "read", "restart")
"""Those of instruments."""


def guard(*kinds: type, methods: tuple[str, ...] = METHODS) -> None:
    """Make these methods, which change or read a value, hold the lock."""
    for kind in kinds:
        for name in methods:
            method = vars(kind).get(name)
            if method is not None:
                setattr(kind, name, _one_at_a_time(method))


def renew_lock() -> None:
    """Start over in a forked child: the lock may have been held at the fork."""
    global _lock  # noqa: PLW0603
    _lock = RLock()


def _one_at_a_time(method: Callable[..., Any]) -> Callable[..., Any]:
    from functools import wraps

    @wraps(method)
    def locked(*args: Any, **kwargs: Any) -> Any:
        with _lock:
            return method(*args, **kwargs)

    return locked
