"""Instruments with labels: a child for each set of label values counts for itself.

Label values may be a stranger's, so children are bounded: what is recorded for more sets of them
goes to one child more, labelled ``overflow="true"``.
"""

from __future__ import annotations

from sampler._contract.declaration import FixedLabels, label_text, short
from sampler._contract.names import SURPLUS
from sampler._instruments.counter import Counter
from sampler._instruments.gauge import Gauge, RefusingGauge
from sampler._instruments.histogram import Histogram
from sampler._runtime.typing_stubs import Generic, TypeVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from sampler._instruments.timers import Timer

Cell = TypeVar("Cell", Counter, Gauge, Histogram)
MAX_CHILDREN = 2_000
"""Children of an instrument, unless it says otherwise."""


class Labelled(Generic[Cell]):
    """What makes children by label values.

    Args:
        names: label names.
        make: makes a child for label values.
        max_children: how many; what is recorded for others goes to one child more.

    Attributes:
        names: label names.
        max_children: bound of the children.
    """

    __slots__ = (
        "_by_name",
        "_children",
        "_known",
        "_make",
        "_surplus",
        "max_children",
        "names",
    )

    def __init__(
        self,
        names: tuple[str, ...],
        make: Callable[[tuple[str, ...]], Cell],
        max_children: int = MAX_CHILDREN,
    ) -> None:
        self.names: tuple[str, ...] = names
        self.max_children: int = max_children
        self._make: Callable[[tuple[str, ...]], Cell] = make
        self._children: dict[tuple[object, ...], Cell] = {}
        self._surplus: dict[str, Cell] = {}
        self._known: dict[tuple[object, ...], Cell] = {}
        self._by_name: dict[tuple[tuple[str, object], ...], Cell] = {}

    def labels(self, *values: str | int, **named: str | int) -> Cell:
        """Return the child for these label values; the same one each time.

        When there are ``max_children`` others, it is the one labelled ``overflow="true"``.

        Args:
            values: label values in the order of the names, or
            named: by name, a dot in a name written ``_``.

        Raises:
            ValueError: other labels than the instrument's, or values that are no label values.
        """
        if named:
            if values:
                raise self._mislabelled([*map(repr, values), *named])
            return self.of(named)
        child = self._children.get(values)
        return self._child(values) if child is None else child

    def of(self, named: dict[str, str | int]) -> Cell:
        """Return the child for label values by name; see :meth:`labels`."""
        key = tuple(named.items())
        child = self._by_name.get(key)
        if child is None:
            keywords = {name.replace(".", "_"): name for name in self.names}
            if named.keys() != keywords.keys():
                raise self._mislabelled(named)
            child = self._child(tuple(named[keyword] for keyword in keywords))
            self._keep(self._by_name, key, child)
        return child

    def children(self) -> list[Cell]:
        """Return the children, in the order of their making; the surplus is the last."""
        return list(self._children.values()) + list(self._surplus.values())

    def samples(self, metric: str) -> list[tuple[Any, ...]]:
        """Return a sample of each child that has something to report."""
        return samples(metric, self.names, self.children())

    def _child(self, values: tuple[object, ...]) -> Cell:
        child = self._known.get(values)
        if child is not None:
            return child
        if len(values) != len(self.names):
            raise self._mislabelled(map(repr, values))
        texts = tuple(label_text(value) for value in values)
        for name, value, text in zip(self.names, values, texts, strict=True):
            if text is None:
                raise ValueError(f"label {name!r}: {short(value)} is no label value")
        key: tuple[str, ...] = texts  # type: ignore[assignment]
        child = self._children.get(key)
        if child is None:
            if len(self._children) >= self.max_children:
                return self._overflow()
            # One step: a finalizer or another thread may do the same in between.
            child = self._children.setdefault(key, self._make(key))
        if key != values:  # numbers
            self._keep(self._known, values, child)
        return child

    def _overflow(self) -> Cell:
        """Return the child for what there is no room for."""
        ((name, text),) = SURPLUS
        child = self._surplus.get(name)
        if child is None:
            made = self._make_surplus((text,))
            made._labels = FixedLabels(SURPLUS)  # noqa: SLF001 - one room
            child = self._surplus.setdefault(name, made)
        return child

    def _make_surplus(self, texts: tuple[str, ...]) -> Cell:
        return self._make(texts)

    def _keep(self, known: dict[Any, Cell], key: tuple[object, ...], child: Cell) -> None:
        """Remember how a child was asked for: a child has few ways, unless they are random."""
        if self._surplus and child in self._surplus.values():
            return
        if len(known) >= 2 * self.max_children:
            known.clear()
        known[key] = child

    def _mislabelled(self, given: Iterable[str]) -> ValueError:
        expected = ", ".join(self.names)
        return ValueError(f"expected labels {expected}; got {', '.join(given) or 'none'}")


class LabelledCounter(Labelled[Counter]):
    """A counter for each set of label values."""

    __slots__ = ()

    def inc(self, n: float = 1, **labels: str | int) -> None:
        """Add to the child for these labels; see :meth:`Counter.inc` and :meth:`labels`."""
        child = self._by_name.get(tuple(labels.items()))  # a sixth less than by way of ``of``
        if child is None:
            child = self.of(labels)
        child.inc(n)

    def samples(self, metric: str) -> list[tuple[Any, ...]]:
        """Return a sample of each child; without the call of ``read`` for each."""
        return [
            (metric, cell._value, cell._labels or _labels(self.names, cell))  # noqa: SLF001
            for cell in self.children()
        ]


class LabelledGauge(Labelled[Gauge]):
    """A gauge for each set of label values; a surplus is refused, and counted."""

    __slots__ = ()

    def _make_surplus(self, texts: tuple[str, ...]) -> Gauge:
        return RefusingGauge(texts)

    def set(self, value: float, **labels: str | int) -> None:
        """Set the child for these labels; see :meth:`Gauge.set` and :meth:`labels`."""
        self.of(labels).set(value)

    def inc(self, n: float = 1, **labels: str | int) -> None:
        """Add to the child for these labels; see :meth:`Gauge.inc` and :meth:`labels`."""
        self.of(labels).inc(n)

    def dec(self, n: float = 1, **labels: str | int) -> None:
        """Subtract from the child for these labels; see :meth:`inc`."""
        self.of(labels).inc(-n)


class LabelledHistogram(Labelled[Histogram]):
    """A histogram for each set of label values."""

    __slots__ = ()

    def observe(self, value: float, **labels: str | int) -> None:
        """Count an observation for these labels; see :meth:`Histogram.observe`."""
        self.of(labels).observe(value)

    def time(self, **labels: str | int) -> Timer:
        """Return a timer for these labels; see :meth:`Histogram.time`."""
        return self.of(labels).time()


def samples(metric: str, names: tuple[str, ...], cells: Iterable[Any]) -> list[tuple[Any, ...]]:
    """Return a sample of each cell that has something to report."""
    return [
        (metric, value, cell._labels or _labels(names, cell))  # noqa: SLF001 - one room
        for cell in cells
        if (value := cell.read()) is not None
    ]


def _labels(names: tuple[str, ...], cell: Any) -> FixedLabels:
    """Make a cell's labels when they are first asked for: nobody listens, nobody pays."""
    cell._labels = FixedLabels(zip(names, cell.texts, strict=True))  # noqa: SLF001 - one room
    return cell._labels  # type: ignore[no-any-return] # noqa: SLF001
