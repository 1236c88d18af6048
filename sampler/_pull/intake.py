"""Samples in, one block out: every sample is checked, turned into plain numbers, and named.

Reading is separate from keeping: :meth:`Intake.read` runs beside foreign code, perhaps on a
thread that was given up long ago, and changes nothing; :meth:`Intake.keep` takes its result.
A sampler mostly yields what it yielded last time, so each sample is first compared with the one
that stood in its place: nothing is looked up, named or checked again while that holds.
"""

from __future__ import annotations

from itertools import chain

from sampler._contract.declaration import UNDECLARED, Declaration, short
from sampler._contract.names import OVERFLOW, SURPLUS
from sampler._contract.snapshot import ABSENT, Absent, Block, Series
from sampler._contract.values import (
    RefusedRecordings,
    RefusedSample,
    fell,
    in_range,
    plain_value,
    subtract,
)
from sampler._pull.overflow import Overflow
from sampler._pull.reading import Reading, Row
from sampler._pull.sample import series_key, split_sample
from sampler._runtime.abandoned import is_foreign
from sampler._runtime.gil_yield import GIVE_WAY_EVERY, give_way

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from sampler._contract.snapshot import Value
    from sampler._pull.reading import Key

_MISSING: Any = object()
_HIGH = 2**63
_INFINITE = float("inf")


