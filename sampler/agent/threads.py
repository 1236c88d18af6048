"""Daemon threads, and what they wait for, that stay the operating system's under gevent."""

import selectors
import sys

from sampler._fork import in_child
from sampler._service import Service, ailing
from sampler._threads import Condition, Event, Lock, Thread

__all__ = ["Condition", "Event", "Lock", "Selector", "Service", "Thread", "ailing", "in_child"]

Selector: type[selectors.BaseSelector] = selectors.DefaultSelector
"""The best selector there is."""
if "gevent.monkey" in sys.modules:
    Selector = sys.modules["gevent.monkey"].get_original("selectors", "DefaultSelector")
