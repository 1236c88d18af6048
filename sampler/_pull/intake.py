"""Samples in, one block out: every sample is checked, turned into plain numbers, and named.

Reading is separate from keeping: :meth:`Intake.read` runs beside foreign code, perhaps on a
thread that was abandoned long ago, and changes nothing; :meth:`Intake.keep` takes its result.
A sampler mostly yields the series that it yielded last time, in the same order. So each sample is
first compared with the last one in its place; if they agree, nothing is looked up or named again.
"""

from __future__ import annotations

from itertools import chain

from sampler._contract.declaration import Declaration, short
from sampler._contract.names import SURPLUS
from sampler._contract.snapshot import ABSENT, Absent, Block, Series
from sampler._contract.values import RefusedSample, fell, plain_value, subtract
from sampler._pull.admission import Admission, combine
from sampler._pull.overflow import Overflow
from sampler._pull.reading import MISSING, REFUSED, Reading, Row
from sampler._pull.sample import given_description, series_key, split_sample
from sampler._runtime.abandoned import is_foreign
from sampler._runtime.gil_yield import GIVE_WAY_EVERY, give_way

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from sampler._contract.snapshot import Value
    from sampler._pull.owners import Owners
    from sampler._pull.reading import Key, Valueless

_HIGH = 2**63
_INFINITE = float("inf")


