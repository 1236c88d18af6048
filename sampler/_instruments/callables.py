"""What is decorated: every kind of callable, measured from its first step to its end.

A decorated function keeps its signature and its kind: a coroutine function stays one, a generator
function, too. A plain function may return what does the work later: a coroutine, a generator, a
context manager of :mod:`contextlib`. What it returns is looked at, and measured if so.
"""

from __future__ import annotations

from functools import partial, update_wrapper, wraps
from time import perf_counter
from types import (
    AsyncGeneratorType,
    BuiltinFunctionType,
    CoroutineType,
    FunctionType,
    GeneratorType,
    coroutine,
)

from sampler._contract.bounds import bisect_left
from sampler._contract.declaration import short
from sampler._instruments.free_threading import NEEDED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator
    from types import TracebackType
    from typing import Any, Protocol

    class Measured(Protocol):
        """What measures a call."""

        _observes: bool

        def __enter__(self) -> Any: ...

        def __exit__(
            self,
            kind: type[BaseException] | None,
            error: BaseException | None,
            trace: TracebackType | None,
        ) -> None: ...

        def for_next_call(self, before: float = 0.0) -> Measured:
            """Return the one that surrounds the next call."""
            ...


_GENERATOR, _COROUTINE, _AWAITED, _ASYNC_GENERATOR = 0x20, 0x80, 0x100, 0x200
"""``inspect.CO_*``: flags of a function's code; one is that of :func:`types.coroutine`."""
_KINDS = _GENERATOR | _COROUTINE | _AWAITED | _ASYNC_GENERATOR
_HEAP_TYPE = 1 << 9
"""``Py_TPFLAGS_HEAPTYPE``: a class of a program, unlike ``int``."""


def measured(measure: Measured, function: Any) -> Any:
    """Return a callable with each call measured.

    Args:
        measure: what measures a call.
        function: what is decorated.

    Raises:
        TypeError: a call of it cannot be measured.
    """
    if isinstance(function, staticmethod | classmethod):
        return type(function)(measured(measure, function.__func__))
    if isinstance(function, type) and function.__flags__ & _HEAP_TYPE:
        what = "a class stays one only if it is not wrapped: decorate its __init__"
        raise TypeError(f"cannot measure calls of {short(function)}: {what}")
    if not callable(function):
        what = "it cannot be called: decorate the function in it"
        raise TypeError(f"cannot measure {short(function)}: {what}")
    call = _wrapped(measure, function)
    if isinstance(function, FunctionType | BuiltinFunctionType | type):
        return call
    if isinstance(function, partial):
        return MeasuredPartial(call, measure, function)
    return _OBJECTS.get(_kind(function), MeasuredObject)(call, measure, function)


def _wrapped(measure: Any, function: Any) -> Any:
    """Return a function of the same kind that calls this one and measures."""
    kind = _kind(function)
    if kind in _FAST and measure._observes and not (measure._histogram._exemplified or NEEDED):
        return _FAST[kind](measure, function)
    return _ANY[kind](measure, function)


def _kind(function: Any) -> int:
    """Return the flag of a callable's code that says what a call gives; 0: nothing special."""
    while True:
        if isinstance(function, partial):
            function = function.func
            continue
        code = getattr(function, "__code__", None)
        if code is None and not isinstance(function, FunctionType):
            code = getattr(type(function).__call__, "__code__", None)
        flags = getattr(code, "co_flags", 0)
        return flags & _KINDS


def _function(measure: Measured, function: Callable[..., Any]) -> Callable[..., Any]:
    surrounding, clock, immediate = measure.for_next_call, perf_counter, _immediate

    @wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        began = clock()
        around = surrounding()
        around.__enter__()
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            around.__exit__(type(error), error, error.__traceback__)
            raise
        if type(result) not in immediate:
            later = _later(measure, result, clock() - began)
            if later is not None:
                if not around._observes:
                    around.__exit__(None, None, None)
                return later
        around.__exit__(None, None, None)
        return result

    return called


def _coroutine(
    measure: Measured, function: Callable[..., Any], before: float = 0.0
) -> Callable[..., Any]:
    @wraps(function)
    async def surrounded(*args: Any, **kwargs: Any) -> Any:
        with measure.for_next_call(before):
            return await function(*args, **kwargs)

    return surrounded


