"""Baselines of a destination: the values that its next differences start from."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import compress, islice
from typing import TYPE_CHECKING, Any

from sampler._contract.snapshot import ABSENT, Snapshot
from sampler._contract.values import fell
from sampler._pull.increments import Increments
from sampler._runtime.gil_yield import GiveWayTimer
from sampler._runtime.threads import Lock

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TypeAlias

    from sampler._contract.snapshot import Series, Value
    from sampler.agent.delivery.adapter import Since

    Inheritance: TypeAlias = "dict[tuple[object, ...], Value | None]"
    """Name, kind and labels to the value handed over last; None: none was, so all of it counts."""

_PART = 500
"""Entries that are taken at once."""


def step(time: float, interval: float | None) -> float:
    """Return the beginning of the interval that holds ``time``, in epoch seconds.

    A store keeps one point per interval, so a second pull in an interval, as the last one before
    the end, replaces the first one's point: differences of both start from the same values.
    """
    width = max(interval or 1.0, 1.0)
    return time // width * width


class Baselines(Increments):
    """The baselines of an unstamped adapter: the values handed over last.

    Safe to use from any thread.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = Lock()
        self._inherited: Inheritance = {}
        self._last: Snapshot | None = None
        """What was handed over last, while nobody has asked for its values."""
        self._shown = False  # and so is not changed any more
        self._common: Mapping[str, str] = {}
        """The labels that an operator gives every series: other ones make no other series."""
        self._cumulative: dict[int, tuple[tuple[Series, ...], list[bool]]] = {}
        """By identity of a block's series, which these are: whether each is cumulative."""

    def since(self) -> Since:
        """Return the values of this moment; all of a series that is not among them counts."""
        with self._lock:
            self._shown = True
            return _Values(self, self._since, self._last)

    def handed_over(self, entries: Iterable[tuple[Series, Value]]) -> None:
        """Let later differences start from these values."""
        with self._lock:
            if isinstance(entries, Snapshot):
                if self._last is not None and not _replaces(entries, self._last):
                    self._settle()
                self._last = entries
                return
            self._settle()
            turn = GiveWayTimer()
            for part in _parts(entries):
                self._since.update(part)
                turn.give_way_if_due()

    def _together(self, before: dict[Series, Value], last: Snapshot | None) -> dict[Series, Value]:
        """Return a copy of these values, with those of a snapshot in their places."""
        values, turn = before.copy(), GiveWayTimer()
        for part in () if last is None else self._of(last):
            values.update(part)
            turn.give_way_if_due()
        return values

    def _settle(self) -> None:
        """Take over what was handed over last, into values that nobody else has."""
        if self._shown or self._last is not None:
            self._since = self._together(self._since, self._last)
            self._shown, self._last = False, None

    def _of(self, snapshot: Snapshot) -> Iterator[Iterable[tuple[Series, Any]]]:
        """Yield the cumulative entries of a whole snapshot, some at a time."""
        known, self._cumulative = self._cumulative, {}
        for block in snapshot.blocks:
            series, values = block.series, block.values
            kept = known.get(id(series)) or (series, [each.cumulative for each in series])
            self._cumulative[id(series)] = kept
            whole = len(block) == len(values)
            for first in range(0, len(series), _PART):
                until = first + _PART
                pairs = zip(series[first:until], values[first:until], strict=True)
                part = compress(pairs, kept[1][first:until])
                yield part if whole else (entry for entry in part if entry[1] is not ABSENT)

    def inheritance(self) -> Inheritance:
        """Return the values by name, for another consumer's series of the same names."""
        with self._lock:
            self._settle()
            series = [s for block in self._known.values() for s in block.series if s.cumulative]
            return {**self._inherited, **{self._key(s): self._since.get(s) for s in series}}

    def inherit(self, values: Inheritance) -> None:
        """Start from another consumer's values instead of the first ones seen."""
        with self._lock:
            self._since, self._known, self._inherited = {}, {}, values
            self._last = None

    def offer(self, snapshot: Snapshot) -> None:
        """Note the first value of each series whose first value is a baseline.

        That is done when a snapshot is offered, not when it is sent: an outage right at the start
        loses no counts.
        """
        with self._lock:
            self._common = snapshot.labels
            self._begin(snapshot)

    def _begin(self, snapshot: Snapshot) -> None:
        before = self._known
        if before.keys() != {id(block.series) for block in snapshot.blocks}:
            self._settle()
        super()._begin(snapshot)
        if self._known is not before and not snapshot.failures:  # all that there is has begun
            self._inherited = {}

    def _begin_series(self, series: Series, value: Value, start: float) -> None:
        key = self._key(series) if self._inherited else None
        if key not in self._inherited:
            super()._begin_series(series, value, start)
            return
        before = self._inherited.pop(key)
        if before is not None and not fell(value, before):  # else it has restarted meanwhile
            self._since[series] = before

    def _key(self, series: Series) -> tuple[object, ...]:
        common = self._common.items()
        return series.name, series.kind, *(p for p in series.labels.items() if p not in common)


class _Values(Mapping["Series", "Value"]):
    """The values of one moment, put together once somebody asks for one.

    A relay's process asks when it connects, and not at each pull.
    """

    __slots__ = ("_all", "_baselines", "_before", "_last")

    def __init__(
        self, baselines: Baselines, before: dict[Series, Value], last: Snapshot | None
    ) -> None:
        self._baselines = baselines
        self._before = before
        self._last = last
        self._all: dict[Series, Value] | None = None

    def __getitem__(self, series: Series) -> Value:
        return self._values()[series]

    def __iter__(self) -> Iterator[Series]:
        return iter(self._values())

    def __len__(self) -> int:
        return len(self._values())

    if not TYPE_CHECKING:

        @property
        def get(self) -> Any:
            """The dictionary's own: adapters call it for each series."""
            return self._values().get

    def _values(self) -> dict[Series, Value]:
        if self._all is None:
            with self._baselines._lock:  # noqa: SLF001 - one module
                self._all = self._baselines._together(self._before, self._last)  # noqa: SLF001
        return self._all


def _replaces(new: Snapshot, old: Snapshot) -> bool:
    """Tell whether a snapshot has a value for each series of another."""
    return len(new.blocks) == len(old.blocks) and all(
        block.series is before.series and len(block) == len(block.values)
        for block, before in zip(new.blocks, old.blocks, strict=True)
    )


def _parts(entries: Iterable[tuple[Series, Value]]) -> Iterator[list[tuple[Series, Value]]]:
    """Yield the cumulative ones of some entries, some at a time."""
    left = iter(entries)
    while part := list(islice(left, _PART)):
        yield [entry for entry in part if entry[0].cumulative]


class IntervalBaselines:
    """The baselines of a stamped adapter: the values of the last pull of an earlier interval."""

    def __init__(self) -> None:
        self._baselines = Baselines()
        self._step = 0.0
        self._last: Iterable[tuple[Series, Value]] = ()

    def inheritance(self) -> Inheritance:
        """Return the values by name, for another consumer's series of the same names."""
        self._baselines.handed_over(self._last)
        return self._baselines.inheritance()

    def inherit(self, values: Inheritance) -> None:
        """Start from another consumer's values."""
        self._baselines.inherit(values)
        self._last = ()

    def since(self, snapshot: Snapshot) -> Since:
        """Return the values that a snapshot's differences start from.

        The differences in a batch that is dropped later are lost: the ledger counts its entries.
        """
        began = step(snapshot.time, snapshot.interval)
        if began != self._step:
            self._baselines.handed_over(self._last)
        self._baselines.offer(snapshot)
        self._step, self._last = began, snapshot
        return self._baselines.since()
