"""Instruments with labels: each set of label values has a child that counts for itself.

Label values may come from strangers, so the number of children is bounded: what is recorded for
further sets goes to one more child, labelled ``overflow="true"``.

Children are found by plain ``str`` and ``int`` only. ``1``, ``True`` and ``1.0`` are equal, and a
subclass may equal anything: kept as keys, they would lead recordings of others astray. All others
are turned to text each time.
"""

from __future__ import annotations

from _operator import itemgetter  # operator, without its file: an import has a budget

from sampler._contract.declaration import label_text, short
from sampler._contract.names import SURPLUS
from sampler._contract.snapshot import FixedLabels
from sampler._instruments import free_threading
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
_ONE = 1  # as in the counter


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
        "_by_text",
        "_by_values",
        "_children",
        "_keyword",
        "_make",
        "_pick",
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
        keywords = [name.replace(".", "_") for name in names]
        self._keyword: str = keywords[0]
        # The value of a single label, or the values of several, from keywords in any order.
        self._pick: Callable[[dict[str, Any]], Any] = itemgetter(*keywords)
        # Children of an instrument with one label, by its text. Recordings that find theirs here
        # write to it at once, so it stays empty where children lock.
        self._by_text: dict[str, Child] = {}
        # By label values with an integer among them, and nothing but plain ``str`` beside it.
        self._by_values: dict[tuple[object, ...], Child] = {}

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

    def _by_keywords(self, named: dict[str, Any]) -> Child:
        """Return the child for label values by name; see :meth:`labels`."""
        try:
            picked = self._pick(named)
        except KeyError:
            raise self._wrong_labels(named) from None
        if len(named) != len(self.names):
            raise self._wrong_labels(named)
        return self._by_one(picked) if len(named) == 1 else self._child(picked)

    def _by_one(self, value: object) -> Child:
        """Return the child for the value of a single label; remember it unless it is the surplus.

        What is remembered is as much as there are children: its keys are their texts.
        """
        if type(value) is not str:
            values = (value,)
            known = self._by_values.get(values) if type(value) is int else None
            return self._child(values) if known is None else known
        child = self._by_text.get(value)
        if child is None:
            child = self._child((value,))
            if not free_threading.NEEDED and child not in self._surplus.values():
                self._by_text[child.texts[0]] = child
        return child

    def children(self) -> list[Child]:
        """Return the children in the order in which they were made; the surplus comes last."""
        return list(self._children.values()) + list(self._surplus.values())

    def _count(self) -> int:
        """Return how many children there are; none ever goes."""
        return len(self._children) + len(self._surplus)

    def samples(self, metric: str) -> list[tuple[Any, ...]]:
        """Return a sample of each child that has something to report."""
        return samples(metric, self.names, self.children())

    def _read_all(self) -> list[Any]:
        """Return what each child has to report, or None."""
        return [child.read() for child in self.children()]

    def _child(self, values: tuple[object, ...]) -> Child:
        """Return the child for label values of any type; make it if there is none."""
        known = self._children
        for value in values:
            if type(value) is not str:
                if type(value) is not int:
                    return self._child_of_texts(values)
                known = self._by_values
        child = known.get(values)
        if child is None:
            child = self._child_of_texts(values)
            if child.texts != values and child not in self._surplus.values():
                if len(self._by_values) >= self.max_children:
                    self._by_values.clear()
                self._by_values[values] = child
        return child

    def _child_of_texts(self, values: tuple[object, ...]) -> Child:
        if len(values) != len(self.names):
            raise self._wrong_labels(map(repr, values))
        texts = tuple([label_text(value) for value in values])
        child = self._children.get(texts)
        if child is not None:
            return child
        for name, value, text in zip(self.names, values, texts, strict=True):
            if text is None:
                raise ValueError(f"label {name!r}: {short(value)} is not a label value")
        if len(self._children) >= self.max_children:
            return self._overflow()
        key: tuple[str, ...] = texts  # type: ignore[assignment]
        # One step: a finalizer or another thread may do the same meanwhile.
        return self._children.setdefault(key, self._make(key))

    def _overflow(self) -> Child:
        """Return the child for sets of label values beyond the bound."""
        name, text = SURPLUS
        child = self._surplus.get(name)
        if child is None:
            made = self._make_surplus((text,))
            made._labels = FixedLabels((name,), (text,))  # noqa: SLF001 - its own child
            child = self._surplus.setdefault(name, made)
        return child

    def _make_surplus(self, texts: tuple[str, ...]) -> Child:
        return self._make(texts)

    def _wrong_labels(self, given: Iterable[str]) -> ValueError:
        expected = ", ".join(self.names)
        return ValueError(f"expected labels {expected}; got {', '.join(given) or 'none'}")


