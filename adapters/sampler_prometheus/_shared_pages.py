"""How many pages are in memory at once, whatever the number of those who read them.

A page is held once for all who read it, and each scrape has a page of its own: readers that take
their time over pages of different scrapes would hold as many. From the fifth page on, whoever
asks gets the newest one, as long as it is young.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from weakref import WeakSet

if TYPE_CHECKING:
    from collections.abc import Callable

    from sampler.agent import Snapshot

PAGES = 4
"""Pages that are being read, from which on the newest is given out again."""
OLDEST = 10.0
"""Seconds after which it never is."""


class PullMark:
    """Stands for the pages of one pull; whoever reads one keeps it alive."""

    __slots__ = ("__weakref__",)


class SharedPages:
    """Pulls, unless too many pages are being read. Safe to use from any thread.

    Args:
        collect: makes a snapshot.
        patience: seconds that a reader may take. There are :data:`PAGES` pages, one more, and
            one for each time that the newest grows too old meanwhile: ten at most by default.
    """

    def __init__(self, collect: Callable[[], Snapshot], patience: float) -> None:
        self._collect = collect
        self._age = min(patience / PAGES, OLDEST)
        self._marks: WeakSet[PullMark] = WeakSet()
        self._newest: tuple[Snapshot, PullMark, float] | None = None

    def snapshot(self) -> tuple[Snapshot, object]:
        """Return a snapshot, and what has to be kept as long as a page of it is."""
        newest = self._newest
        if newest is not None:
            snapshot, mark, made = newest
            if len(self._marks) > PAGES and time.monotonic() - made < self._age:
                return snapshot, mark
        self._newest = newest = None  # its page goes now, unless it is being read
        snapshot, mark = self._collect(), PullMark()
        self._marks.add(mark)
        self._newest = snapshot, mark, time.monotonic()
        return snapshot, mark
