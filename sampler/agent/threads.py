"""Daemon threads, and what they wait for, that stay the operating system's under gevent."""

from sampler._fork import in_child
from sampler._threads import Condition, Event, Lock, Thread

__all__ = ["Condition", "Event", "Lock", "Thread", "in_child"]