def _generator(
    measure: Measured, function: Callable[..., Any], before: float = 0.0
) -> Callable[..., Any]:
    @wraps(function)
    def surrounded(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        with measure.for_next_call(before):
            return (yield from function(*args, **kwargs))

    return surrounded


def _awaited_generator(measure: Measured, function: Callable[..., Any]) -> Callable[..., Any]:
    return coroutine(_generator(measure, function))


def _async_generator(
    measure: Measured, function: Callable[..., Any], before: float = 0.0
) -> Callable[..., Any]:
    @wraps(function)
    async def surrounded(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        steps = function(*args, **kwargs)
        with measure.for_next_call(before):
            step = steps.__anext__()
            while True:
                try:
                    value = await step
                except StopAsyncIteration:
                    return
                try:
                    sent = yield value
                except GeneratorExit:
                    await steps.aclose()
                    raise
                except BaseException as error:
                    step = steps.athrow(error)
                else:
                    step = steps.asend(sent)

    return surrounded


def _timed_function(timer: Any, function: Callable[..., Any]) -> Callable[..., Any]:
    histogram, clock, bisect, immediate = timer._histogram, perf_counter, bisect_left, _immediate
    limits = histogram._limits

    @wraps(function)
    def timed(*args: Any, **kwargs: Any) -> Any:
        began = clock()
        try:
            result = function(*args, **kwargs)
        except BaseException:
            histogram.observe(clock() - began)
            raise
        if result is not None and type(result) not in immediate:
            later = _later(timer, result, clock() - began)
            if later is not None:
                return later
        seconds = clock() - began
        index = bisect(limits, seconds)
        try:
            histogram._counts[index] += 1
            histogram._sum += seconds
        except KeyError:
            histogram._observe_first(index, seconds)
        except OverflowError:
            histogram._lose_sum()
        return result

    return timed


def _timed_coroutine(timer: Any, function: Callable[..., Any]) -> Callable[..., Any]:
    histogram, clock, bisect = timer._histogram, perf_counter, bisect_left
    limits = histogram._limits

    @wraps(function)
    async def timed(*args: Any, **kwargs: Any) -> Any:
        began = clock()
        try:
            return await function(*args, **kwargs)
        finally:
            seconds = clock() - began
            index = bisect(limits, seconds)
            try:
                histogram._counts[index] += 1
                histogram._sum += seconds
            except KeyError:
                histogram._observe_first(index, seconds)
            except OverflowError:
                histogram._lose_sum()

    return timed


_FAST: dict[int, Any] = {0: _timed_function, _COROUTINE: _timed_coroutine}
_ANY: dict[int, Callable[[Measured, Callable[..., Any]], Callable[..., Any]]] = {
    0: _function,
    _GENERATOR: _generator,
    _COROUTINE: _coroutine,
    _GENERATOR | _AWAITED: _awaited_generator,
    _ASYNC_GENERATOR: _async_generator,
}

_immediate: set[type] = {type(None), bool, int, float, str, bytes, list, dict, tuple}
"""Types of results that are no work that is done later."""
_MOST = 1_000
"""Of them; a program may make classes without end."""


def _later(measure: Measured, result: Any, before: float) -> Any:
    """Return what a function returned with its work measured; None: it has none left.

    Args:
        measure: what measures it.
        result: what a function returned.
        before: seconds that the function took.
    """
    cls = type(result)
    for kind, follow in _FOLLOW.items():
        if cls is kind:
            later = follow(measure, lambda: result, before)()
            later.__name__, later.__qualname__ = result.__name__, result.__qualname__
            return later
    if cls.__module__ == "contextlib" and isinstance(getattr(result, "gen", None), _STEPPED):
        generator, function = result.gen, result.func
        result.gen = _FOLLOW[type(generator)](measure, lambda: generator, before)()
        result.func = measured(measure, function)  # it may be used as a decorator
        return result
    if not hasattr(cls, "__await__"):
        if len(_immediate) < _MOST:
            _immediate.add(cls)
        return None
    if hasattr(cls, "add_done_callback"):  # a future, or a task: it is used as what it is
        around = measure.for_next_call(before)
        around.__enter__()
        result.add_done_callback(partial(_ended, around))
        return result
    return MeasuredAwaitable(measure, result, before)


_FOLLOW: dict[type, Any] = {
    CoroutineType: _coroutine,
    GeneratorType: _generator,
    AsyncGeneratorType: _async_generator,
}
_STEPPED = (GeneratorType, AsyncGeneratorType)


def _ended(around: Measured, future: Any) -> None:
    error = None
    if future.cancelled():
        from asyncio import CancelledError

        error = CancelledError()
    else:  # the exception itself counts as retrieved once it was asked for
        error = getattr(future, "_exception", None)
    around.__exit__(None if error is None else type(error), error, None)


class MeasuredAwaitable:
    """Something to be awaited, or entered by ``async with``, and measured meanwhile."""

    def __init__(self, measure: Measured, result: Any, before: float) -> None:
        self._measure = measure
        self._around: Measured = measure
        self._before = before
        self.__wrapped__ = result

    def __await__(self) -> Generator[Any, Any, Any]:
        with self._measure.for_next_call(self._before):
            return (yield from self.__wrapped__.__await__())

    async def __aenter__(self) -> Any:
        self._around = self._measure.for_next_call(self._before)
        self._around.__enter__()
        try:
            return await self.__wrapped__.__aenter__()
        except BaseException as error:
            self._around.__exit__(type(error), error, error.__traceback__)
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> Any:
        try:
            return await self.__wrapped__.__aexit__(kind, error, trace)
        finally:
            self._around.__exit__(kind, error, trace)

    def __getattr__(self, name: str) -> Any:
        if name == "__wrapped__":
            raise AttributeError(name)  # while it is being made
        return getattr(self.__wrapped__, name)


class MeasuredObject:
    """A callable object with each call measured; all else of it is the object's."""

    def __init__(self, call: Callable[..., Any], measure: Measured, function: Any) -> None:
        self._call = call
        self._measure = measure
        self.__wrapped__ = function
        update_wrapper(self, function, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._call(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name == "__wrapped__" or name.startswith("_measure"):
            raise AttributeError(name)  # while it is being made
        return getattr(self.__wrapped__, name)

    def __reduce__(self) -> tuple[Any, ...]:
        return measured, (self._measure, self.__wrapped__)


class _CoroutineObject(MeasuredObject):
    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return await self._call(*args, **kwargs)


class _GeneratorObject(MeasuredObject):
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return (yield from self._call(*args, **kwargs))


_OBJECTS = {
    _GENERATOR: _GeneratorObject,
    _COROUTINE: _CoroutineObject,
}


class MeasuredPartial(partial):  # type: ignore[type-arg]
    """A partial with each call measured, which is still a partial."""

    measure: Measured
    __wrapped__: Any

    def __new__(cls, call: Callable[..., Any], measure: Measured, function: Any) -> Any:
        made = super().__new__(cls, call)
        made.measure, made.__wrapped__ = measure, function
        return made

    def __reduce__(self) -> Any:
        return measured, (self.measure, self.__wrapped__)
