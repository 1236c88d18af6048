"""Series that the last pull did not have: named, admitted, or folded into an overflow series."""

from __future__ import annotations

from _operator import attrgetter
from itertools import groupby

from sampler._contract.declaration import UNDECLARED, read_description
from sampler._contract.names import OVERFLOW, SURPLUS
from sampler._contract.snapshot import ABSENT, Absent, FixedLabels, Metric
from sampler._contract.values import RefusedRecordings, RefusedSample, in_range, plain_value
from sampler._pull.overflow import Overflow
from sampler._pull.reading import MISSING, REFUSED, Row, Usual, Valueless, labels_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampler._contract.declaration import Declaration, Description
    from sampler._contract.snapshot import Series, Value
    from sampler._pull.known_rows import KnownRows
    from sampler._pull.owners import Owners
    from sampler._pull.reading import Key, Reading

MAX_DESCRIBED = 10_000
"""Metrics of one sampler whose samples described them; beyond, those without series go."""

_CERTAIN = 2**63
"""A plain number from 0 to here needs no closer look, unless the series is a histogram."""
MAX_VALUELESS = 10_000
"""Series of one sampler that never had a value and are remembered over a pull that was cut."""


class Admission:
    """Admits series to one consumer's reading of one sampler.

    Args:
        declaration: what the sampler's mapping says.
        max_series: series admitted for one metric; the rest is folded into one.
        since: epoch seconds at which the consumer began.
        absent_at: epoch seconds of a pull before the sampler was registered, or None.
        takes_over: it has taken the place of another registry's: the series of its first pull
            begin with baselines, whatever its ``start`` (R-14).

    Attributes:
        overflow: the state of folded metrics after the last pull.
        merges: a metric that has, or had, series has ``merge``.
        owners: whose each series is; None while no other sampler could yield one of these.
        valueless: series that have begun and never had a value.
        cut: the last pull took no more samples.
    """

    def __init__(
        self,
        declaration: Declaration,
        max_series: int,
        since: float,
        absent_at: float | None,
        takes_over: bool = False,
    ) -> None:
        self._declaration = declaration
        self._max_series = max_series
        self._since = since
        self._absent_at = absent_at
        self._takes_over = takes_over
        self.overflow = Overflow()
        self.merges = False
        self.owners: Owners | None = None
        self.valueless: dict[Key, Valueless] = {}
        self._surplus: set[Key] = set()
        """Series whose last value is part of what was folded."""
        self._described: dict[str, Description] = {}
        self._metrics: dict[str, tuple[Description, Metric]] = {}
        """By name as yielded: the metrics that have series, and what each was made from."""
        self._start: float | None = None
        self._counts: dict[str, int] = {}
        self._time: float | None = None
        self.cut = False

    @property
    def complete(self) -> bool:
        """Whether a series that was not among the rows of the last pull was not in it."""
        return not (self.valueless or self.cut) and self.overflow.idle

    def keep(self, reading: Reading) -> None:
        """Take over a reading."""
        self.overflow = reading.overflow
        self._time, self.cut = reading.time, reading.cut
        self._start = self._start if reading.start is None else reading.start
        added = reading.added
        if added is not None or self.valueless or self._surplus:
            self._keep_begun(reading)
        if added is not None and added.described:
            self._described.update(added.described)
            if len(self._described) > MAX_DESCRIBED:
                live = {*self._counts, *(key[0] for key in self.valueless)}
                self._described = {m: d for m, d in self._described.items() if m in live}

    def _keep_begun(self, reading: Reading) -> None:
        """Know the series without a value, and those of the surplus; a cut ends none of them."""
        added = reading.additions()
        valueless, surplus = added.valueless, added.folded
        if self._surplus:
            surplus = surplus | (self._surplus & valueless.keys())
        if reading.cut and len(self.valueless) < MAX_VALUELESS:
            valued = added.new.keys() | added.folded
            known = {k: each for k, each in self.valueless.items() if k not in valued}
            valueless = {**known, **valueless}
            surplus = surplus | (self._surplus & known.keys())
        self.valueless, self._surplus = valueless, surplus

    def count(self, reading: Reading) -> None:
        """Count the series of each metric."""
        counts = self._counts
        for name, new in reading.additions().counts.items():
            counts[name] = counts.get(name, 0) + new
        for name, gone in groupby(reading.gone, _yielded):
            counts[name] -= len(list(gone))
            if not counts[name]:
                del counts[name]
        if len(self._metrics) > len(counts):
            self._metrics = {name: m for name, m in self._metrics.items() if name in counts}

    def admit(self, key: Key, raw: Any, value: Any, description: Any, reading: Reading) -> None:
        """Take a sample of a series that the last pull did not have.

        Args:
            key: the series'.
            raw: its labels as yielded, of plain objects.
            value: what it has.
            description: what the sample says of the metric, or None.
            reading: the pull.
        """
        added = reading.added or reading.additions()
        plain = (type(value) is float or type(value) is int) and 0 <= value < _CERTAIN
        if (
            plain
            and (usual := added.usual.get(key[0])) is not None
            and key not in added.new
            and not (added.folded or added.valueless)
            and added.counts[key[0]] < usual.room
            and _as_a_series_has_them(raw, key)
        ):
            added.add(key, Row(key[0], raw, usual.metric, raw, usual.start), value)
            return
        if (new := added.new.get(key)) is not None and new.metric.merge is not None:
            both = combine(added.firsts[key], value, new, reading)
            if not isinstance(both, Absent):
                added.firsts[key] = both
            return
        metric = key[0]
        said = self._declaration.metrics.get(metric)
        if said is None:
            said = self._describe(metric, description, reading)
        series = self._name(key, said, raw)
        folded = added.folded and key in added.folded
        valueless = added.valueless and key in added.valueless
        if new or folded or (valueless and series.merge is None):
            raise RefusedSample("S-25", "duplicate", f"{series} occurs twice in one pull")
        if self.owners is not None:
            self._check_owner(key, series, reading)
        before = self.valueless.get(key) if self.valueless else None
        if before is None or self.restarts(reading.start):
            before = None
            if added.beginning is None:
                absent_at = self._absent_before(reading.start)
                added.beginning = absent_at, self._began(absent_at, reading.start)
            absent_at, began = added.beginning
            if series.cumulative:
                series.start = began
        else:
            absent_at = before.absent_at
            if series.cumulative:  # only now its start has to be known (C-16)
                past = absent_at is None and self._takes_over
                series.start = None if past else _latest(absent_at, reading.start)
        first: Any = value
        if not plain or series.metric.histogram:
            try:
                first = plain_value(value, series)
            except RefusedSample:
                reading.overflow.miss(metric)
                added.valueless[key] = Valueless(series, absent_at)  # it has begun (C-15)
                raise
            if isinstance(first, Absent):
                reading.overflow.miss(metric)
                reading.silent += 1
                added.valueless[key] = Valueless(series, absent_at, silent=True)
                return
        live = self._counts.get(metric, 0) + added.counts.get(metric, 0)
        if live < self._max_series and not self.overflow.holds(metric):
            added.add(key, series, first)
            if before is None and self._is_usual(series):
                room = self._max_series - self._counts.get(metric, 0)
                added.usual[metric] = Usual(series.metric, series.start, room)
        elif series.cumulative:
            past = series.start is None or series.start < self._since
            past = past and before is not None and key not in self._surplus
            reading.overflow.fold(metric, first, has_past=past)
            added.folded.add(key)
        else:
            limit = f"{series.name} has more than {self._max_series} series"
            raise RefusedSample("C-14", "too_many_series", limit)

    def _is_usual(self, row: Row) -> bool:
        """Tell whether other series of the metric need no closer look than their own values."""
        plain = not (row.metric.histogram or row.metric.merge or self._declaration.labels)
        return plain and self.owners is None and not self.valueless

    def add_surplus(self, key: Key, value: Any, reading: Reading) -> None:
        """Take the surplus that a sampler folded itself, or that a gauge refused."""
        metric, folded = key[0], reading.additions().folded
        series = self._name(key, self._description(metric, reading))
        if key in folded:
            raise RefusedSample("S-25", "duplicate", f"{series} occurs twice in one pull")
        if series.cumulative:
            total = plain_value(value, series)
            if isinstance(total, Absent):
                reading.silent += 1
            else:
                reading.overflow.fold(metric, total, samples=0)
                folded.add(key)
        elif type(value) is RefusedRecordings:
            folded.add(key)
            lost = reading.overflow.lose(metric, value.recordings)
            reading.silent += 1 - lost  # each lost recording counts as a sample
            if lost:
                what = f"{series.name}: recordings for more label sets than its max_children"
                reading.refuse(RefusedSample("C-14", OVERFLOW, what), lost)
        else:
            what = f"{metric}: {OVERFLOW!r} is not a label name"
            raise RefusedSample("S-03", "label_name", what)

    def _check_owner(self, key: Key, series: Series, reading: Reading) -> None:
        assert self.owners is not None  # noqa: S101 - the caller has looked
        try:
            self.owners.check(series, self)
        except RefusedSample:
            added = reading.additions()
            added.valueless[key] = REFUSED
            if not any(new[0] == key[0] for new in added.new):
                added.described.pop(key[0], None)  # a sample that is not taken describes nothing
            raise

    def _describe(self, metric: str, description: Any, reading: Reading) -> Description:
        """Return a metric's description: what its first sample says stands for good (S-08)."""
        if (known := self._description(metric, reading)) is not None:
            return known
        described = UNDECLARED
        if description is not None:
            described, faults = read_description(metric, description)
            if faults:
                raise RefusedSample(faults[0].clause, "description", str(faults[0]))
        reading.additions().described[metric] = described
        return described

    def _description(self, metric: str, reading: Reading) -> Description | None:
        declared = self._declaration.metrics.get(metric) or self._described.get(metric)
        return declared or reading.additions().described.get(metric)

    def _name(self, key: Key, said: Description | None, raw: Any = None) -> Row:
        name, labels = key[0], raw
        constant = self._declaration.labels
        if constant or not _as_a_series_has_them(raw, key):
            labels = labels_of(key)
        if constant:
            labels = dict(sorted({**constant, **labels}.items()))
        said = said or UNDECLARED
        known, metric = self._metrics.get(name, (None, None))
        if metric is None or known is not said:
            full = f"{self._declaration.name}.{name}"
            metric = Metric(full, said.kind, said.unit, said.help, said.scope, said.merge)
            self._metrics[name] = said, metric
            self.merges = self.merges or metric.merge is not None
        return Row(name, raw, metric, labels)

    def _began(self, absent_at: float | None, start: float | None) -> float | None:
        """Return when a series that is new in this pull was zero (PEP: Baselines)."""
        if self._time is None and self._takes_over:
            return None
        return _latest(absent_at, start)

    def _absent_before(self, start: float | None) -> float | None:
        """Return a time at which a series that begins in this pull was not there, if known."""
        if self._time is None:
            return None if self._takes_over or start is not None else self._absent_at
        return None if self.cut else self._pulled_at()  # a cut pull may not have reached it

    def restarted_at(self, start: float | None) -> float | None:
        """Return when a series that was there was zero, as a restart has shown (C-17)."""
        return _latest(self._pulled_at(), start)

    def _pulled_at(self) -> float | None:
        if self._time is None:
            return None
        return max(self._time, self._since)  # the wall clock may have been set back

    def restarts(self, start: float | None) -> bool:
        """Tell whether a pull's ``start`` is another number than the last known one (C-17)."""
        return start is not None and self._start is not None and start != self._start

    def fold(self, reading: Reading, values: list[Any], known: KnownRows) -> None:
        """Give each metric with a surplus its overflow series.

        Args:
            reading: the pull.
            values: values as read, by row; overflow series are set here.
            known: the rows of the last pull.
        """
        if reading.overflow.idle:
            return
        added = reading.additions()
        own = {key[0] for key in added.folded if key[1:] == SURPLUS}
        finished = reading.overflow.finish(own, cut=reading.cut)
        for metric in reading.overflow.without_sum():
            if (index := known.number((metric, *SURPLUS))) >= 0:
                values[index] = ABSENT
        for metric, total, beyond in finished:
            if beyond:
                what = f"{metric}: folded into one series"
                reading.refuse(RefusedSample("C-14", OVERFLOW, what), beyond)
            key: Key = (metric, *SURPLUS)
            index = known.number(key)
            value = total if in_range(total) else ABSENT
            if isinstance(value, Absent):
                what = f"{metric}: the sum of its surplus"
                reading.refuse(RefusedSample("C-14", "out_of_range", what))
            if index >= 0:
                values[index] = value
            elif not isinstance(value, Absent):
                series = self._name(key, self._description(metric, reading))
                absent_at = self._absent_before(reading.start)
                series.start = self._began(absent_at, reading.start)
                series.raw = MISSING  # no sample is it
                added.add(key, series, value)


_yielded = attrgetter("yielded")


def _as_a_series_has_them(raw: Any, key: Key) -> bool:
    if type(raw) is FixedLabels:
        return len(raw.names) == len(key) // 2
    return type(raw) is dict and (key[0], *raw, *raw.values()) == key


def _latest(one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)


def combine(there: Value | Absent, value: Any, row: Row, reading: Reading) -> Value | Absent:
    """Return the value of a gauge with ``merge`` that has another sample in one pull (S-25)."""
    kind = type(value)
    if not (kind is int or (kind is float and value - value == 0.0)):
        value = plain_value(value, row)
        if value is ABSENT:
            reading.silent += 1
            return there
    if there is ABSENT:
        return plain_value(value, row)
    assert row.combine is not None  # noqa: S101 - the caller has looked
    both: Value = row.combine(there, value) if in_range(value) else value
    if not in_range(both):
        what = f"{row}: the {row.merge} of its values"
        raise RefusedSample("S-19", "out_of_range", what)
    reading.combined += 1
    return both
