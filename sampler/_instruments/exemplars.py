"""Counters and histograms that keep exemplars; others know nothing of them, and pay nothing."""

from __future__ import annotations

from time import time

from sampler._contract.bounds import bisect_left
from sampler._contract.declaration import label_text, short
from sampler._contract.exemplar import MAX_CHARACTERS, Exemplar
from sampler._contract.names import is_name
from sampler._contract.snapshot import FixedLabels
from sampler._instruments import free_threading
from sampler._instruments.counter import Counter
from sampler._instruments.histogram import Histogram
from sampler._instruments.home import caller
from sampler._instruments.timers import Timer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Any

    from sampler._instruments.home import Home
    from sampler.types import Exemplars

_NAME = "trace_id"
"""The label of what a hook returns as text."""


class ExemplarCounter(Counter):
    """A counter that keeps an exemplar of what was added last."""

    __slots__ = ("_exemplar", "_hook")
    _exemplified = True

    def __init__(self, hook: Exemplars, texts: tuple[str, ...] = ()) -> None:
        super().__init__(texts)
        self._hook: Exemplars = hook
        self._exemplar: Exemplar | None = None
        if not texts:
            self._labels = FixedLabels((), (), self)

    def inc(self, n: float = 1, exemplar: Mapping[str, str] | str | None = None) -> None:
        """Add ``n``; see :meth:`Counter.inc`.

        Args:
            n: how much.
            exemplar: labels, or the id of a trace; default: what the hook returns.
        """
        before = self._value
        Counter.inc(self, n)
        if self._value != before and (labels := _asked(self._home, self._hook, exemplar)):
            self._exemplar = Exemplar(float(n), labels, time())

    def exemplars(self) -> tuple[Exemplar, ...]:
        """Return the last one, if there is one."""
        return () if self._exemplar is None else (self._exemplar,)

    def restart(self) -> None:
        """Start at zero, as a forked child does."""
        Counter.restart(self)
        self._exemplar = None


class ExemplarHistogram(Histogram):
    """A histogram that keeps an exemplar for each bucket: what was observed last."""

    __slots__ = ("_exemplars", "_hook")
    _exemplified = True

    def __init__(
        self, hook: Exemplars, texts: tuple[str, ...] = (), bounds: tuple[float, ...] | None = None
    ) -> None:
        super().__init__(texts, bounds)
        self._hook: Exemplars = hook
        self._exemplars: dict[int, Exemplar] = {}
        if not texts:
            self._labels = FixedLabels((), (), self)

    def _alike(self, texts: tuple[str, ...]) -> ExemplarHistogram:
        other = ExemplarHistogram(self._hook, texts)
        other._bounds, other._limits = self._bounds, self._limits
        return other

    def observe(self, value: float, exemplar: Mapping[str, str] | str | None = None) -> None:
        """Count an observation; see :meth:`Histogram.observe`.

        Args:
            value: what was observed.
            exemplar: labels, or the id of a trace; default: what the hook returns.
        """
        before = self._counts, len(self._counts), self._sum
        Histogram.observe(self, value)
        if (self._counts, len(self._counts), self._sum) == before and value:
            return  # it was refused
        if labels := _asked(self._home, self._hook, exemplar):
            index = bisect_left(self._limits, value)
            self._exemplars[index] = Exemplar(float(value), labels, time())

    def time(self) -> Timer:
        """Return a timer; see :meth:`Histogram.time`."""
        timer = _ObservingTimer()
        timer._histogram = self
        timer._began = 0.0
        return timer

    def exemplars(self) -> tuple[Exemplar, ...]:
        """Return those of all buckets, by their values."""
        known = dict(self._exemplars)
        return tuple(known[index] for index in sorted(known))

    def restart(self) -> None:
        """Start at zero, as a forked child does."""
        Histogram.restart(self)
        self._exemplars = {}


class _ObservingTimer(Timer):
    """Calls ``observe``, which asks for an exemplar."""

    __slots__ = ()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._histogram.observe(self._ended())


def _asked(home: Home | None, hook: Exemplars, given: Any) -> dict[str, str] | None:
    """Return the labels of an exemplar; None: there is none, or none that can be written."""
    try:
        if given is None and callable(hook):
            given = hook()
        if given is None:
            return None
        pairs = {_NAME: given} if isinstance(given, str) else dict(given)
        labels = {name: label_text(value) for name, value in pairs.items()}
        written = all(map(is_name, labels)) and None not in labels.values()
        if written and sum(len(k) + len(str(v)) for k, v in labels.items()) <= MAX_CHARACTERS:
            return labels  # type: ignore[return-value]
        expected = f"a mapping of names to texts of {MAX_CHARACTERS} characters in all"
        why = f"{short(given)} is not {expected}"
    except Exception as error:  # a hook of the program's
        why = f"its hook raised {short(error)}"
    if home is not None and "exemplar" not in home.told:
        home.told.add("exemplar")
        from sampler._runtime.log import log

        text = "%s: instrument '%s': an exemplar is left out, and so are others like it: %s"
        log.warning(text, caller(), home, why)
    return None


if free_threading.NEEDED:
    free_threading.guard(ExemplarCounter, ExemplarHistogram)
