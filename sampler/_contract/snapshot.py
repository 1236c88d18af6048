"""What one pull by one consumer produced: snapshot, blocks, series.

Every value that a Collector returns is an ``int`` in ±2**63, a finite ``float`` or a
:class:`~sampler.HistogramValue`; nothing in a snapshot refers to an author's object.
"""

from __future__ import annotations

from _collections_abc import Mapping  # collections.abc, without all of collections

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, TypeAlias

    from sampler._contract.exemplar import Exemplar
    from sampler._contract.histogram import HistogramValue

    Value: TypeAlias = int | float | HistogramValue


class Absent:
    """The type of :data:`ABSENT`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ABSENT"

    def __bool__(self) -> bool:
        return False

    def __reduce__(self) -> str:
        return "ABSENT"  # a copy is the same object


ABSENT = Absent()
"""Stands for the value of a series that could not be read in this pull."""


class ReadOnlyLabels(dict[str, str]):
    """An instrument's labels, shown. A change would change nothing, so it is refused."""

    __slots__ = ()

    if not TYPE_CHECKING:

        def _refuse(self, *_: object, **__: object) -> None:
            raise TypeError("these labels are an instrument's: copy them to change them")

        __setitem__ = __delitem__ = __ior__ = _refuse
        clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[type[dict[str, str]], tuple[dict[str, str]]]:
        return dict, (dict(self),)


class FixedLabels(Mapping[str, str]):
    """Labels that never change: they may be kept, shared, and compared by identity.

    A child of an instrument keeps them, so they are two tuples, of which all children share one.

    Args:
        names: label names, in order.
        texts: their values.
        source: the child that keeps exemplars, if it does.

    Attributes:
        names: label names, in order.
        source: likewise.
    """

    __slots__ = ("_texts", "names", "source")

    def __init__(self, names: tuple[str, ...], texts: tuple[str, ...], source: Any = None) -> None:
        self.names = names
        self._texts = texts
        self.source = source

    def __getitem__(self, name: str) -> str:
        return self.copy()[name]

    def __eq__(self, other: object) -> bool:
        if type(other) is FixedLabels:
            return self._texts == other._texts and self.names == other.names
        return super().__eq__(other)

    __hash__ = None  # type: ignore[assignment]  # as of every mapping

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def copy(self) -> dict[str, str]:
        """Return the same as a dictionary."""
        return dict(zip(self.names, self._texts, strict=True))

    def shown(self) -> ReadOnlyLabels:
        """Return the same for whoever asks a series for its labels."""
        return ReadOnlyLabels(zip(self.names, self._texts, strict=True))

    def names_and_texts(self) -> tuple[str, ...]:
        """Return the names and then their values, without those that are empty."""
        texts = self._texts
        if "" in texts:
            names = [name for name, text in zip(self.names, texts, strict=True) if text]
            return (*names, *filter(None, texts))
        return self.names + texts

    def __repr__(self) -> str:
        return repr(self.copy())

    def __reduce__(self) -> tuple[type[dict[str, str]], tuple[dict[str, str]]]:
        return dict, (self.copy(),)


class Metric:
    """What the series of one sampler's metric have in common; compared by identity.

    Attributes:
        name: full name, ``<sampler>.<metric>``.
        kind: ``counter``, ``gauge`` or ``histogram``.
        unit: UCUM code such as ``s`` or ``By``, or ``""``.
        help: one sentence, or ``""``.
        scope: ``interpreter``, ``process``, ``server`` or ``host``.
        merge: ``sum``, ``max``, ``min`` or None (gauges only).
        histogram: True for a histogram.
    """

    __slots__ = (
        "__weakref__",
        "help",
        "histogram",
        "kind",
        "merge",
        "name",
        "scope",
        "unit",
    )

    def __init__(
        self,
        name: str,
        kind: str,
        unit: str,
        help: str,  # noqa: A002 - the contract's word
        scope: str,
        merge: str | None,
    ) -> None:
        self.name: str = name
        self.kind: str = kind
        self.unit: str = unit
        self.help: str = help
        self.scope: str = scope
        self.merge: str | None = merge
        self.histogram: bool = kind == "histogram"

    def __repr__(self) -> str:
        return f"<Metric {self.name} {self.kind}>"


