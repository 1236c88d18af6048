"""Callbacks of OpenTelemetry's observable instruments: one that fails costs itself only."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from sampler.bridges._guarded import Guard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Callbacks:
    """Has callbacks run on threads of ours, while it is this that reads.

    The SDK catches what a callback raises, and tells nobody but its log; one that hangs would hold
    up all others. There is no public way to them; where this one is gone, they run as they are.

    Args:
        fail: told the name of an instrument, and what its callback has raised.
    """

    def __init__(self, fail: Callable[[str, object], object]) -> None:
        self.fail = fail

    @contextmanager
    def guarded(self, reader: Any) -> Iterator[None]:
        """Have the callbacks that this reader calls, on this thread, run so."""
        with suppress(AttributeError, TypeError):
            for instrument in reader._collect.__self__._async_instruments:  # noqa: SLF001
                _guard(instrument)
        before = _reading.set(self)
        try:
            yield
        finally:
            _reading.reset(before)


_reading: ContextVar[Callbacks | None] = ContextVar("reading", default=None)
"""Who reads now: the SDK calls callbacks on the thread that collects."""


class _Guarded:
    """Takes the place of a callback; for other readers it is the callback."""

    def __init__(self, callback: Callable[[Any], Any], name: str) -> None:
        self._callback = callback
        self._name = name
        self._guard = Guard()

    def __call__(self, options: Any) -> Any:
        reading = _reading.get()
        if reading is None:
            return self._callback(options)
        try:
            return self._guard.call(self, lambda: map(_checked, self._callback(options)))
        except Exception as error:
            reading.fail(self._name, error)
            raise  # the SDK goes on with the next one


def _checked(observation: Any) -> Any:
    """Return an observation; the SDK would end the collection of all at a value that is none."""
    if not isinstance(observation.value, int | float):
        raise TypeError(f"{observation.value!r} is no number")
    return observation


def _guard(instrument: Any) -> None:
    callbacks = instrument._callbacks  # noqa: SLF001
    for place, callback in enumerate(callbacks):
        if not isinstance(callback, _Guarded):
            callbacks[place] = _Guarded(callback, instrument.name)
