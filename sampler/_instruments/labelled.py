"""Instruments with labels: each set of label values has a child that counts for itself.

Label values may come from strangers, so the number of children is bounded: what is recorded for
further sets goes to one more child, labelled ``overflow="true"``.

Children are found by plain ``str`` and ``int`` only. ``1``, ``True`` and ``1.0`` are equal, and a
subclass may equal anything: kept as keys, they would lead recordings of others astray. All others
are turned to text each time.
"""

from __future__ import annotations

from _collections_abc import Mapping  # collections.abc, without all of collections
from _operator import itemgetter  # operator, without its file: an import has a budget

from sampler._contract.declaration import label_text, short
from sampler._contract.names import SURPLUS
from sampler._contract.snapshot import FixedLabels
from sampler._instruments import free_threading
from sampler._instruments.counter import Counter
from sampler._instruments.gauge import Gauge
from sampler._instruments.histogram import Histogram
from sampler._instruments.home import reduced, shown
from sampler._runtime.typing_stubs import Generic, TypeVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from sampler._contract.instrument_samples import View
    from sampler._instruments.departures import Departures
    from sampler._instruments.home import Home

Child = TypeVar("Child", Counter, Gauge, Histogram)
MAX_CHILDREN = 2_000
"""Children of an instrument, unless it sets another bound."""


