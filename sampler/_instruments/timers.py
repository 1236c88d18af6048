"""What surrounds a block or a function: timers, calls in progress, exceptions."""

from __future__ import annotations

from time import perf_counter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any, ParamSpec, Self, TypeVar

    from sampler._instruments.instruments import Counter, Gauge, Histogram

    P = ParamSpec("P")
    R = TypeVar("R")

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

    def again(self) -> Measured:
        """Return another one for the next call: calls may overlap."""
        raise NotImplementedError

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Return ``function`` with each of its calls surrounded."""
        from functools import wraps

        again = self.again
        if _is_coroutine_function(function):

            @wraps(function)
            async def surrounded(*args: P.args, **kwargs: P.kwargs) -> Any:
                with again():
                    return await function(*args, **kwargs)  # type: ignore[misc]

            return surrounded  # type: ignore[return-value]

        @wraps(function)
        def called(*args: P.args, **kwargs: P.kwargs) -> R:
            with again():
                return function(*args, **kwargs)

        return called


def _is_coroutine_function(function: Any) -> bool:
    code = getattr(function, "__code__", None)
    return code is not None and bool(code.co_flags & _COROUTINE)


class Timer(Measured):
    """Observes durations in seconds; :meth:`Histogram.time` makes it."""

    __slots__ = ("_began", "_histogram")

    _began: float
    _histogram: Histogram

    def __enter__(self) -> Self:
        self._began = perf_counter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._histogram.observe(perf_counter() - self._began)

    def again(self) -> Timer:
        """Return another one."""
        return self._histogram.time()

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Return ``function`` with each of its calls timed."""
        if _is_coroutine_function(function):
            return super().__call__(function)
        from functools import wraps

        observe, clock = self._histogram.observe, perf_counter

        @wraps(function)
        def timed(*args: P.args, **kwargs: P.kwargs) -> R:
            began = clock()
            try:
                return function(*args, **kwargs)
            finally:
                observe(clock() - began)

        return timed


class InProgress(Measured):
    """Adds 1 to a gauge while it lasts."""

    __slots__ = ("_gauge",)

    def __init__(self, gauge: Gauge) -> None:
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

    def again(self) -> Self:
        """Return itself: it keeps nothing."""
        return self


class Exceptions(Measured):
    """Counts what is raised, and lets it go on."""

    __slots__ = ("_counter", "_kinds")

    def __init__(
        self, counter: Counter, kinds: type[BaseException] | tuple[type[BaseException], ...]
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

    def again(self) -> Self:
        """Return itself: it keeps nothing."""
        return self
