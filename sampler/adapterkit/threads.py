"""Daemon threads, and what they wait for, that stay the operating system's beside greenlets."""

import selectors
import sys

from sampler._runtime.fork import in_child
from sampler._runtime.native import original, sleep
from sampler._runtime.service import Service, unhealthy
from sampler._runtime.threads import Condition, Event, Lock, Thread, call_foreign

__all__ = [
    "Condition",
    "Event",
    "Lock",
    "Selector",
    "Service",
    "Thread",
    "call_foreign",
    "in_child",
    "sleep",
    "unhealthy",
]

Selector: type[selectors.BaseSelector]
"""The best selector there is."""
if "gevent.monkey" not in sys.modules and "eventlet.patcher" in sys.modules:
    # It takes all good ones away and changes the one that it leaves.

    class _Polling(selectors._PollLikeSelector):  # noqa: SLF001
        _selector_cls = original("select", "poll")
        _EVENT_READ = original("select", "POLLIN")
        _EVENT_WRITE = original("select", "POLLOUT")

    Selector = _Polling
else:
    Selector = original("selectors", "DefaultSelector")