class Intake:
    """One consumer's reading of one sampler.

    Args:
        declaration: what the sampler's mapping says.
        max_samples: samples taken in one pull.
        max_series: series admitted for one metric; the rest is folded into one.
        since: epoch seconds at which the consumer began.
        absent_at: epoch seconds of a pull before the sampler was registered, or None.
        inherited_at: epoch seconds of the fork if the sampler was registered before it, or None.
        takes_over: it has taken the place of another registry's (R-14).
        report: called with each refused sample.
    """

    def __init__(
        self,
        declaration: Declaration,
        max_samples: int = 10_000,
        max_series: int = 2_000,
        since: float = 0.0,
        absent_at: float | None = None,
        inherited_at: float | None = None,
        takes_over: bool = False,
        report: Callable[[RefusedSample], None] | None = None,
    ) -> None:
        self._declaration = declaration
        self._max_samples = max_samples
        self._admission = Admission(declaration, max_series, since, absent_at, takes_over)
        self._inherited_at = inherited_at
        self._report = report
        self._rows: list[Row] = []
        self._series: tuple[Series, ...] = ()
        self._last: list[Any] = []
        self._index: dict[Key, int] = {}
        self._time: float | None = None
        self._offsets = False
        self._combining = -1
        """The first row of a gauge with ``merge``."""

    def read(self, samples: Iterable[Any], time: float, start: float | None = None) -> Reading:
        """Take the samples of one pull; whatever the iterable raises ends the pull.

        Args:
            samples: what the sampler returned.
            time: epoch seconds.
            start: epoch seconds at which the source says its cumulative values were zero.
        """
        reading = Reading(time, start, self._admission.overflow.begin(), self._report)
        rows = self._rows
        last: list[Any] = self._last
        count = len(rows)
        restarted: list[int] = []
        if self._admission.restarts(start):
            restarted = [i for i, row in enumerate(rows) if row.series.cumulative]
            last = [MISSING] * count
            reading.overflow = Overflow()
        rest = iter(samples)
        values, item = self._read_unchanged(rest, last, reading, restarted)
        position = reading.taken = len(values)
        as_before = position == count
        values += [MISSING] * (count - position)
        if item is not MISSING:
            rest = chain((item,), rest)
        pause_at = min(position + GIVE_WAY_EVERY, self._max_samples)
        for item in rest:
            reading.taken += 1
            if reading.taken > pause_at:
                if reading.taken > self._max_samples:
                    what = f"more than {self._max_samples} samples in one pull"
                    reading.refuse(RefusedSample("C-14", "too_many_samples", what))
                    _close(samples)
                    reading.cut = True
                    if count <= self._max_samples:  # no series ends; their number is bounded
                        values = [ABSENT if value is MISSING else value for value in values]
                    break
                pause_at = min(pause_at + GIVE_WAY_EVERY, self._max_samples)
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
                    index = self._again(rows, position, metric, labels)
                    if index < 0:
                        key, raw = series_key(self._declaration, metric, labels)
                        if key[1] == SURPLUS:
                            self._admission.add_surplus(key, value, reading)
                            continue
                        index = self._index.get(key, -1)
                        if index < 0:
                            said = given_description(item)
                            self._admission.admit(key, raw, value, said, reading)
                            continue
                    row = rows[index]
                if (there := values[index]) is not MISSING:
                    if row.combine is None:
                        what = f"{row.series} occurs twice in one pull"
                        raise RefusedSample("S-25", "duplicate", what)
                    values[index] = combine(there, value, row, reading)
                    position = index + 1
                    continue
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

    def _read_unchanged(
        self, samples: Iterator[Any], last: list[Any], reading: Reading, restarted: list[int]
    ) -> tuple[list[Any], Any]:
        """Take samples for as long as their series are those of the last pull, in its order.

        Returns:
            Their values, and the first sample of another series, or ``MISSING``.
        """
        values: list[Any] = []
        rows = self._rows
        most = min(len(rows), self._max_samples)  # after a cut pull there may be more rows
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
                    elif len(item) > 3:
                        metric, value, labels = item[:3]
                        if labels is not row.raw and labels != row.raw:
                            return values, item
                    else:
                        return values, item
                    if metric != row.metric:
                        return values, item
                except BaseException as error:  # an author's own __eq__: read() reports it
                    if not is_foreign(error):
                        raise
                    return values, item
                if value is not before:  # and before is plain
                    kind = type(value)
                    if (
                        row.histogram
                        or not (
                            (kind is int and 0 <= value < _HIGH)
                            or (kind is float and 0.0 <= value < _INFINITE)
                        )
                        or (row.cumulative and (before is MISSING or value < before))
                    ):
                        try:
                            value = _checked(value, before, row, len(values), reading, restarted)
                        except RefusedSample as refused:
                            reading.refuse(refused)
                            value = ABSENT  # a refused value keeps its series' place
                values.append(value)
        return values, MISSING

    def keep(self, reading: Reading, sampler: str) -> Block:
        """Take over a reading and return its block."""
        admission = self._admission
        if admission.owners is not None and (
            reading.rows is not self._rows or reading.valueless or admission.valueless
        ):
            self._claim(reading, admission.owners)
        last = reading.raw
        whole = not (reading.silent or reading.refused)
        if not whole and ABSENT in last:  # such a series keeps its last value for comparison
            old = {row.series: value for row, value in zip(self._rows, self._last, strict=True)}
            last = [
                old.get(row.series, MISSING) if value is ABSENT else value
                for row, value in zip(reading.rows, last, strict=True)
            ]
        self._last = last
        if reading.rows is not self._rows:
            self._rows = reading.rows
            self._series = tuple(row.series for row in reading.rows)
            self._index = {row.key: i for i, row in enumerate(reading.rows)}
            self._admission.count(reading.rows)
            self._offsets = any(row.offset is not None for row in reading.rows)
            combining = (at for at, row in enumerate(reading.rows) if row.combine is not None)
            self._combining = next(combining, -1)
        self._admission.keep(reading)
        self._time = reading.time
        values = self._reported(reading) if self._offsets else reading.raw
        return Block(sampler, self._series, values, reading.time, len(values) if whole else None)

    def absent(self, sampler: str) -> Block | None:
        """Return the block of a failed pull: every known series, no values."""
        if not self._rows or self._time is None:
            return None
        return Block(sampler, self._series, [ABSENT] * len(self._rows), self._time, 0)

    def share(self, owners: Owners | None) -> None:
        """Share series with other samplers from now on, or no more: those that there are stay."""
        before, self._admission.owners = self._admission.owners, owners
        if before is not owners:
            if before is not None:
                before.claim(self._begun(), (), self._admission)
            if owners is not None:
                owners.claim((), self._begun(), self._admission)

    def _begun(self) -> list[Series]:
        """Return the series that have begun, those that never had a value included."""
        return [*self._series, *_owned(self._admission.valueless)]

    def _claim(self, reading: Reading, owners: Owners) -> None:
        """Make the series of a reading this sampler's, but those that became another's in time."""
        for key, valueless in list(reading.valueless.items()):
            try:
                if valueless.series is not None:
                    owners.check(valueless.series, self._admission)
            except RefusedSample as refused:
                reading.valueless[key] = REFUSED
                if valueless.silent:
                    reading.silent -= 1
                    reading.refuse(refused)
        kept: list[Row] = []
        values: list[Any] = []
        for row, value in zip(reading.rows, reading.raw, strict=True):
            try:
                owners.check(row.series, self._admission)
            except RefusedSample as refused:
                reading.refuse(refused)
                reading.valueless[row.key] = REFUSED
            else:
                kept.append(row)
                values.append(value)
        if len(kept) < len(reading.rows):
            reading.rows, reading.raw = kept, values
        now = [*(row.series for row in kept), *_owned(reading.valueless)]
        owners.claim(self._begun(), now, self._admission)

    def _again(self, rows: list[Row], position: int, metric: Any, labels: Any) -> int:
        """Return the row of a gauge with ``merge`` that this sample probably repeats, or -1."""
        if self._combining >= 0:
            for index in (position - 1, self._combining):
                row = rows[index]  # -1: the last one, which is a guess as good
                if row.combine is None or metric != row.metric:
                    continue
                if labels is row.raw or labels == row.raw:
                    return index if index >= 0 else len(rows) - 1
        return -1

    def _reported(self, reading: Reading) -> list[Value | Absent]:
        return [
            value
            if row.offset is None or isinstance(value, Absent)
            else subtract(value, row.offset)
            for row, value in zip(reading.rows, reading.raw, strict=True)
        ]

    def _settle(
        self, reading: Reading, values: list[Any], restarted: list[int], *, as_before: bool
    ) -> None:
        """Turn what was read into rows and values; the list of rows stays if no series changed."""
        self._admission.fold(reading, values, self._index)
        rows = self._rows
        if restarted:
            rows = list(rows)
            for index in restarted:
                old = rows[index]
                series = old.series.restarted(self._admission.restarted_at(reading.start))
                rows[index] = Row(old.metric, old.raw, old.key, series)
        if not as_before and MISSING in values:
            here = [i for i, value in enumerate(values) if value is not MISSING]
            rows, values = [rows[i] for i in here], [values[i] for i in here]
        if reading.new:
            rows = [*rows, *(row for row, _ in reading.new.values())]
            values = [*values, *(value for _, value in reading.new.values())]
        if self._inherited_at is not None:
            first = 0 if self._time is None else len(rows) - len(reading.new)
            self._inherit(rows[first:], values[first:], reading.start, self._inherited_at)
        reading.rows, reading.raw = rows, values

    @staticmethod
    def _inherit(rows: list[Row], values: list[Any], start: float | None, fork: float) -> None:
        """Make what a parent process counted the baseline of its forked child (PEP: Fork)."""
        if start is not None and start >= fork:
            return  # the source itself restarted
        for row, value in zip(rows, values, strict=True):
            series = row.series
            later = series.start is not None and series.start >= fork  # it began in the child
            if series.cumulative and value is not ABSENT and not later:
                row.offset = value
                row.series.start = fork


def _owned(valueless: dict[Key, Valueless]) -> Iterator[Series]:
    return (each.series for each in valueless.values() if each.series is not None)


def _checked(
    value: Any, before: Any, row: Row, index: int, reading: Reading, restarted: list[int]
) -> Any:
    """Return a value that differs from the last one as a plain one; note a reset."""
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
    elif row.cumulative and before is not MISSING and fell(value, before):
        restarted.append(index)
    return value


def _close(samples: Any) -> None:
    if hasattr(samples, "gi_frame"):  # a generator ends here, in the sampler's own time
        samples.close()
