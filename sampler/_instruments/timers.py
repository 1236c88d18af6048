"""Measures of a block or a function: how long it takes, calls in progress, exceptions."""

from __future__ import annotations

from _bisect import bisect_left  # bisect, without its file: an import has a budget
from time import perf_counter

from sampler._instruments.free_threading import NEEDED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any, ParamSpec, Protocol, Self, TypeVar

    P = ParamSpec("P")
    R = TypeVar("R")

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

        _limits: tuple[float, ...]
        _counts: dict[int, int]
        _sum: int | float

        def observe(self, value: float) -> None:
            """Count an observation."""
            ...

        def _observe_first(self, index: int, value: float) -> None: ...

        def time(self) -> Timer:
            """Return another timer."""
            ...


_COROUTINE = 0x80
"""``inspect.CO_COROUTINE``: the flag of an ``async def``."""


class Measured:
    """A context manager for a block; a decorator for a function or a coroutine function."""

    __slots__ = ()

    def __enter__(self) -> Self:
        raise NotImplementedError

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        raise NotImplementedError

    def for_next_call(self) -> Measured:
        """Return the one that surrounds the next call; calls may overlap."""
        raise NotImplementedError

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Return ``function`` with each of its calls surrounded."""
        from functools import wraps

        surrounding = self.for_next_call
        if _is_coroutine_function(function):

            @wraps(function)
            async def surrounded(*args: P.args, **kwargs: P.kwargs) -> Any:
                with surrounding():
                    return await function(*args, **kwargs)  # type: ignore[misc]

            return surrounded  # type: ignore[return-value]

        @wraps(function)
        def called(*args: P.args, **kwargs: P.kwargs) -> R:
            with surrounding():
                return function(*args, **kwargs)

        return called


def _is_coroutine_function(function: Any) -> bool:
    code = getattr(function, "__code__", None)
    return code is not None and bool(code.co_flags & _COROUTINE)


class Timer(Measured):
    """Observes durations in seconds; made by :meth:`Histogram.time`.

    What it does with one is :meth:`Histogram.observe`, written out: the call, and the check of
    what is always a float, would take a tenth of the whole.
    """

    __slots__ = ("_began", "_histogram")

    _began: float
    _histogram: Observes

    def __enter__(self) -> Self:
        self._began = perf_counter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        seconds = perf_counter() - self._began
        histogram = self._histogram
        if NEEDED:  # `observe` locks
            histogram.observe(seconds)
            return
        index = bisect_left(histogram._limits, seconds)  # noqa: SLF001 - see above
        try:
            histogram._counts[index] += 1  # noqa: SLF001
            histogram._sum += seconds  # noqa: SLF001
        except KeyError:
            histogram._observe_first(index, seconds)  # noqa: SLF001

    def for_next_call(self) -> Timer:
        """Return another timer."""
        return self._histogram.time()

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Return ``function`` with each of its calls timed."""
        if NEEDED or _is_coroutine_function(function):
            return super().__call__(function)
        from functools import wraps

        histogram, clock, bisect = self._histogram, perf_counter, bisect_left
        limits = histogram._limits  # noqa: SLF001 - see above

        @wraps(function)
        def timed(*args: P.args, **kwargs: P.kwargs) -> R:
            began = clock()
            try:
                return function(*args, **kwargs)
            finally:
                seconds = clock() - began
                index = bisect(limits, seconds)
                try:
                    histogram._counts[index] += 1  # noqa: SLF001
                    histogram._sum += seconds  # noqa: SLF001
                except KeyError:
                    histogram._observe_first(index, seconds)  # noqa: SLF001

        return timed


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

    def for_next_call(self) -> Self:
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

    def for_next_call(self) -> Self:
        """Return itself: it has no state."""
        return self