class Labelled(Generic[Child]):
    """An instrument with labels: it has a child for each set of label values.

    A label value may be anything: it becomes text. ``None`` and the empty text are the absence of
    the label; what is longer than 1,024 characters is cut and marked.

    Args:
        names: label names.
        make: makes a child for label values.
        max_children: how many; what is recorded for others goes to one more child.
        direct: recordings by keyword may write to a child past its methods.

    Attributes:
        names: label names.
        max_children: the bound.
    """

    __slots__ = (
        "_by_text",
        "_by_values",
        "_children",
        "_departures",
        "_direct",
        "_home",
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
        *,
        direct: bool = True,
    ) -> None:
        self.names: tuple[str, ...] = names
        self.max_children: int = max_children
        self._make: Callable[[tuple[str, ...]], Child] = make
        self._direct = direct and not free_threading.NEEDED
        self._home: Home | None = None
        self._departures: Departures[Child] | None = None
        """Of children that were removed; None while none ever was."""
        self._children: dict[tuple[object, ...], Child] = {}
        self._surplus: dict[str, Child] = {}
        keywords = [name.replace(".", "_") for name in names]
        self._keyword: str = keywords[0]
        # The value of a single label, or the values of several, from keywords in any order.
        self._pick: Callable[[dict[str, Any]], Any] = itemgetter(*keywords)
        # Children of an instrument with one label, by its text. Recordings that find theirs here
        # write to it at once, so it stays empty where children lock, or note more than a number.
        self._by_text: dict[str, Child] = {}
        # By label values with an integer among them, and nothing but plain ``str`` beside it.
        self._by_values: dict[tuple[object, ...], Child] = {}

    def labels(self, *values: object, **named: object) -> Child:
        """Return the child for these label values; the same one each time.

        Beyond ``max_children`` it is the child labelled ``overflow="true"``.

        Args:
            values: label values in the order of the names, or one mapping of all, or
            named: label values by name, with ``_`` for a dot in a name.

        Raises:
            ValueError: the labels are not the instrument's.
        """
        if named:
            if values:
                raise self._wrong_labels([*map(short, values), *named])
            return self._by_keywords(named)
        try:
            child = self._children.get(values)
        except Exception:  # a value that cannot be hashed, or has a __hash__ of its own
            child = None
        return self._by_position(values) if child is None else child

    def remove(self, *values: object, **named: object) -> None:
        """Remove the child for these label values, given as for :meth:`labels`, if there is one.

        Each consumer that knew a counter or a histogram sees its total once more. One that is
        recorded to before that goes on; later, it begins at zero, as a new series.

        Raises:
            ValueError: the labels are not the instrument's.
        """
        if values[:1] and isinstance(values[0], Mapping):
            given: Mapping[str, object] = values[0]
            values, named = (), {**{f"{key}": given[key] for key in given}, **named}
        if named:
            try:
                values = tuple(named[name.replace(".", "_")] for name in self.names)
            except KeyError:
                raise self._wrong_labels(named) from None
        if len(values) != len(self.names) or (named and len(named) != len(self.names)):
            raise self._wrong_labels(named or map(short, values))
        child = self._children.get(_texts(values))
        if child is not None:
            self._departing().remove([child])

    def clear(self) -> None:
        """Remove all children, as :meth:`remove` does; what was folded stays."""
        self._departing().remove(list(self._children.values()))

    def children(self) -> list[Child]:
        """Return the children in the order in which they were made; the surplus comes last."""
        return list(self._children.values()) + list(self._surplus.values())

    def _by_position(self, values: tuple[Any, ...]) -> Child:
        """Return the child for label values in their order, or for one mapping of all."""
        if len(values) == 1 and isinstance(values[0], Mapping):
            given: Mapping[Any, object] = values[0]
            return self._by_keywords({f"{key}".replace(".", "_"): given[key] for key in given})
        return self._child(values)

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
            if self._direct and child not in self._surplus.values():
                self._by_text[child.texts[0]] = child
        return child

    def _departing(self, expire: float | None = None) -> Departures[Child]:
        """Return what keeps account of the children that are removed."""
        if self._departures is None:
            from sampler._instruments.departures import Departures

            made: Departures[Child] = Departures(self, expire)
            self._departures = self._departures or made
        return self._departures

    def _count(self, view: View | None) -> int:
        """Return how many children a consumer sees."""
        count = len(self._children) + len(self._surplus)
        return count if self._departures is None else self._departures.count(view, count)

    def _samples(self, metric: str, view: View | None) -> list[tuple[Any, ...]]:
        """Return a sample of each child that has something to report to a consumer."""
        if self._departures is None:
            return self.samples(metric)
        names = self.names
        return [
            (metric, value, child._labels or labels_of(names, child))
            for child, value in self._departures.read(view)
            if value is not None
        ]

    def _values(self, view: View | None) -> list[Any]:
        """Return what each child has to report to a consumer, or None."""
        if self._departures is None:
            return self._read_all()
        return [value for _, value in self._departures.read(view)]

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
            # What had to be cut is sought anew each time: strangers choose how long it is.
            if known is self._by_values and child.texts == tuple(map(str, values)):
                if len(known) >= self.max_children:
                    known.clear()
                known[values] = child
        return child

    def _child_of_texts(self, values: tuple[object, ...]) -> Child:
        if len(values) != len(self.names):
            raise self._wrong_labels(map(short, values))
        key = _texts(values)
        child = self._children.get(key)
        if child is not None:
            return child
        waiting, folded = 0, False
        if self._departures is not None:
            waiting, folded = len(self._departures.leaving), key in self._departures.folded
        if folded or len(self._children) - waiting >= self.max_children:
            return self._overflow()
        made = self._make(key)
        made._home = self._home
        # One step: a finalizer or another thread may do the same meanwhile.
        return self._children.setdefault(key, made)

    def _overflow(self) -> Child:
        """Return the child for sets of label values beyond the bound."""
        name, text = SURPLUS
        child = self._surplus.get(name)
        if child is None:
            made = self._make_surplus((text,))
            made._labels = FixedLabels((name,), (text,))
            made._home = self._home
            child = self._surplus.setdefault(name, made)
        return child

    def _make_surplus(self, texts: tuple[str, ...]) -> Child:
        return self._make(texts)

    def _restart(self) -> None:
        """Start over, as a forked child does."""
        if self._departures is not None:
            self._departures.restart()
        for child in self.children():
            child.restart()

    def _wrong_labels(self, given: Iterable[str]) -> ValueError:
        expected = ", ".join(self.names)
        return ValueError(f"expected labels {expected}; got {', '.join(given) or 'none'}")

    def __repr__(self) -> str:
        return shown(self, f"{len(self._children)} series by {', '.join(self.names)}")

    def __reduce__(self) -> tuple[Any, ...]:
        return reduced(self)


def _texts(values: tuple[object, ...]) -> tuple[str, ...]:
    """Return label values as texts."""
    texts = tuple([label_text(value) for value in values])
    if None in texts:
        from sampler._instruments.label_texts import text_of

        return tuple([text_of(value) for value in values])
    return texts  # type: ignore[return-value]


def samples(metric: str, names: tuple[str, ...], children: Iterable[Any]) -> list[tuple[Any, ...]]:
    """Return a sample of each child that has something to report."""
    return [
        (metric, value, child._labels or labels_of(names, child))
        for child in children
        if (value := child.read()) is not None
    ]


def labels_of(names: tuple[str, ...], child: Any) -> FixedLabels:
    """Return a child's labels, made at its first pull, so that recording does not pay for them."""
    labels: FixedLabels | None = child._labels
    if labels is None:
        texts = child.texts
        if len(names) > 1 and (ordered := tuple(sorted(names))) != names:  # as a series has them
            texts = tuple(texts[names.index(name)] for name in ordered)
            names = ordered
        source = child if child._exemplified else None
        labels = child._labels = FixedLabels(names, texts, source)
    return labels
