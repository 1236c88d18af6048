"""The counter, and how all instruments count: exactly, and at next to no cost.

The application pays for ``inc``, ``set`` and ``observe``, so nothing is locked where the
interpreter's own lock makes ``x += n`` exact: between its load and its store CPython switches to
another thread only at calls and backward jumps, and there are none. Free-threaded builds lock
(:mod:`~sampler._instruments.free_threading`). No lock is held while foreign code runs: finalizers
and signal handlers may count, too.
"""

from __future__ import annotations

from sampler._instruments import free_threading
from sampler._instruments.home import number_for, reduced, refuse, shown
from sampler._instruments.timers import ExceptionCounter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampler._contract.snapshot import FixedLabels
    from sampler._instruments.home import Home
    from sampler.types import ContextDecorator

_INFINITE = float("inf")
_ONE = 1  # the amount that needs no check: a small int is one object


class Counter:
    """Counts up; made by :meth:`Instruments.counter`.

    Attributes:
        texts: label values, in the order of the metric's label names.
    """

    __slots__ = ("_home", "_labels", "_value", "texts")

    _exemplified = False
    """It keeps no exemplars."""

    def __init__(self, texts: tuple[str, ...] = ()) -> None:
        self.texts: tuple[str, ...] = texts
        self._labels: FixedLabels | None = None
        self._home: Home | None = None
        self._value: int | float = 0

    def inc(self, n: float = 1) -> None:
        """Add ``n``; what is negative, not finite or not a number is refused and counted."""
        if n is not _ONE:  # each is compared with its own type, which takes half the time
            if type(n) is float:
                if not n >= 0.0 or n == _INFINITE:  # NaN, too
                    _refuse(self._home, n)
                    return
            elif type(n) is not int:
                if (number := number_for(self._home, n)) is not None:
                    self.inc(number)
                return
            elif n >> 63:  # negative, or more than a snapshot can carry
                _refuse(self._home, n)
                return
        self._value += n

    def count_exceptions(
        self, kinds: type[BaseException] | tuple[type[BaseException], ...] = Exception
    ) -> ContextDecorator:
        """Return a context manager, or decorator, that counts exceptions.

        Args:
            kinds: which exceptions to count.
        """
        return ExceptionCounter(self, kinds)

    def read(self) -> int | float:
        """Return the total."""
        return self._value

    def restart(self) -> None:
        """Start at zero, as a forked child does."""
        self._value = 0

    def __repr__(self) -> str:
        return shown(self, self._value)

    def __reduce__(self) -> tuple[Any, ...]:
        return reduced(self)


def _refuse(home: Home | None, n: float) -> None:
    if n < 0:
        refuse(home, "negative", n, "a counter only grows")
    elif type(n) is int:
        refuse(home, "out_of_range", n, "it is beyond 2**63")
    else:
        refuse(home, "not_finite", n, "it is not finite")


if free_threading.NEEDED:
    free_threading.guard(Counter)
