"""The ledger keeps the law: every entry that a consumer collected is counted exactly once.

``collected + recovered = delivered + unconfirmed + dropped{reason} + queued``
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from sampler._runtime.threads import Lock

if TYPE_CHECKING:
    from collections.abc import Mapping

REASONS = (
    "collision",
    "encode",
    "oldest",
    "rejected",
    "shutdown",
    "spool",
    "superseded",
    "too_long",
    "unauthorized",
    "unsupported",
)
"""Reasons that are 0 from the start, so that a store sees the first drop of each."""


@attrs.frozen
class Balance:
    """The numbers of a :class:`Ledger` at one moment, in entries."""

    collected: int
    recovered: int
    delivered: int
    unconfirmed: int
    dropped: Mapping[str, int]
    queued: int

    @property
    def holds(self) -> bool:
        """True when the law holds: no entry was lost without a count."""
        return self.collected + self.recovered == (
            self.delivered + self.unconfirmed + sum(self.dropped.values()) + self.queued
        )


class Ledger:
    """Counts the entries of one adapter. Safe to use from any thread.

    Attributes:
        left: entries, still ``queued``, that an ended outbox left in its spool.
    """

    def __init__(self) -> None:
        self.left: int = 0
        self._lock = Lock()
        self._collected = self._recovered = self._queued = 0
        self._delivered = self._unconfirmed = 0
        self._dropped: dict[str, int] = dict.fromkeys(REASONS, 0)

    def count(
        self,
        *,
        collected: int = 0,
        recovered: int = 0,
        delivered: int = 0,
        unconfirmed: int = 0,
        dropped: Mapping[str, int] | None = None,
        queued: int = 0,
    ) -> None:
        """Count entries, all of them at one moment; ``queued`` may be negative."""
        with self._lock:
            self._collected += collected
            self._recovered += recovered
            self._delivered += delivered
            self._unconfirmed += unconfirmed
            self._queued += queued
            for reason, entries in (dropped or {}).items():
                self._dropped[reason] = self._dropped.get(reason, 0) + entries

    def balance(self) -> Balance:
        """Return all counts of one moment."""
        with self._lock:
            return Balance(
                self._collected,
                self._recovered,
                self._delivered,
                self._unconfirmed,
                dict(self._dropped),
                self._queued,
            )
