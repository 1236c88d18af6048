"""Locks of bridges in forked children."""

from __future__ import annotations

import os

from sampler.bridges._log import Failures
from sampler.bridges._names import Names


def test_a_lock_that_was_held_at_the_fork_is_free_in_the_child():
    """The thread that held it is not there: it would be waited for without an end."""
    names, failures = Names(), Failures("test")
    with names._lock, failures._lock:
        child = os.fork()
        if not child:
            free = names._lock.acquire(blocking=False) and failures._lock.acquire(blocking=False)
            os._exit(0 if free else 1)
    assert os.waitpid(child, 0)[1] == 0
