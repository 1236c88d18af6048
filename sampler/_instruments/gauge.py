"""The gauge, and what stands for gauges beyond an instrument's bound."""

from __future__ import annotations

from sampler._contract.declaration import short
from sampler._contract.values import RefusedRecordings
from sampler._instruments import free_threading
from sampler._instruments.home import number_for, reduced, refuse, shown
from sampler._instruments.timers import InProgress
from sampler._runtime.abandoned import is_foreign

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sampler._contract.snapshot import FixedLabels
    from sampler._instruments.home import Home
    from sampler.types import ContextDecorator

_ONE = 1  # as in the counter
_HIGH = 2**63


class Gauge:
    """Holds the present value; made by :meth:`Instruments.gauge`.

    It reports nothing before it is first set.

    Attributes:
        texts: label values, in the order of the metric's label names.
    """

    __slots__ = ("_function", "_home", "_labels", "_value", "texts")

    _exemplified = False
    """It keeps no exemplars."""

    def __init__(self, texts: tuple[str, ...] = ()) -> None:
        self.texts: tuple[str, ...] = texts
        self._labels: FixedLabels | None = None
        self._home: Home | None = None
        self._function: Callable[[], Any] | None = None
        self._value: int | float | None = None

    def set(self, value: float) -> None:
        """Set the value; what is not a number is refused and counted.

        What is not finite is refused when it is read: to look here would cost a third more.
        """
        if type(value) is not float and type(value) is not int:
            if (number := number_for(self._home, value)) is not None:
                self._value = number
            return
        self._value = value

    def inc(self, n: float = 1) -> None:
        """Add ``n``, which may be negative; a gauge that was never set counts from 0.

        What is not finite or not a number is refused and counted.
        """
        if n is not _ONE:
            if type(n) is float:
                if n - n:
                    refuse(self._home, "not_finite", n, "it is not finite")
                    return
            elif type(n) is not int:
                if (number := number_for(self._home, n)) is not None:
                    self.inc(number)
                return
            elif not -_HIGH <= n < _HIGH:
                refuse(self._home, "out_of_range", n, "it is beyond 2**63")
                return
        if self._value is None:
            self._value = 0
        try:
            self._value += n
        except OverflowError:  # an integer that no float can hold
            refuse(self._home, "out_of_range", n, "the sum is beyond what a number can hold")

    def dec(self, n: float = 1) -> None:
        """Subtract ``n``; see :meth:`inc`."""
        if n is _ONE or type(n) is int or type(n) is float:
            self.inc(-n)
        elif (number := number_for(self._home, n)) is not None:
            self.inc(-number)

    def set_to_current_time(self) -> None:
        """Set the value to the seconds since the epoch."""
        from time import time

        self._value = time()

    def set_function(self, function: Callable[[], Any]) -> None:
        """Ask ``function`` for the value at each pull, from now on.

        It returns any value that a sampler may yield. Several consumers may call it at once, from
        any thread. If it raises, only this gauge is lost: a refused sample is counted.
        """
        self._function = function

    def track_inprogress(self) -> ContextDecorator:
        """Return a context manager, or decorator, that adds 1 while the block, or call, lasts."""
        return InProgress(self)

    def read(self) -> Any:
        """Return the value; None before it is set."""
        if self._function is None:
            value = self._value
            if value is None or value - value == 0:
                return value
            refuse(self._home, "not_finite", value, "it was set to what is not finite")
            if self._value is value:
                self._value = None
            return None
        try:
            return self._function()
        except BaseException as error:  # the intake refuses it and reports why
            if not is_foreign(error):
                raise
            return error

    def restart(self) -> None:
        """Forget the value, as a forked child does; a function stays."""
        self._value = None

    def __repr__(self) -> str:
        asked, value = self._function, self._value
        said = f"what {short(asked)} returns" if asked else "not set" if value is None else value
        return shown(self, said)

    def __reduce__(self) -> tuple[Any, ...]:
        return reduced(self)


class RefusingGauge(Gauge):
    """Stands for all gauges beyond the bound, which cannot share one value: it refuses them."""

    __slots__ = ()

    def set(self, value: float) -> None:  # noqa: ARG002 - as of Gauge
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


if free_threading.NEEDED:
    free_threading.guard(Gauge, RefusingGauge)
