"""How far this host's clock is ahead of the receiver's.

Some receivers take a sample that is two days ahead, and from then on refuse every sample of that
series that is not: one wrong clock, for one pull, costs two days of numbers.
"""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime

AHEAD = 300.0
"""Seconds that a sample may be ahead of the receiver's clock."""


class PeerClock:
    """The receiver's clock, as the header ``Date`` of its replies shows it."""

    def __init__(self) -> None:
        self.asked: bool = False
        """Whether a reply has come: some never tell."""
        self._ahead: float | None = None
        """Of epoch seconds there, by this host's monotonic clock."""

    def heard(self, date: str | None) -> None:
        """Take the header ``Date`` of a reply that has just come; None: it has none."""
        self.asked = True
        try:
            there = parsedate_to_datetime(date or "").timestamp()
        except (TypeError, ValueError, IndexError, OverflowError):  # bad dates raise any of these
            return
        self._ahead = there - time.monotonic()

    def is_ahead(self, moment: float) -> bool:
        """Tell whether a moment, in epoch seconds, is too far ahead of the receiver's clock."""
        return self._ahead is not None and moment > self._ahead + time.monotonic() + AHEAD
