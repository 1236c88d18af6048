"""Counter, gauge, histogram: what counts, exactly and at next to no cost.

What ``inc``, ``set`` and ``observe`` cost is paid by the application, so nothing is locked where
the interpreter's own lock makes ``x += n`` exact: between its load and its store CPython looks
for another thread only at calls and backward jumps, and there are none. Free-threaded builds lock.
No lock is ever held while anything is called: finalizers and signal handlers may count, too.
"""

from __future__ import annotations

import sys
import time
from _thread import allocate_lock
from bisect import bisect_left

from sampler._mapping import label_text, short

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType
    from typing import Any, ParamSpec, Self, TypeVar

    P = ParamSpec("P")
    R = TypeVar("R")

DEFAULT_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds; for durations in seconds."""

_INFINITE = float("inf")
_FREE_THREADED = not getattr(sys, "_is_gil_enabled", lambda: True)()
_one_at_a_time = allocate_lock()


class Instrument:
    """What all instruments share: children by label values.

    An instrument with label names only makes children; each child counts for itself.
    """

    __slots__ = ("_children", "_known", "_names", "_texts")

    def __init__(self, names: tuple[str, ...] = (), texts: dict[str, str] | None = None) -> None:
        self._names = names
        self._texts = texts
        self._children: dict[tuple[str, ...], Self] = {}
        self._known: dict[tuple[object, ...], Self] = {}

    def labels(self, *values: str | int, **named: str | int) -> Self:
        """Return the child for these label values; the same one each time.

        Args:
            values: label values in the order of the names, or
            named: by name, a dot in a name written ``_``.

        Raises:
            ValueError: other labels than the instrument's, or values that are no label values.
        """
        if not named:
            child = self._known.get(values)
            if child is not None:
                return child
        return self._child(values, named)

    def _child(self, values: tuple[object, ...], named: dict[str, str | int]) -> Self:
        if named:
            keywords = {name.replace(".", "_"): name for name in self._names}
            if values or named.keys() != keywords.keys():
                raise self._mislabelled([*map(repr, values), *named])
            values = tuple(named[keyword] for keyword in keywords)
        if len(values) != len(self._names):
            raise self._mislabelled(map(repr, values))
        texts = tuple(label_text(value) for value in values)
        for name, value, text in zip(self._names, values, texts, strict=True):
            if text is None:
                raise ValueError(f"label {name!r}: {short(value)} is no label value")
        key: tuple[str, ...] = texts  # type: ignore[assignment]
        # One step each: a finalizer or another thread may do the same in between.
        child = self._children.setdefault(
            key, self._make(dict(zip(self._names, key, strict=True)))
        )
        return self._known.setdefault(values, child)

    def _mislabelled(self, given: Iterable[str]) -> ValueError:
        expected = ", ".join(self._names) or "no labels"
        return ValueError(f"expected labels {expected}; got {', '.join(given) or 'none'}")

    def _own(self, labels: dict[str, str | int]) -> Self:
        """Return what counts for these labels: itself, when it has none."""
        if labels or self._names:
            return self.labels(**labels)
        return self

    def _make(self, texts: dict[str, str]) -> Self:
        return type(self)((), texts)

    def _read(self) -> Any:
        raise NotImplementedError

    def _restart(self) -> None:
        raise NotImplementedError

    def _samples(self, metric: str) -> Iterator[tuple[Any, ...]]:
        cells = list(self._children.values()) if self._names else (self,)
        for cell in cells:
            value = cell._read()  # noqa: SLF001 - its own kind
            if value is not None:
                yield metric, value, cell._texts  # noqa: SLF001

    def _all(self) -> list[Self]:
        return [self, *list(self._children.values())]


class Counter(Instrument):
    """Counts up."""

    __slots__ = ("_value",)

    def __init__(self, names: tuple[str, ...] = (), texts: dict[str, str] | None = None) -> None:
        super().__init__(names, texts)
        self._value: int | float = 0

    def inc(self, n: float = 1, **labels: str | int) -> None:
        """Add ``n``, at least 0.

        Raises:
            ValueError: ``n`` is negative or not finite, or the labels are not the instrument's.
            TypeError: ``n`` is no number.
        """
        if labels or self._names:
            self._own(labels).inc(n)
            return
        if type(n) is not int and type(n) is not float:
            n = _plain(n)
        if not 0 <= n < _INFINITE:
            raise ValueError(f"a counter only grows: cannot add {n!r}")
        if _FREE_THREADED:
            with _one_at_a_time:
                self._value += n
        else:
            self._value += n

    def _read(self) -> int | float:
        return self._value

    def _restart(self) -> None:
        self._value = 0


class Gauge(Instrument):
    """Holds the present value; says nothing before it is first set."""

    __slots__ = ("_value",)

    def __init__(self, names: tuple[str, ...] = (), texts: dict[str, str] | None = None) -> None:
        super().__init__(names, texts)
        self._value: int | float | None = None

    def set(self, value: float, **labels: str | int) -> None:
        """Set the value.

        Raises:
            ValueError: the labels are not the instrument's.
            TypeError: ``value`` is no number.
        """
        if labels or self._names:
            self._own(labels).set(value)
            return
        if type(value) is not int and type(value) is not float:
            value = _plain(value)
        self._value = value

    def inc(self, n: float = 1, **labels: str | int) -> None:
        """Add ``n``, from 0 when it was never set; see :meth:`set`."""
        if labels or self._names:
            self._own(labels).inc(n)
            return
        if type(n) is not int and type(n) is not float:
            n = _plain(n)
        if self._value is None:
            self._value = 0
        if _FREE_THREADED:
            with _one_at_a_time:
                self._value += n
        else:
            self._value += n

    def dec(self, n: float = 1, **labels: str | int) -> None:
        """Subtract ``n``; see :meth:`inc`."""
        self.inc(-n, **labels)

    def _read(self) -> int | float | None:
        return self._value

    def _restart(self) -> None:
        self._value = None


class Histogram(Instrument):
    """Counts observations by size."""

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(
        self,
        names: tuple[str, ...] = (),
        texts: dict[str, str] | None = None,
        bounds: tuple[float, ...] = DEFAULT_BUCKETS,
    ) -> None:
        super().__init__(names, texts)
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum: int | float = 0

    def observe(self, value: float, **labels: str | int) -> None:
        """Count an observation, in the metric's unit.

        Raises:
            ValueError: ``value`` is not finite, or the labels are not the instrument's.
            TypeError: ``value`` is no number.
        """
        if labels or self._names:
            self._own(labels).observe(value)
            return
        if type(value) is not int and type(value) is not float:
            value = _plain(value)
        if not -_INFINITE < value < _INFINITE:
            raise ValueError(f"cannot observe {value!r}")
        index = bisect_left(self._bounds, value)
        if _FREE_THREADED:
            with _one_at_a_time:
                self._counts[index] += 1
                self._sum += value
        else:
            self._counts[index] += 1
            self._sum += value

    def time(self, **labels: str | int) -> Timer:
        """Return a context manager, or decorator, that observes how many seconds it took."""
        return Timer(self._own(labels))

    def _make(self, texts: dict[str, str]) -> Self:
        return type(self)((), texts, self._bounds)

    def _read(self) -> dict[str, Any]:
        total, counts = self._sum, tuple(self._counts)
        buckets, cumulative = {}, 0
        for bound, count in zip(self._bounds, counts, strict=False):
            cumulative += count
            buckets[bound] = cumulative
        return {"count": cumulative + counts[-1], "sum": total, "buckets": buckets}

    def _restart(self) -> None:
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0


class Timer:
    """Observes durations in seconds; ``with`` it, or decorate a function with it."""

    __slots__ = ("_began", "_histogram")

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram
        self._began = 0.0

    def __enter__(self) -> Self:
        self._began = time.perf_counter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._histogram.observe(time.perf_counter() - self._began)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Return ``function`` with each of its calls timed."""
        from functools import wraps

        @wraps(function)
        def timed(*args: P.args, **kwargs: P.kwargs) -> R:
            began = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self._histogram.observe(time.perf_counter() - began)

        return timed


def _plain(n: Any) -> int | float:
    """Turn what counts as a number into an ``int`` or ``float``, so that adding it is exact."""
    cls = type(n)
    if hasattr(cls, "__index__"):
        return int(n.__index__())
    if hasattr(cls, "__float__"):
        return float(n)
    raise TypeError(f"expected a number, got {short(n)}")


def renew_lock() -> None:
    """Start over in a forked child: the lock may have been held at the fork."""
    global _one_at_a_time  # noqa: PLW0603
    _one_at_a_time = allocate_lock()
