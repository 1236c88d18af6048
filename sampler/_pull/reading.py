"""What one pull of one sampler yielded, before the intake keeps it."""

from __future__ import annotations

from operator import add
from types import MappingProxyType

from sampler._contract.snapshot import FixedLabels, Series

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, TypeAlias

    from sampler._contract.declaration import Description
    from sampler._contract.exemplar import Exemplar
    from sampler._contract.instrument_samples import Departure, InstrumentSamples
    from sampler._contract.snapshot import Metric, Value
    from sampler._contract.values import RefusedSample
    from sampler._pull.overflow import Overflow

    Key: TypeAlias = tuple[str, ...]


MISSING: Any = object()
"""Stands for the value of a series that has not been read."""
_NONE: Any = MappingProxyType({})
"""Nothing was refused."""
_COMBINE: dict[str | None, Callable[[Any, Any], Any]] = {"sum": add, "max": max, "min": min}


def labels_of(key: Key) -> dict[str, str]:
    """Return the labels of a key: behind the metric stand all names, and then all values."""
    values = len(key) // 2 + 1
    return dict(zip(key[1:values], key[values:], strict=True))


class Row(Series):
    """A series, and how a sampler yields it.

    Attributes:
        yielded: the metric's name, as the author writes it.
        raw: a private copy of the labels, as the author writes them.
        offset: its value when a forked child took over; subtracted until a reset.
    """

    __slots__ = ("offset", "raw", "yielded")

    def __init__(
        self,
        yielded: str,
        raw: Any,
        metric: Metric,
        labels: dict[str, str] | FixedLabels,
        start: float | None = None,
    ) -> None:
        self.yielded = yielded
        self.raw = raw
        self.metric = metric
        self._labels = labels
        self.cumulative = metric.kind != "gauge"
        self.start = start
        self.offset: Value | None = None

    @property
    def combine(self) -> Callable[[Any, Any], Any] | None:
        """What makes one value of several that a gauge with ``merge`` has in one pull, or None."""
        return _COMBINE.get(self.metric.merge)

    @property
    def exemplars(self) -> tuple[Exemplar, ...] | None:
        """Single events of an instrument that keeps them; None: it keeps none."""
        raw = self.raw
        if type(raw) is not FixedLabels or raw.source is None:
            return None
        kept: tuple[Exemplar, ...] = raw.source.exemplars()
        return kept

    def key(self, constant: Mapping[str, str]) -> Key:
        """Return the metric, its label names and their values: the row is found by them.

        Args:
            constant: labels that all series of the sampler have.
        """
        labels: Any = self._labels
        if type(labels) is FixedLabels:
            return (self.yielded, *labels.names_and_texts())
        if constant:
            labels = {name: text for name, text in labels.items() if name not in constant}
        return (self.yielded, *labels, *labels.values())

    def restarted(self, start: float | None) -> Row:
        """Return the row that follows this one after a reset at ``start``."""
        return Row(self.yielded, self.raw, self.metric, self._labels, start)


class Valueless:
    """A series that has begun and never had a value.

    Attributes:
        series: it, or None if another sampler has it.
        absent_at: epoch seconds at which it was not there, or None if that is not known.
        silent: this pull's sample had nothing to report; otherwise its value was refused.
    """

    __slots__ = ("absent_at", "series", "silent")

    def __init__(
        self, series: Series | None, absent_at: float | None, *, silent: bool = False
    ) -> None:
        self.series = series
        self.absent_at = absent_at
        self.silent = silent


REFUSED = Valueless(None, None)
"""Another sampler has the series: when it comes to this one, it begins with a baseline (C-16)."""


class Ended:
    """A series that has ended for this consumer, and may not have ended for others.

    Attributes:
        departure: of its child.
        row: it.
        value: its last one.
    """

    __slots__ = ("departure", "row", "value")

    def __init__(self, departure: Departure, row: Row, value: Any) -> None:
        self.departure = departure
        self.row = row
        self.value = value


class Usual:
    """What the new series of a metric have in common in one pull, if nothing about it is unusual.

    Attributes:
        metric: theirs.
        start: epoch seconds at which they were zero, or None.
        room: how many of them can be admitted.
    """

    __slots__ = ("metric", "room", "start")

    def __init__(self, metric: Metric, start: float | None, room: int) -> None:
        self.metric = metric
        self.start = start
        self.room = room


