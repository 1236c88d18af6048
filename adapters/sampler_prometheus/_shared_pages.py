"""Limits how many pages are in memory, however many clients read pages slowly.

All clients of one scrape share a page in memory, but slow clients of many scrapes would keep as
many pages. So while more than four pages are being read, the next scrape gets the newest page
again, unless that has become too old.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from weakref import WeakSet

if TYPE_CHECKING:
    from collections.abc import Callable

    from sampler.agent import Snapshot

PAGES = 4
"""While more pages than these are being read, the newest is served again."""
OLDEST = 10.0
"""Seconds after which a page is never served again."""


class PullMark:
    """Stands for the pages of one pull; it lives as long as one of them is being read."""

    __slots__ = ("__weakref__",)


class SharedPages:
    """Pulls, unless too many pages are being read. Safe to use from any thread.

    Args:
        collect: makes a snapshot.
        reply_timeout: seconds that a client may take to read a page. At most ``PAGES + 1`` pages
            are in memory, and one for each time that the newest becomes too old meanwhile: with
            the defaults ten in all.
    """

    def __init__(self, collect: Callable[[], Snapshot], reply_timeout: float) -> None:
        self._collect = collect
        self._max_age = min(reply_timeout / PAGES, OLDEST)
        self._marks: WeakSet[PullMark] = WeakSet()
        self._newest: tuple[Snapshot, PullMark, float] | None = None

    def snapshot(self) -> tuple[Snapshot, object]:
        """Return a snapshot, and an object to be kept as long as a page of it is kept."""
        newest = self._newest
        if newest is not None:
            snapshot, mark, made = newest
            if len(self._marks) > PAGES and time.monotonic() - made < self._max_age:
                return snapshot, mark
        self._newest = newest = None  # frees its page, unless that is being read
        snapshot, mark = self._collect(), PullMark()
        self._marks.add(mark)
        self._newest = snapshot, mark, time.monotonic()
        return snapshot, mark