# Methods that record by keyword all begin with the same lines: a call for them would take a tenth
# of the whole. Who is found in `_by_text` is not the surplus and locks nothing.


class LabelledCounter(Labelled[Counter]):
    """A counter for each set of label values."""

    __slots__ = ()

    def inc(self, n: float = 1, **labels: str | int) -> None:
        """Add to the child for these labels; see :meth:`Counter.inc` and :meth:`labels`."""
        child = None
        try:
            if len(labels) == 1 and type(text := labels[self._keyword]) is str:
                child = self._by_text[text]
        except KeyError:
            pass
        if child is None:
            self._by_keywords(labels).inc(n)
        elif n is _ONE:
            child._value += 1  # noqa: SLF001 - its own child
        else:
            child.inc(n)

    def samples(self, metric: str) -> list[tuple[Any, ...]]:
        """Return a sample of each child, without a call of ``read`` for each."""
        return [
            (metric, child._value, child._labels or _labels(self.names, child))  # noqa: SLF001
            for child in self.children()
        ]

    def _read_all(self) -> list[Any]:
        """Return the total of each child."""
        return [child._value for child in self.children()]  # noqa: SLF001


class LabelledGauge(Labelled[Gauge]):
    """A gauge for each set of label values; beyond the bound it refuses recordings."""

    __slots__ = ()

    def _make_surplus(self, texts: tuple[str, ...]) -> Gauge:
        return RefusingGauge(texts)

    def set(self, value: float, **labels: str | int) -> None:
        """Set the child for these labels; see :meth:`Gauge.set` and :meth:`labels`."""
        child = None
        try:
            if len(labels) == 1 and type(text := labels[self._keyword]) is str:
                child = self._by_text[text]
        except KeyError:
            pass
        if child is None:
            self._by_keywords(labels).set(value)
        elif type(value) is float or type(value) is int:
            child._value = value  # noqa: SLF001 - its own child
        else:
            child.set(value)

    def inc(self, n: float = 1, **labels: str | int) -> None:
        """Add to the child for these labels; see :meth:`Gauge.inc` and :meth:`labels`."""
        child = None
        try:
            if len(labels) == 1 and type(text := labels[self._keyword]) is str:
                child = self._by_text[text]
        except KeyError:
            pass
        if child is None:
            self._by_keywords(labels).inc(n)
        elif n is _ONE and child._value is not None:  # noqa: SLF001 - its own child
            child._value += 1  # noqa: SLF001
        else:
            child.inc(n)

    def dec(self, n: float = 1, **labels: str | int) -> None:
        """Subtract from the child for these labels; see :meth:`inc`."""
        child = None
        try:
            if len(labels) == 1 and type(text := labels[self._keyword]) is str:
                child = self._by_text[text]
        except KeyError:
            pass
        if child is None:
            self._by_keywords(labels).inc(-n)
        elif n is _ONE and child._value is not None:  # noqa: SLF001 - its own child
            child._value -= 1  # noqa: SLF001
        else:
            child.inc(-n)


class LabelledHistogram(Labelled[Histogram]):
    """A histogram for each set of label values."""

    __slots__ = ()

    def observe(self, value: float, **labels: str | int) -> None:
        """Count an observation for these labels; see :meth:`Histogram.observe`."""
        child = None
        try:
            if len(labels) == 1 and type(text := labels[self._keyword]) is str:
                child = self._by_text[text]
        except KeyError:
            pass
        (self._by_keywords(labels) if child is None else child).observe(value)

    def time(self, **labels: str | int) -> Timer:
        """Return a timer for these labels; see :meth:`Histogram.time`."""
        child = None
        try:
            if len(labels) == 1 and type(text := labels[self._keyword]) is str:
                child = self._by_text[text]
        except KeyError:
            pass
        return (self._by_keywords(labels) if child is None else child).time()


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