class Additions:
    """What a pull yielded that the series of the last one do not say.

    Attributes:
        new: series that the last pull did not have, by key.
        firsts: their values, likewise.
        counts: how many there are of each metric, by name as yielded.
        usual: by metrics as yielded: of those with new series and nothing unusual.
        beginning: of a new series: when it was not there, and when it was zero; None: not known
            yet.
        valueless: series that have begun and never had a value.
        described: what the first samples of metrics said of them in this pull.
        folded: keys of series that went into an overflow.
    """

    __slots__ = (
        "beginning",
        "counts",
        "described",
        "firsts",
        "folded",
        "new",
        "usual",
        "valueless",
    )

    def __init__(self) -> None:
        self.new: dict[Key, Row] = {}
        self.firsts: dict[Key, Value] = {}
        self.counts: dict[str, int] = {}
        self.usual: dict[str, Usual] = {}
        self.beginning: tuple[float | None, float | None] | None = None
        self.valueless: dict[Key, Valueless] = {}
        self.described: dict[str, Description] = {}
        self.folded: set[Key] = set()

    def add(self, key: Key, row: Row, value: Value) -> None:
        """Add a series that the last pull did not have."""
        self.new[key] = row
        self.firsts[key] = value
        self.counts[row.yielded] = self.counts.get(row.yielded, 0) + 1


class Reading:
    """What one pull of one sampler yielded, checked.

    Most pulls of most samplers yield the series of the last one and nothing else, and a round has
    a reading of each sampler: what only other pulls need is made when they need it.

    Attributes:
        rows: a list, the same object as before if no series came, went or restarted.
        raw: values as read, aligned with ``rows``.
        order: numbers of rows in the order in which they were yielded; None: that of the rows.
        taken: samples taken from the sampler.
        cut: the sampler had more samples.
        combined: those of them that became part of another one's value, as ``merge`` says.
        silent: those of them that had nothing to report, minus the recordings that gauges have
            refused since the last pull: each of those counts as a sample.
        refused: reason to number of samples.
        examples: reason to the first message.
        time: epoch seconds at which the reading began.
        start: epoch seconds at which the source says its values were zero, or None.
        overflow: the state of folded metrics.
        added: what the series of the last pull do not say, or None if there is nothing.
        back: departures of series that had ended and are there again.
        gone: rows that are not among these rows, but were, or are new.
        moved: samples of known series that were sought, as they were not in their places.
        disordered: there were many of them.
        shape: of the samples, if instruments yielded them; None: their values are not enough.
        departing: the samples of a group of instruments, which are told when they are kept.
        ended: of its series, those that have ended and may come back; None: the same as before.
        restarted: some rows have taken the place of those before a restart.
        report: called with each refused sample, or None.
    """

    __slots__ = (
        "added",
        "back",
        "combined",
        "cut",
        "departing",
        "disordered",
        "ended",
        "examples",
        "gone",
        "moved",
        "order",
        "overflow",
        "raw",
        "refused",
        "report",
        "restarted",
        "rows",
        "shape",
        "silent",
        "start",
        "taken",
        "time",
    )

    rows: list[Row]
    raw: list[Any]

    def __init__(
        self,
        time: float,
        start: float | None,
        overflow: Overflow,
        report: Callable[[RefusedSample], None] | None = None,
    ) -> None:
        self.report = report
        self.time = time
        self.start = start
        self.overflow = overflow
        self.order: list[int] | None = None
        self.added: Additions | None = None
        self.gone: Sequence[Row] = ()
        self.shape: tuple[Any, ...] | None = None
        self.departing: InstrumentSamples | None = None
        self.ended: list[Ended] | None = None
        self.back: frozenset[Departure] = frozenset()
        self.taken = self.silent = self.combined = self.moved = 0
        self.restarted = self.cut = self.disordered = False
        self.refused: dict[str, int] = _NONE
        self.examples: dict[str, str] = _NONE

    @property
    def one_to_one(self) -> bool:
        """True if each sample is a row, in this order, and none is part of a surplus."""
        if self.shape is not None and sum(self.shape[1:]) != len(self.rows):
            return False  # a child had nothing to report, so that it has no sample
        folded = self.added is not None and self.added.folded
        irregular = self.silent or self.refused or folded or self.order is not None
        return not irregular and self.overflow.idle and self.taken == len(self.rows)

    def additions(self) -> Additions:
        """Return what the series of the last pull do not say, to add to it."""
        if self.added is None:
            self.added = Additions()
        return self.added

    def refuse(self, refused: RefusedSample, samples: int = 1) -> None:
        """Count refused samples, and keep the first message of each reason."""
        self.count_refused(refused.reason, samples)
        self.examples.setdefault(refused.reason, refused.message)
        if self.report is not None:
            self.report(refused)

    def count_refused(self, reason: str, samples: int) -> None:
        """Count refused samples of which somebody else has told."""
        if not self.refused:
            self.refused, self.examples = {}, {}
        self.refused[reason] = self.refused.get(reason, 0) + samples
