"""What became of the entries of a program: the balances of all its adapters at one moment."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sampler.agent.delivery.ledger import Balance

ON_PURPOSE = ("collision", "encode", "superseded", "too_long", "unsupported")
"""Reasons to drop an entry that have nothing to do with its endpoint: no other attempt helps."""


@attrs.frozen
class Account:
    """The balance of each adapter, in entries since the agent began.

    Attributes:
        adapters: balances by the adapter's name.
        troubles: by adapter, what its last attempt to send failed with.
    """

    adapters: Mapping[str, Balance] = attrs.field(factory=dict)
    troubles: Mapping[str, str] = attrs.field(factory=dict)

    def __getitem__(self, adapter: str) -> Balance:
        """Return the balance of one adapter."""
        return self.adapters[adapter]

    @property
    def delivered(self) -> int:
        """Entries whose arrival an endpoint has confirmed."""
        return sum(each.delivered for each in self.adapters.values())

    @property
    def unconfirmed(self) -> int:
        """Entries that were sent without a confirmation."""
        return sum(each.unconfirmed for each in self.adapters.values())

    @property
    def queued(self) -> int:
        """Entries that still wait."""
        return sum(each.queued for each in self.adapters.values())

    @property
    def dropped(self) -> Mapping[str, int]:
        """Entries that were given up, by reason; reasons without any are left out."""
        total: Counter[str] = Counter()
        for each in self.adapters.values():
            total.update(each.dropped)
        return {reason: entries for reason, entries in total.items() if entries}

    @property
    def complete(self) -> bool:
        """True when no endpoint owes anything: nothing waits, failed, or was given up for it.

        What an endpoint does not confirm, as over UDP, is not owed. Nor is what an adapter's
        format cannot carry, or what a newer snapshot has taken the place of.
        """
        given_up = self.dropped.keys() - set(ON_PURPOSE)
        return not (self.queued or self.troubles or given_up)

    @property
    def holds(self) -> bool:
        """True when the law holds for each adapter: no entry was lost without a count."""
        return all(each.holds for each in self.adapters.values())
