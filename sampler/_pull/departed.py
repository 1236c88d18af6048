"""Children that instruments have removed, as one consumer sees them: each of their series ends.

A series that ended may come back with what it had counted before, as other consumers had not seen
its end. Or its total became part of the surplus, as it could not wait for them. Either way this
consumer has counted it, so it is subtracted.
"""

from __future__ import annotations

from sampler._contract.instrument_samples import BACK, FOLDED, GONE
from sampler._contract.snapshot import FixedLabels
from sampler._pull.reading import MISSING, Ended

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampler._contract.instrument_samples import Departure, InstrumentSamples, View
    from sampler._pull.reading import Reading, Row


class Departed:
    """What a consumer knows of the children that one group has removed."""

    def __init__(self) -> None:
        self.view: View | None = None
        self._final: dict[int, Departure] = {}
        """By the identity of their labels: departures that were in the last pull."""
        self._ended: list[Ended] = []
        self._refused: dict[str, int] = {}
        self._offsets = False

    @property
    def offsets(self) -> bool:
        """Whether a series may have an offset."""
        return self._offsets or bool(self._ended)

    def begin(self, samples: InstrumentSamples, reading: Reading) -> None:
        """Begin a pull."""
        # Before the samples are made, in which they are then.
        reading.back = {each.departure for each in self._ended if each.departure.state == BACK}
        samples.begin(self.view)
        reading.departing = samples
        reading.shape = samples.shape

    def settle(
        self, reading: Reading, rows: list[Row], values: list[Any], last: list[Any]
    ) -> None:
        """Look which series have ended, and what has become of those that had.

        Args:
            reading: the pull, before its surplus is added up.
            rows: those of the last pull.
            values: theirs; ``MISSING`` where there is none.
            last: those of the last pull.
        """
        if reading.departing is None:
            return
        ended: list[Ended] = []
        for row, value, before in zip(rows, values, last, strict=True):
            if value is MISSING and row.cumulative and type(row.raw) is FixedLabels:
                departure = self._final.get(id(row.raw))
                if departure is None or departure.state in {FOLDED, BACK}:  # back, and folded then
                    reading.overflow.forget(row.yielded, before)
                else:
                    ended.append(Ended(departure, row, before))
        added = reading.added.new if reading.added is not None and self._ended else {}
        new = {id(row.raw): row for row in added.values()}
        for each in self._ended:
            state = each.departure.state
            if state == FOLDED:
                reading.overflow.forget(each.row.yielded, each.value)
            elif each.departure in reading.back:
                if (known := new.get(id(each.row.raw))) is not None:
                    known.offset = each.value
                else:  # it was removed again, and folded
                    reading.overflow.forget(each.row.yielded, each.value)
            elif state != GONE:
                ended.append(each)
        reading.ended = ended

    def keep(self, reading: Reading) -> None:
        """Take over a reading; count the recordings that were refused since the last one."""
        samples = reading.departing
        assert samples is not None  # noqa: S101 - the caller has looked
        self.view = samples.view
        refused = samples.refused
        for reason, total in refused.items():
            before = self._refused.get(reason, 0)
            new = total - before if total >= before else total
            if new:
                if not reading.refused:
                    reading.refused, reading.examples = {}, {}
                reading.refused[reason] = reading.refused.get(reason, 0) + new
                reading.silent -= new  # each counts as a sample
        self._refused = refused
        self._offsets = self.offsets
        if reading.ended is not None:
            self._ended = reading.ended
        self._final = {
            id(labels): each
            for each in samples.final
            if (labels := each.child._labels) is not None  # noqa: SLF001 - the group's
        }
        samples.keep()
