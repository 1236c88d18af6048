"""The thread that starts an agent in a forked child, once others are done with the fork.

Hooks of other libraries run right after it. A worker of gunicorn changes its user then, and
gevent replaces locks and threads in it: an import under way meanwhile waits for itself for ever.
Such a worker says when it has booted; on a busy machine no time that we could choose is enough.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from sampler._runtime.native import allocate_lock
from sampler._runtime.service import Service
from sampler.agent.roles import frame_of

if TYPE_CHECKING:
    from _thread import LockType
    from collections.abc import Callable

SETTLING = 0.1
"""Seconds after a fork until the child's agent starts; sooner when the child ends before."""
_BOOTING = 30.0
"""Seconds that a worker of gunicorn may take to boot: by default it gets no more of gunicorn."""


class Restart(Service):
    """Starts an agent in a forked child; made in the child, on the thread that has forked.

    Args:
        start: starts it, unless the child has one.
    """

    def __init__(self, start: Callable[[], object]) -> None:
        super().__init__(self._start_once_settled, "sampler-restart", bare=True)
        self._start_agent = start
        self._now: LockType = allocate_lock()  # an Event's set() may not be interrupted
        self._now.acquire()
        spawned = frame_of("gunicorn.arbiter", "spawn_worker")
        self._worker: Any = None if spawned is None else spawned.f_locals.get("worker")

    def hurry(self) -> None:
        """Start the agent at once. A signal handler may be in between."""
        try:
            self._now.release()
        except RuntimeError:  # it has been released
            return

    def _start_once_settled(self) -> None:
        until = time.monotonic() + _BOOTING
        while not self._now.acquire(timeout=SETTLING):
            if getattr(self._worker, "booted", True) or time.monotonic() > until:
                break
        self._start_agent()