class Series:
    """One metric with one set of labels. Compared by identity; a reset makes a new one.

    Attributes:
        metric: what it has in common with others; the same object for all of one sampler's metric.
        start: epoch seconds at which the cumulative value was zero; None if unknown.
        cumulative: True for counters and histograms.
    """

    __slots__ = ("_labels", "cumulative", "metric", "start")

    def __init__(
        self,
        name: str,
        labels: Mapping[str, str],
        kind: str = "gauge",
        unit: str = "",
        help: str = "",  # noqa: A002 - the contract's word
        scope: str = "process",
        merge: str | None = None,
        start: float | None = None,
    ) -> None:
        """Make a series, and a :class:`Metric` of its own for it; ``labels`` sorted by name."""
        self.metric: Metric = Metric(name, kind, unit, help, scope, merge)
        self._labels: dict[str, str] | FixedLabels = dict(labels)
        self.start: float | None = start
        self.cumulative: bool = kind != "gauge"

    @property
    def name(self) -> str:
        """The full name, ``<sampler>.<metric>``."""
        return self.metric.name

    @property
    def labels(self) -> Mapping[str, str]:
        """Label name to text, sorted by name, never empty text."""
        labels = self._labels
        return labels.copy() if type(labels) is dict else labels.shown()  # type: ignore[union-attr]

    @labels.setter
    def labels(self, labels: Mapping[str, str]) -> None:
        self._labels = dict(labels)

    @property
    def kind(self) -> str:
        """``counter``, ``gauge`` or ``histogram``."""
        return self.metric.kind

    @property
    def unit(self) -> str:
        """UCUM code such as ``s`` or ``By``, or ``""``."""
        return self.metric.unit

    @property
    def help(self) -> str:
        """One sentence, or ``""``."""
        return self.metric.help

    @property
    def scope(self) -> str:
        """``interpreter``, ``process``, ``server`` or ``host``."""
        return self.metric.scope

    @property
    def merge(self) -> str | None:
        """``sum``, ``max``, ``min`` or None (gauges only)."""
        return self.metric.merge

    @property
    def exemplars(self) -> tuple[Exemplar, ...] | None:
        """Single events of a counter or a histogram; None: this process keeps none of them."""
        return None

    def restarted(self, start: float | None) -> Series:
        """Return the series that follows this one after a reset at ``start``."""
        new = object.__new__(Series)
        new.metric, new._labels, new.cumulative = self.metric, self._labels, self.cumulative
        new.start = start
        return new

    def __str__(self) -> str:
        labels = ",".join(f'{key}="{text}"' for key, text in self.labels.items())
        return f"{self.name}{{{labels}}}" if labels else self.name

    def __repr__(self) -> str:
        return f"<Series {self} {self.kind}>"


class Block:
    """One sampler's part of a snapshot.

    Attributes:
        sampler: the sampler's name.
        series: a tuple; the same object from pull to pull until the set of series changes.
        values: aligned with ``series``; :data:`ABSENT` where nothing could be read.
        time: epoch seconds at which these values were read.
    """

    __slots__ = ("_entries", "sampler", "series", "time", "values")

    def __init__(
        self,
        sampler: str,
        series: tuple[Series, ...],
        values: list[Value | Absent],
        time: float,
        entries: int | None = None,
    ) -> None:
        """Make a block.

        Args:
            sampler: the sampler's name.
            series: the series.
            values: aligned with ``series``.
            time: epoch seconds.
            entries: how many of the values are not ABSENT; default: they are counted.
        """
        self.sampler: str = sampler
        self.series: tuple[Series, ...] = series
        self.values: list[Value | Absent] = values
        self.time: float = time
        self._entries = len(values) - values.count(ABSENT) if entries is None else entries

    def __iter__(self) -> Iterator[tuple[Series, Value]]:
        values: list[Any] = self.values
        pairs = zip(self.series, values, strict=True)
        if self._entries == len(values):
            return pairs
        return (pair for pair in pairs if pair[1] is not ABSENT)

    def __len__(self) -> int:
        return self._entries

    def __repr__(self) -> str:
        return f"<Block {self.sampler}: {len(self)} of {len(self.series)} entries>"


class Failure:
    """Why one sampler contributed nothing to a pull.

    Attributes:
        sampler: the sampler's name.
        reason: ``raised``, ``deadline``, ``hung``, ``parked``, ``exhausted``, ``unreached`` or
            ``invalid``.
        message: a sentence for people.
    """

    __slots__ = ("message", "reason", "sampler")

    def __init__(self, sampler: str, reason: str, message: str) -> None:
        self.sampler: str = sampler
        self.reason: str = reason
        self.message: str = message

    def __repr__(self) -> str:
        return f"<Failure {self.sampler}: {self.reason}: {self.message}>"


class Snapshot:
    """All blocks of one pull.

    Iterating gives ``(series, value)`` for every entry, in a stable order; ``len`` counts them.

    Attributes:
        blocks: one per sampler.
        time: epoch seconds at which the pull began.
        start: epoch seconds at which the consumer began.
        identity: who measured (``service``, ``host``, ``instance``, ``pid``, ``start``, ``role``).
        failures: samplers that contributed nothing.
        interval: seconds between this consumer's pulls; None if they are not regular.
        labels: what an operator gives every series; each has them, too, but for a label of that
            name that is its own.
    """

    __slots__ = ("blocks", "failures", "identity", "interval", "labels", "start", "time")

    def __init__(
        self,
        blocks: tuple[Block, ...],
        time: float,
        start: float,
        identity: Mapping[str, str],
        failures: tuple[Failure, ...] = (),
        interval: float | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> None:
        self.blocks: tuple[Block, ...] = blocks
        self.time: float = time
        self.start: float = start
        self.identity: Mapping[str, str] = identity
        self.failures: tuple[Failure, ...] = failures
        self.interval: float | None = interval
        self.labels: Mapping[str, str] = {} if labels is None else labels

    def __iter__(self) -> Iterator[tuple[Series, Value]]:
        from itertools import chain

        return chain.from_iterable(self.blocks)

    def __len__(self) -> int:
        return sum(map(len, self.blocks))

    def __repr__(self) -> str:
        return f"<Snapshot of {len(self)} entries, {len(self.failures)} failures>"


def with_blocks(
    snapshot: Snapshot, blocks: tuple[Block, ...], identity: Mapping[str, str] | None = None
) -> Snapshot:
    """Return a snapshot of the same pull with other blocks.

    Args:
        snapshot: of that pull.
        blocks: what it is to have.
        identity: who is to have measured; None: who has.
    """
    return Snapshot(
        blocks,
        snapshot.time,
        snapshot.start,
        snapshot.identity if identity is None else identity,
        snapshot.failures,
        snapshot.interval,
        snapshot.labels,
    )
