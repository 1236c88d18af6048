"""Instruments with labels: each set of label values has a child that counts for itself.

Label values may come from strangers, so the number of children is bounded: what is recorded for
further sets goes to one more child, labelled ``overflow="true"``.
"""

from __future__ import annotations

from sampler._contract.declaration import label_text, short
from sampler._contract.labels import FixedLabels
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

Child = TypeVar("Child", Counter, Gauge, Histogram)
MAX_CHILDREN = 2_000
"""Children of an instrument, unless it sets another bound."""


class Labelled(Generic[Child]):
    """An instrument with labels: it has a child for each set of label values.

    Args:
        names: label names.
        make: makes a child for label values.
        max_children: how many; what is recorded for others goes to one more child.

    Attributes:
        names: label names.
        max_children: the bound.
    """

    __slots__ = (
        "_by_name",
        "_by_values",
        "_children",
        "_make",
        "_surplus",
        "max_children",
        "names",
    )

    def __init__(
        self,
        names: tuple[str, ...],
        make: Callable[[tuple[str, ...]], Child],
        max_children: int = MAX_CHILDREN,
    ) -> None:
        self.names: tuple[str, ...] = names
        self.max_children: int = max_children
        self._make: Callable[[tuple[str, ...]], Child] = make
        self._children: dict[tuple[object, ...], Child] = {}
        self._surplus: dict[str, Child] = {}
        self._by_values: dict[tuple[object, ...], Child] = {}
        self._by_name: dict[tuple[tuple[str, object], ...], Child] = {}

    def labels(self, *values: str | int, **named: str | int) -> Child:
        """Return the child for these label values; the same one each time.

        Beyond ``max_children`` it is the child labelled ``overflow="true"``.

        Args:
            values: label values in the order of the names, or
            named: label values by name, with ``_`` for a dot in a name.

        Raises:
            ValueError: the labels are not the instrument's, or a value is not a label value.
        """
        if named:
            if values:
                raise self._wrong_labels([*map(repr, values), *named])
            return self._by_keywords(named)
        child = self._children.get(values)
        return self._child(values) if child is None else child

    def _by_keywords(self, named: dict[str, str | int]) -> Child:
        """Return the child for label values by name; see :meth:`labels`."""
        key = tuple(named.items())
        child = self._by_name.get(key)
        if child is None:
            keywords = {name.replace(".", "_"): name for name in self.names}
            if named.keys() != keywords.keys():
                raise self._wrong_labels(named)
            child = self._child(tuple(named[keyword] for keyword in keywords))
            self._keep(self._by_name, key, child)
        return child

    def children(self) -> list[Child]:
        """Return the children in the order in which they were made; the surplus comes last."""
        return list(self._children.values()) + list(self._surplus.values())

    def samples(self, metric: str) -> list[tuple[Any, ...]]:
        """Return a sample of each child that has something to report."""
        return samples(metric, self.names, self.children())

    def _child(self, values: tuple[object, ...]) -> Child:
        child = self._by_values.get(values)
        if child is not None:
            return child
        if len(values) != len(self.names):
            raise self._wrong_labels(map(repr, values))
        texts = tuple(label_text(value) for value in values)
        for name, value, text in zip(self.names, values, texts, strict=True):
            if text is None:
                raise ValueError(f"label {name!r}: {short(value)} is not a label value")
        key: tuple[str, ...] = texts  # type: ignore[assignment]
        child = self._children.get(key)
        if child is None:
            if len(self._children) >= self.max_children:
                return self._overflow()
            # One step: a finalizer or another thread may do the same meanwhile.
            child = self._children.setdefault(key, self._make(key))
        if key != values:  # numbers
            self._keep(self._by_values, values, child)
        return child

    def _overflow(self) -> Child:
        """Return the child for sets of label values beyond the bound."""
        ((name, text),) = SURPLUS
        child = self._surplus.get(name)
        if child is None:
            made = self._make_surplus((text,))
            made._labels = FixedLabels((name,), (text,))  # noqa: SLF001 - its own child
            child = self._surplus.setdefault(name, made)
        return child

    def _make_surplus(self, texts: tuple[str, ...]) -> Child:
        return self._make(texts)

    def _keep(self, known: dict[Any, Child], key: tuple[object, ...], child: Child) -> None:
        """Remember a child by the values or keywords of a call; their number is bounded."""
        if self._surplus and child in self._surplus.values():
            return
        if len(known) >= 2 * self.max_children:
            known.clear()
        known[key] = child

    def _wrong_labels(self, given: Iterable[str]) -> ValueError:
        expected = ", ".join(self.names)
        return ValueError(f"expected labels {expected}; got {', '.join(given) or 'none'}")


class LabelledCounter(Labelled[Counter]):
    """A counter for each set of label values."""

    __slots__ = ()

    def inc(self, n: float = 1, **labels: str | int) -> None:
        """Add to the child for these labels; see :meth:`Counter.inc` and :meth:`labels`."""
        child = self._by_name.get(tuple(labels.items()))  # a sixth faster
        if child is None:
            child = self._by_keywords(labels)
        child.inc(n)

    def samples(self, metric: str) -> list[tuple[Any, ...]]:
        """Return a sample of each child, without a call of ``read`` for each."""
        return [
            (metric, child._value, child._labels or _labels(self.names, child))  # noqa: SLF001
            for child in self.children()
        ]


class LabelledGauge(Labelled[Gauge]):
    """A gauge for each set of label values; beyond the bound it refuses recordings."""

    __slots__ = ()

    def _make_surplus(self, texts: tuple[str, ...]) -> Gauge:
        return RefusingGauge(texts)

    def set(self, value: float, **labels: str | int) -> None:
        """Set the child for these labels; see :meth:`Gauge.set` and :meth:`labels`."""
        self._by_keywords(labels).set(value)

    def inc(self, n: float = 1, **labels: str | int) -> None:
        """Add to the child for these labels; see :meth:`Gauge.inc` and :meth:`labels`."""
        self._by_keywords(labels).inc(n)

    def dec(self, n: float = 1, **labels: str | int) -> None:
        """Subtract from the child for these labels; see :meth:`inc`."""
        self._by_keywords(labels).inc(-n)


class LabelledHistogram(Labelled[Histogram]):
    """A histogram for each set of label values."""

    __slots__ = ()

    def observe(self, value: float, **labels: str | int) -> None:
        """Count an observation for these labels; see :meth:`Histogram.observe`."""
        self._by_keywords(labels).observe(value)

    def time(self, **labels: str | int) -> Timer:
        """Return a timer for these labels; see :meth:`Histogram.time`."""
        return self._by_keywords(labels).time()


def samples(metric: str, names: tuple[str, ...], children: Iterable[Any]) -> list[tuple[Any, ...]]:
    """Return a sample of each child that has something to report."""
    return [
        (metric, value, child._labels or _labels(names, child))  # noqa: SLF001 - its own child
        for child in children
        if (value := child.read()) is not None
    ]


def _labels(names: tuple[str, ...], child: Any) -> FixedLabels:
    """Make a child's labels at its first pull, so that recording does not pay for them."""
    texts = child.texts
    if len(names) > 1 and (ordered := tuple(sorted(names))) != names:  # as a series has them
        texts = tuple(texts[names.index(name)] for name in ordered)
        names = ordered
    child._labels = FixedLabels(names, texts)  # noqa: SLF001 - its own child
    return child._labels  # type: ignore[no-any-return] # noqa: SLF001
