"""An adapter in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from sampler.agent import DELIVERED, Batch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sampler.agent import Outcome, Since, Snapshot


@attrs.frozen
class Entry:
    """One entry that arrived.

    Attributes:
        name: the metric's full name.
        labels: label names to values.
        value: a number, or a :class:`sampler.HistogramValue`.
        kind: ``counter``, ``gauge`` or ``histogram``.
        unit: UCUM code, or empty.
        time: epoch seconds at which it was read.
    """

    name: str
    labels: Mapping[str, str]
    value: Any
    kind: str
    unit: str
    time: float


@attrs.define(eq=False)
class Memory:
    """An adapter that keeps what it is sent; counters are kept as totals.

    Attributes:
        entries: what has arrived, in order.
        fault: what ``send`` raises instead of keeping the batch, such as
            :class:`sampler.exceptions.Unavailable`; None: everything arrives.
    """

    stamped = True

    entries: list[Entry] = attrs.field(factory=list)
    fault: Exception | None = None

    def encode(self, snapshot: Snapshot, since: Since) -> Iterator[Batch]:
        """Yield one batch for each sampler."""
        del since
        for block in snapshot.blocks:
            entries = tuple(
                Entry(s.name, dict(s.labels), value, s.kind, s.unit, block.time)
                for s, value in block
            )
            if entries:
                yield Batch((block.sampler.encode(),), len(entries), note=entries)

    def send(self, batch: Batch, timeout: float) -> Outcome:
        """Keep the batch, or raise :attr:`fault`."""
        del timeout
        if self.fault is not None:
            raise self.fault
        self.entries += batch.note or ()
        return DELIVERED

    def values(self, name: str) -> dict[tuple[tuple[str, str], ...], Any]:
        """Return the last values of a metric, by its sorted labels."""
        found = [entry for entry in self.entries if entry.name == name]
        return {tuple(sorted(entry.labels.items())): entry.value for entry in found}

    def value(self, name: str, **labels: str) -> Any:
        """Return the last value of a series.

        Raises:
            LookupError: it has not arrived; the message says what has.
        """
        found = self.values(name)
        try:
            return found[tuple(sorted(labels.items()))]
        except KeyError:
            here = [str(labels) for labels in found] or {entry.name for entry in self.entries}
            raise LookupError(
                f"{name} with labels {labels} has not arrived; these have: {sorted(here)}"
            ) from None