class Intake:
    """One consumer's reading of one sampler.

    Args:
        declaration: what the sampler's mapping says.
        max_samples: samples taken in one pull.
        max_series: series admitted for one metric; the rest is folded into one.
        since: epoch seconds at which the consumer began.
        absent_at: epoch seconds of a pull before the sampler was registered, if there was one.
        inherited_at: epoch seconds of the fork, when the sampler was registered before it.
        report: called with each complaint.
    """

    def __init__(
        self,
        declaration: Declaration,
        max_samples: int = 10_000,
        max_series: int = 2_000,
        since: float = 0.0,
        absent_at: float | None = None,
        inherited_at: float | None = None,
        report: Callable[[RefusedSample], None] | None = None,
    ) -> None:
        self._declaration = declaration
        self._max_samples = max_samples
        self._max_series = max_series
        self._since = since
        self._absent_at = absent_at
        self._inherited_at = inherited_at
        self._report = report
        self._slots: list[Row] = []
        self._series: tuple[Series, ...] = ()
        self._last: list[Any] = []
        self._index: dict[Key, int] = {}
        self._counts: dict[str, int] = {}
        self._time: float | None = None
        self._start: float | None = None
        self._overflow = Overflow()
        self._offsets = self._cut = False

    def read(self, samples: Iterable[Any], time: float, start: float | None = None) -> Reading:
        """Take the samples of one pull; whatever the iterable raises ends the pull.

        Args:
            samples: what the sampler returned.
            time: epoch seconds.
            start: epoch seconds at which the source says its cumulative values were zero.
        """
        reading = Reading(time, start, self._overflow.begin(), self._report)
        rows = self._slots
        last: list[Any] = self._last
        count = len(rows)
        restarted: list[int] = []
        if start is not None and self._start is not None and start != self._start:
            restarted = [i for i, row in enumerate(rows) if row.series.cumulative]
            last = [_MISSING] * count
            reading.overflow = Overflow()
        rest = iter(samples)
        values, item = self._as_before(rest, last, reading, restarted)
        position = reading.taken = len(values)
        as_before = position == count
        values += [_MISSING] * (count - position)
        if item is not _MISSING:
            rest = chain((item,), rest)
        turn = min(position + GIVE_WAY_EVERY, self._max_samples)
        for item in rest:
            reading.taken += 1
            if reading.taken > turn:
                if reading.taken > self._max_samples:
                    what = f"more than {self._max_samples} samples in one pull"
                    reading.refuse(RefusedSample("C-14", "too_many_samples", what))
                    _close(samples)
                    reading.cut = True
                    if count <= self._max_samples:  # it ends no series, but nothing piles up
                        values = [ABSENT if value is _MISSING else value for value in values]
                    break
                turn = min(turn + GIVE_WAY_EVERY, self._max_samples)
                give_way()
            try:
                metric, value, labels = split_sample(item)
                index = position
                if (
                    position == count
                    or metric != (row := rows[position]).metric
                    or (labels is not row.raw and labels != row.raw)
                ):
                    as_before = False
                    key, raw = series_key(self._declaration, metric, labels)
                    if key[1] == SURPLUS:
                        self._add_surplus(key, value, reading)
                        continue
                    index = self._index.get(key, -1)
                    if index < 0:
                        self._admit(key, raw, value, reading)
                        continue
                    row = rows[index]
                if values[index] is not _MISSING:
                    raise RefusedSample(
                        "S-25", "duplicate", f"{row.series} occurs twice in one pull"
                    )
                position = index + 1
                before = last[index]
                if value is not before:
                    values[index] = ABSENT  # a refused value keeps its series' place
                    value = _checked(value, before, row, index, reading, restarted)
                values[index] = value
            except RefusedSample as refused:
                reading.refuse(refused)
            except BaseException as error:  # an author's own __eq__, __hash__, __iter__ ...
                if not is_foreign(error):
                    raise
                reading.refuse(RefusedSample("S-14", "shape", f"{short(item)}: {short(error)}"))
        as_before = as_before and position == count
        self._settle(reading, values, restarted, as_before=as_before)
        return reading

    def _as_before(
        self, samples: Iterator[Any], last: list[Any], reading: Reading, restarted: list[int]
    ) -> tuple[list[Any], Any]:
        """Take samples for as long as they are those of the last pull, in its order.

        Returns:
            Their values, and the first sample that is another one, if there is one.
        """
        values: list[Any] = []
        rows = self._slots
        most = min(len(rows), self._max_samples)  # places kept behind a cut may be more
        for first in range(0, most, GIVE_WAY_EVERY):
            if first:
                give_way()
            until = min(first + GIVE_WAY_EVERY, most)
            for row, before, item in zip(
                rows[first:until], last[first:until], samples, strict=False
            ):
                try:
                    if type(item) is not tuple:
                        return values, item
                    if len(item) == 3:
                        metric, value, labels = item
                        if labels is not row.raw and labels != row.raw:
                            return values, item
                    elif len(item) == 2 and row.raw is None:
                        metric, value = item
                    else:
                        return values, item
                    if metric != row.metric:
                        return values, item
                except BaseException as error:  # an author's own __eq__: again, where it is told
                    if not is_foreign(error):
                        raise
                    return values, item
                if value is not before:  # which is plain
                    kind = type(value)
                    if (
                        row.histogram
                        or not (
                            (kind is int and 0 <= value < _HIGH)
                            or (kind is float and 0.0 <= value < _INFINITE)
                        )
                        or (row.cumulative and (before is _MISSING or value < before))
                    ):
                        try:
                            value = _checked(value, before, row, len(values), reading, restarted)
                        except RefusedSample as refused:
                            reading.refuse(refused)
                            value = ABSENT  # a refused value keeps its series' place
                values.append(value)
        return values, _MISSING

    def keep(self, reading: Reading, sampler: str) -> Block:
        """Take over a reading and return its block."""
        last = reading.raw
        whole = not (reading.silent or reading.refused)
        if not whole and ABSENT in last:  # what is not there now is compared with what it was
            old = {row.series: value for row, value in zip(self._slots, self._last, strict=True)}
            last = [
                old.get(row.series, _MISSING) if value is ABSENT else value
                for row, value in zip(reading.rows, last, strict=True)
            ]
        self._last = last
        if reading.rows is not self._slots:
            self._slots = reading.rows
            self._series = tuple(row.series for row in reading.rows)
            self._index = {row.key: i for i, row in enumerate(reading.rows)}
            self._counts = {}
            for row in reading.rows:
                self._counts[row.metric] = self._counts.get(row.metric, 0) + 1
            self._offsets = any(row.offset is not None for row in reading.rows)
        self._time, self._start, self._cut = reading.time, reading.start, reading.cut
        self._overflow, self._inherited_at = reading.overflow, None
        values = self._reported(reading) if self._offsets else reading.raw
        return Block(sampler, self._series, values, reading.time, len(values) if whole else None)

    def absent(self, sampler: str) -> Block | None:
        """Return the block of a failed pull: every known series, no values."""
        if not self._slots or self._time is None:
            return None
        return Block(sampler, self._series, [ABSENT] * len(self._slots), self._time, 0)

    def _reported(self, reading: Reading) -> list[Value | Absent]:
        return [
            value
            if row.offset is None or isinstance(value, Absent)
            else subtract(value, row.offset)
            for row, value in zip(reading.rows, reading.raw, strict=True)
        ]

    def _admit(self, key: Key, raw: Any, value: Any, reading: Reading) -> None:
        """Take a sample of a series that the last pull did not have."""
        metric = key[0]
        series = self._name(key, reading.start)
        if key in reading.new or key in reading.folded:
            raise RefusedSample("S-25", "duplicate", f"{series} occurs twice in one pull")
        first = plain_value(value, series)
        if isinstance(first, Absent):
            reading.silent += 1
            return
        live = self._counts.get(metric, 0) + reading.counts.get(metric, 0)
        if live < self._max_series and not self._overflow.holds(metric):
            reading.add(Row(metric, raw, key, series), first)
        elif series.cumulative:
            reading.overflow.fold(metric, first)
            reading.folded.add(key)
        else:
            limit = f"{series.name} has more than {self._max_series} series"
            raise RefusedSample("C-14", "too_many_series", limit)

    def _add_surplus(self, key: Key, value: Any, reading: Reading) -> None:
        """Take what a sampler has folded itself; of a gauge, what it has refused."""
        series, metric = self._name(key, reading.start), key[0]
        if key in reading.folded:
            raise RefusedSample("S-25", "duplicate", f"{series} occurs twice in one pull")
        if series.cumulative:
            total = plain_value(value, series)
            if isinstance(total, Absent):
                reading.silent += 1
            else:
                reading.overflow.fold(metric, total, samples=0)
                reading.folded.add(key)
        elif type(value) is RefusedRecordings:
            reading.folded.add(key)
            lost = reading.overflow.lose(metric, value.recordings)
            reading.silent += 1 - lost  # each of them counts as a sample
            if lost:
                what = f"{series.name}: recordings for more label sets than its max_children"
                reading.refuse(RefusedSample("C-14", OVERFLOW, what), lost)
        else:
            what = f"{metric}: {OVERFLOW!r} is not a label name"
            raise RefusedSample("S-03", "label_name", what)

    def _name(self, key: Key, start: float | None) -> Series:
        metric, pairs = key
        described = self._declaration.metrics.get(metric, UNDECLARED)
        labels = dict(sorted({**self._declaration.labels, **dict(pairs)}.items()))
        series = Series(
            f"{self._declaration.name}.{metric}",
            labels,
            described.kind,
            described.unit,
            described.help,
            described.scope,
            described.merge,
        )
        if series.cumulative:
            series.start = self._started(start)
        return series

    def _started(self, start: float | None) -> float | None:
        """Return when a series first seen now was zero (S: Baselines)."""
        if self._time is None:
            return self._absent_at if start is None else start
        if self._cut:  # it may have been there, and was not reached
            return start
        seen = max(self._time, self._since)  # the wall clock may have been set back
        return seen if start is None else max(start, seen)

    def _settle(
        self, reading: Reading, values: list[Any], restarted: list[int], *, as_before: bool
    ) -> None:
        """Turn what was read into slots and values; the old list of slots stays when it can."""
        self._fold(reading, values)
        rows = self._slots
        if restarted:
            rows = list(rows)
            for index in restarted:
                old = rows[index]
                series = old.series.restarted(self._started(reading.start))
                rows[index] = Row(old.metric, old.raw, old.key, series)
        if not as_before and _MISSING in values:
            here = [i for i, value in enumerate(values) if value is not _MISSING]
            rows, values = [rows[i] for i in here], [values[i] for i in here]
        if reading.new:
            rows = [*rows, *(row for row, _ in reading.new.values())]
            values = [*values, *(value for _, value in reading.new.values())]
        if self._inherited_at is not None:
            self._inherit(rows, values, reading.start, self._inherited_at)
        reading.rows, reading.raw = rows, values

    def _fold(self, reading: Reading, values: list[Any]) -> None:
        """Give each metric with a surplus its overflow series."""
        own = {metric for metric, labels in reading.folded if labels == SURPLUS}
        for metric, total, beyond in reading.overflow.finish(own):
            if beyond:
                what = f"{metric}: folded into one series"
                reading.refuse(RefusedSample("C-14", OVERFLOW, what), beyond)
            key: Key = (metric, SURPLUS)
            index = self._index.get(key, -1)
            value = total if in_range(total) else ABSENT
            if isinstance(value, Absent):
                what = f"{metric}: the sum of its surplus"
                reading.refuse(RefusedSample("C-14", "out_of_range", what))
            if index >= 0:
                values[index] = value
            elif not isinstance(value, Absent):
                series = self._name(key, reading.start)
                reading.add(Row(metric, _MISSING, key, series), value)

    @staticmethod
    def _inherit(rows: list[Row], values: list[Any], start: float | None, fork: float) -> None:
        """Make what a parent process counted the baseline of its forked child (S: Fork)."""
        if start is not None and start >= fork:
            return  # the source itself started over
        for row, value in zip(rows, values, strict=True):
            if row.series.cumulative and value is not ABSENT:
                row.offset = value
                row.series.start = fork


def _checked(
    value: Any, before: Any, row: Row, index: int, reading: Reading, restarted: list[int]
) -> Any:
    """Return a value that is not the last one as a plain one; note a reset."""
    try:
        value = plain_value(value, row.series)
    except RefusedSample:
        raise
    except BaseException as error:  # an author's own mapping
        if not is_foreign(error):
            raise
        raise RefusedSample("S-14", "shape", f"{row.series}: {short(error)}") from None
    if value is ABSENT:
        reading.silent += 1
    elif row.cumulative and before is not _MISSING and fell(value, before):
        restarted.append(index)
    return value


def _close(samples: Any) -> None:
    if hasattr(samples, "gi_frame"):  # a generator cut short ends here, in the sampler's own time
        samples.close()
