"""Counter, gauge, histogram: what counts, exactly and at next to no cost.

What ``inc``, ``set`` and ``observe`` cost is paid by the application, so nothing is locked where
the interpreter's own lock makes ``x += n`` exact: between its load and its store CPython looks
for another thread only at calls and backward jumps, and there are none. Free-threaded builds lock
(:mod:`~sampler._instruments.free_threading`). No lock is held while foreign code runs: finalizers
and signal handlers may count, too.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate

from sampler._contract.bounds import SCALE, UPPERS
from sampler._contract.declaration import short
from sampler._contract.histogram import HistogramValue as Value
from sampler._contract.values import RefusedRecordings, number_or_none
from sampler._instruments import free_threading
from sampler._instruments.timers import Exceptions, InProgress, Timer
from sampler._runtime.abandoned import is_foreign

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sampler._contract.declaration import FixedLabels

    Number = int | float

_INFINITE = float("inf")
_MOST = 1.7976931348623157e308  # the highest finite float
_EXPONENTIAL = (*UPPERS, _MOST)
_ZERO = -1  # the bucket of what is exactly 0, among exponential ones
_TRIES = 100  # to read a histogram that is written all the time
_new = object.__new__
_ONE = 1  # the amount that needs no check: a small int is one object


class Counter:
    """Counts up.

    Attributes:
        texts: label values, in the order of the metric's label names.
    """

    __slots__ = ("_labels", "_value", "texts")

    def __init__(self, texts: tuple[str, ...] = ()) -> None:
        self.texts: tuple[str, ...] = texts
        self._labels: FixedLabels | None = None
        self._value: Number = 0

    def inc(self, n: float = 1) -> None:
        """Add ``n``, at least 0.

        Raises:
            ValueError: ``n`` is negative or not finite.
            TypeError: ``n`` is no number.
        """
        if n is not _ONE:
            if type(n) is not float and type(n) is not int:
                n = required_number(n)
            if not n >= 0.0 or n == _INFINITE:  # NaN, too
                raise ValueError(f"a counter only grows: cannot add {n!r}")
        self._value += n

    def count_exceptions(
        self, kinds: type[BaseException] | tuple[type[BaseException], ...] = Exception
    ) -> Exceptions:
        """Return a context manager, or decorator, that counts what is raised.

        Args:
            kinds: which exceptions.
        """
        return Exceptions(self, kinds)

    def read(self) -> Number:
        """Return the total."""
        return self._value

    def restart(self) -> None:
        """Start at zero, as a forked child does."""
        self._value = 0


class Gauge:
    """Holds the present value; says nothing before it is first set.

    Attributes:
        texts: label values, in the order of the metric's label names.
    """

    __slots__ = ("_function", "_labels", "_value", "texts")

    def __init__(self, texts: tuple[str, ...] = ()) -> None:
        self.texts: tuple[str, ...] = texts
        self._labels: FixedLabels | None = None
        self._function: Callable[[], Any] | None = None
        self._value: Number | None = None

    def set(self, value: float) -> None:
        """Set the value.

        Raises:
            TypeError: ``value`` is no number.
        """
        if type(value) is not float and type(value) is not int:
            value = required_number(value)
        self._value = value

    def inc(self, n: float = 1) -> None:
        """Add ``n``, from 0 when it was never set.

        Raises:
            TypeError: ``n`` is no number.
        """
        if type(n) is not float and type(n) is not int:
            n = required_number(n)
        if self._value is None:
            self._value = 0
        self._value += n

    def dec(self, n: float = 1) -> None:
        """Subtract ``n``; see :meth:`inc`."""
        self.inc(-n)

    def set_to_current_time(self) -> None:
        """Set the seconds since the epoch."""
        from time import time

        self._value = time()

    def set_function(self, function: Callable[[], Any]) -> None:
        """Ask ``function`` for the value at each pull, from now on.

        It returns what a sampler may yield, and is called by several consumers at once, from any
        thread. One that raises costs this gauge only, and is counted as a refused sample.
        """
        self._function = function

    def track_inprogress(self) -> InProgress:
        """Return a context manager, or decorator, that adds 1 while the block, or call, lasts."""
        return InProgress(self)

    def read(self) -> Any:
        """Return the value; None before it is set."""
        if self._function is None:
            return self._value
        try:
            return self._function()
        except BaseException as error:  # the intake refuses it, and says so
            if not is_foreign(error):
                raise
            return error

    def restart(self) -> None:
        """Forget the value, as a forked child does; a function stays."""
        self._value = None


class RefusingGauge(Gauge):
    """Stands for gauges that there is no room for: values of several cannot be one value."""

    __slots__ = ()

    def set(self, value: float) -> None:  # noqa: ARG002 - a Gauge's
        """Count a recording that is refused."""
        self._value = (self._value or 0) + 1

    def inc(self, n: float = 1) -> None:
        """Count a recording that is refused."""
        self.set(n)

    def set_to_current_time(self) -> None:
        """Count a recording that is refused."""
        self.set(0)

    def set_function(self, function: Callable[[], Any]) -> None:  # noqa: ARG002
        """Count a recording that is refused."""
        self.set(0)

    def read(self) -> Any:
        """Return how many recordings were refused."""
        return RefusedRecordings(int(self._value or 0))


class Histogram:
    """Counts observations by size.

    Attributes:
        texts: label values, in the order of the metric's label names.
    """

    __slots__ = ("_counts", "_labels", "_last", "_limits", "_lineage", "_sum", "texts")

    def __init__(
        self, texts: tuple[str, ...] = (), bounds: tuple[float, ...] | None = None
    ) -> None:
        """Make one.

        Args:
            texts: label values.
            bounds: inclusive upper bounds, rising; None for exponential ones.
        """
        self.texts: tuple[str, ...] = texts
        self._labels: FixedLabels | None = None
        # Between them lies what can be observed: NaN sorts before the first, infinity behind the
        # last, and neither has a bucket, so the check costs nothing.
        self._limits = _EXPONENTIAL if bounds is None else (-_MOST, *bounds, _MOST)
        self._last: tuple[Number, dict[int, int], Value] | None = None
        self._lineage: object = None
        self._counts: dict[int, int] = {}
        self._sum: Number = 0

    def observe(self, value: float) -> None:
        """Count an observation, in the metric's unit.

        Raises:
            ValueError: ``value`` is not finite; or it is negative, and the bounds exponential.
            TypeError: ``value`` is no number.
        """
        if type(value) is not float and type(value) is not int:
            value = required_number(value)
        index = bisect_left(self._limits, value)
        try:
            self._counts[index] += 1
            self._sum += value
        except KeyError:
            self._begin(index, value)

    def time(self) -> Timer:
        """Return a context manager, or decorator, that observes how many seconds it took."""
        timer = _new(Timer)  # an __init__ would cost more than both readings of the clock
        timer._histogram = self  # noqa: SLF001 - one room
        return timer

    def read(self) -> Value:
        """Return the observations so far; the same object until there is another."""
        total, counts = self._taken()
        last = self._last
        if last is not None and last[0] == total and last[1] == counts:
            return last[2]
        exponential = self._limits is _EXPONENTIAL
        pairs = _edges(counts) if exponential else _filled(counts, self._limits)
        if self._lineage is None:
            self._lineage = object()
        count, scale = sum(counts.values()), SCALE if exponential else None
        value = Value(count, total, tuple(pairs), scale, lineage=self._lineage)
        self._last = total, counts, value
        return value

    def restart(self) -> None:
        """Start at zero, as a forked child does."""
        self._lineage = None
        self._counts = {}
        self._sum = 0

    def _taken(self) -> tuple[Number, dict[int, int]]:
        """Return sum and counts of one moment.

        A new dictionary may start a collection of garbage, and with it finalizers that observe.
        """
        total, counts = self._sum, dict(self._counts)
        for _ in range(_TRIES):
            if total == self._sum:
                break
            total, counts = self._sum, dict(self._counts)
        return total, counts

    def _begin(self, index: int, value: float) -> None:
        """Count the first observation of a bucket, or what belongs to none."""
        exponential = self._limits is _EXPONENTIAL
        if not index and value < 0 and value > -_INFINITE and exponential:
            raise ValueError(f"cannot observe {value!r}: negative values need 'buckets'")
        if not -_INFINITE < value < _INFINITE:
            raise ValueError(f"cannot observe {value!r}")
        index = index or (_ZERO if exponential else 1)
        self._counts.setdefault(index, 0)
        self._counts[index] += 1
        self._sum += value


def _filled(counts: dict[int, int], limits: tuple[float, ...]) -> list[tuple[float, int]]:
    """Return every bound with the count up to it."""
    get, uppers = counts.get, limits[1:-1]
    filled = [get(index, 0) for index in range(1, len(uppers) + 1)]
    return list(zip(uppers, accumulate(filled), strict=True))


def _edges(counts: dict[int, int]) -> list[tuple[float, int]]:
    """Return both edges of each filled bucket with the counts up to them (PEP: Values)."""
    pairs: list[tuple[float, int]] = []
    cumulative, edge = 0, _ZERO
    for index in sorted(counts):
        if index == len(_EXPONENTIAL) - 1:  # above the last bound
            break
        if index == _ZERO:
            cumulative = counts[index]
            pairs.append((0.0, cumulative))
            edge = 0
            continue
        if edge != index - 1:
            pairs.append((_EXPONENTIAL[index - 1], cumulative))
        cumulative += counts[index]
        pairs.append((_EXPONENTIAL[index], cumulative))
        edge = index
    return pairs


def required_number(n: Any) -> int | float:
    """Turn what counts as a number into an ``int`` or ``float``, so that adding it is exact."""
    number = number_or_none(n)
    if number is None:
        raise TypeError(f"expected a number, got {short(n)}")
    return number


if free_threading.NEEDED:
    free_threading.guard(Counter, Gauge, RefusingGauge, Histogram)
