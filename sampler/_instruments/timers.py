"""Measures of a block or a call: how long it takes, calls in progress, exceptions."""

from __future__ import annotations

from time import perf_counter

from sampler._contract.bounds import bisect_left
from sampler._instruments.free_threading import NEEDED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any, Protocol, Self, TypeVar

    F = TypeVar("F", bound=Callable[..., Any])

    class CountsUp(Protocol):
        """What counts exceptions: a counter."""

        def inc(self) -> None:
            """Add 1."""
            ...

    class CountsBothWays(CountsUp, Protocol):
        """What counts calls in progress: a gauge."""

        def dec(self) -> None:
            """Subtract 1."""
            ...

    class Observes(Protocol):
        """What a timer records to: a histogram."""

        _exemplified: bool

        _limits: tuple[float, ...]
        _counts: dict[int, int]
        _sum: int | float

        def observe(self, value: float) -> None:
            """Count an observation."""
            ...

        def _observe_first(self, index: int, value: float) -> None: ...

        def _lose_sum(self) -> None: ...

        def time(self) -> Timer:
            """Return another timer."""
            ...

        _home: Any
        texts: tuple[str, ...]


class Measured:
    """A context manager for a block, also of ``async with``; a decorator for what is called.

    Functions, coroutine functions, generators and async generators are measured from their first
    step to their end, and so is what a function returns to be awaited or iterated later.
    """

    __slots__ = ()
    _observes = False
    """Whether it observes each call once, with all seconds that it took."""

    def __enter__(self) -> Self:
        raise NotImplementedError

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, trace)

    def for_next_call(self, before: float = 0.0) -> Measured:
        """Return the one that surrounds the next call; calls may overlap.

        Args:
            before: seconds that the work has taken already.
        """
        raise NotImplementedError

    def __call__(self, function: F) -> F:
        """Return ``function`` with each of its calls surrounded.

        Raises:
            TypeError: what a call of it does cannot be measured.
        """
        from sampler._instruments.callables import measured

        return measured(self, function)  # type: ignore[no-any-return]


class Timer(Measured):
    """Observes durations in seconds; made by :meth:`Histogram.time`.

    A block may be within another one of the same timer; calls of what it decorates may overlap.
    Blocks that overlap otherwise, in threads or tasks, are right in sum and count.

    What it does with one is :meth:`Histogram.observe`, written out: the call, and the check of
    what is always a float, would take a tenth of the whole.
    """

    __slots__ = ("_began", "_histogram")
    _observes = True

    _began: float
    _histogram: Observes

    def __enter__(self) -> Self:
        began = perf_counter()
        around, self._began = self._began, began  # no call: no other thread comes between
        if around:
            _around.setdefault(self, []).append(around)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        seconds = perf_counter() - self._began
        self._began = 0.0
        if _around:
            _resume(self)
        histogram = self._histogram
        if NEEDED:  # `observe` locks
            histogram.observe(seconds)
            return
        index = bisect_left(histogram._limits, seconds)
        try:
            histogram._counts[index] += 1
            histogram._sum += seconds
        except KeyError:
            histogram._observe_first(index, seconds)
        except OverflowError:  # as in `observe`
            histogram._lose_sum()

    def _ended(self) -> float:
        """Return the seconds of a block that ends."""
        seconds = perf_counter() - self._began
        self._began = 0.0
        if _around:
            _resume(self)
        return seconds

    def labels(self, **labels: object) -> None:
        """Set labels that are known only now, before the block ends; the last ones stand.

        Raises:
            ValueError: the histogram has no labels, or not these.
        """
        home = self._histogram._home
        names = getattr(home and home.instrument, "names", ())
        known = {
            name.replace(".", "_"): text
            for name, text in zip(names, self._histogram.texts, strict=False)
        }
        if not labels.keys() <= known.keys():
            expected = ", ".join(names) or "none"
            raise ValueError(f"expected labels {expected}; got {', '.join(labels)}")
        self._histogram = home.instrument.labels(**{**known, **labels})

    def for_next_call(self, before: float = 0.0) -> Timer:
        """Return another timer."""
        timer = self._histogram.time()
        return Resumed(timer, before) if before else timer

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self._histogram).time, (self._histogram,)


_around: dict[Timer, list[float]] = {}
"""When blocks began that have others of the same timer within them."""


def _resume(timer: Timer) -> None:
    """Go on with the block around the one that ends, if there is one."""
    if began := _around.get(timer):
        timer._began = began.pop()
        if not began:
            del _around[timer]


class Resumed(Timer):
    """Observes the seconds of a block, and those that passed before it."""

    __slots__ = ("_before",)

    def __init__(self, timer: Timer, before: float) -> None:
        self._histogram = timer._histogram
        self._began = 0.0
        self._before = before

    def __enter__(self) -> Self:
        self._began = perf_counter() - self._before
        return self


class InProgress(Measured):
    """Adds 1 to a gauge while a block or a call lasts."""

    __slots__ = ("_gauge",)

    def __init__(self, gauge: CountsBothWays) -> None:
        self._gauge = gauge

    def __enter__(self) -> Self:
        self._gauge.inc()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._gauge.dec()

    def for_next_call(self, before: float = 0.0) -> Self:  # noqa: ARG002 - as of Timer
        """Return itself: it has no state."""
        return self


class ExceptionCounter(Measured):
    """Counts exceptions, and lets them pass."""

    __slots__ = ("_counter", "_kinds")

    def __init__(
        self, counter: CountsUp, kinds: type[BaseException] | tuple[type[BaseException], ...]
    ) -> None:
        self._counter = counter
        self._kinds = kinds

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, self._kinds):
            self._counter.inc()

    def for_next_call(self, before: float = 0.0) -> Self:  # noqa: ARG002 - as of Timer
        """Return itself: it has no state."""
        return self
