"""Lines of the log that strangers cause: one in a while, whatever they do."""

from __future__ import annotations

from time import monotonic

from sampler.agent import log

EVERY = 10.0
"""Seconds between two lines."""


class Complaints:
    """Logs, and counts what it does not log."""

    def __init__(self) -> None:
        self._next = 0.0
        self._more = 0

    def add(self, message: str, *details: object) -> None:
        """Log a line, unless one was logged just now."""
        now = monotonic()
        if now < self._next:
            self._more += 1
            return
        more, self._more, self._next = self._more, 0, now + EVERY
        since = f" (and {more:,} more such lines before)" if more else ""
        log.warning(f"relay: {message}{since}", *details)
