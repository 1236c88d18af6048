"""Daemon threads, locks and a selector that stay native where gevent or eventlet patches them.

``Service`` runs a loop on a thread and starts it anew when it raises; ``unhealthy()`` names the
services that do not work. ``in_child`` registers a function to run in each forked child.
"""

import selectors
import sys

from sampler._runtime.fork import in_child
from sampler._runtime.native import original, sleep
from sampler._runtime.service import Service, unhealthy
from sampler._runtime.threads import Condition, Event, Lock, Thread

__all__ = [
    "Condition",
    "Event",
    "Lock",
    "Selector",
    "Service",
    "Thread",
    "in_child",
    "sleep",
    "unhealthy",
]

Selector: type[selectors.BaseSelector]
"""The most efficient selector of this platform."""
if "gevent.monkey" not in sys.modules and "eventlet.patcher" in sys.modules:
    # eventlet removes every selector but SelectSelector, and patches that one.

    class _Polling(selectors._PollLikeSelector):  # noqa: SLF001
        _selector_cls = original("select", "poll")
        _EVENT_READ = original("select", "POLLIN")
        _EVENT_WRITE = original("select", "POLLOUT")

    Selector = _Polling
else:
    Selector = original("selectors", "DefaultSelector")
