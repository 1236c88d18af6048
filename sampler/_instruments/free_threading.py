"""Counting where the interpreter has no lock of its own: one lock for all instruments.

It is re-entrant, because a signal handler may count while its own thread does. While it is held,
only the method itself runs. The tests of the contract pass on a free-threaded 3.13
(docs/free-threading.md).
"""

from __future__ import annotations

import sys

from sampler._runtime.native import RLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

NEEDED = not getattr(sys, "_is_gil_enabled", lambda: True)()
"""True on interpreters that run threads in parallel."""

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
