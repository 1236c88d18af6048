"""One consumer's view of what requests add to: each has its own, so none spoils another's."""

from __future__ import annotations

import sys

from sampler.web._metrics import ERROR
from sampler.web._state import clock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from sampler.web._state import Active, State

_TRIES = 100


class Reader:
    """Reads for one consumer.

    Args:
        state: what requests add to.

    Attributes:
        peak: most requests at once since it read last.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self.peak: int = 0
        self._start = 0.0
        self._shown: dict[str, float] = {}
        self._labels: dict[str, dict[str, str]] = {}
        state.readers = (*state.readers, self)

    def close(self) -> None:
        """Read no more."""
        self._state.readers = tuple(each for each in self._state.readers if each is not self)

    def __call__(self) -> list[tuple[Any, ...]]:
        """Return the samples of one pull."""
        state = self._state
        if self._start != state.start:  # it is another process
            self._start, self._shown = state.start, {}
            self.peak = 0
        _end_unclosed(state)
        with state.lock:
            state.fold()
            return [*self._requests(), *state.routes.samples(), *self._counts()]

    def _requests(self) -> Iterator[tuple[Any, ...]]:
        """Yield what is known of requests in progress, and totals with those.

        The clock is read first: what ends meanwhile has lasted longer, never shorter.
        """
        state = self._state
        now, busy, active = clock(), state.busy, list(state.active)
        for _ in range(_TRIES):
            if busy == state.busy:
                break
            now, busy, active = clock(), state.busy, list(state.active)
        ages = [max(0.0, now - each.began) for each in active]
        yield "active_requests", len(active)
        yield "active_requests.max", self._highest(len(active))
        yield "active_requests.oldest", max(ages, default=0.0)
        yield "busy.time", self._grown("busy", busy + sum(ages))
        slow = sum(age >= state.slow for age in ages)
        yield "slow_requests", self._grown("slow", state.slow_ones + slow)
        reads = sum(max(0.0, now - since) for each in active if (since := each.reading))
        yield "request.read.time", self._grown("read", state.read_seconds + reads)
        writes = sum(max(0.0, now - since) for each in active if (since := each.writing))
        yield (
            "response.write.time",
            self._grown("write", state.write_seconds + state.late_writes + writes),
        )

    def _counts(self) -> Iterator[tuple[Any, ...]]:
        state = self._state
        yield "queue.duration", state.queue.read()
        cpu, threads = state.threads.read()
        yield "thread.cpu.time", self._grown("cpu", cpu)
        yield "thread.count", threads
        yield "stale_requests", state.stale_ones
        yield "shed_requests", state.shed
        yield "abandoned_requests", state.abandoned
        yield "stamps.refused", state.refused
        yield "unclosed_requests", state.unclosed
        yield "modules.loaded", state.loaded
        if state.first is not None:
            yield "first_request.duration", state.first
        yield "request.body.size", state.requested.read()
        yield "response.body.size", state.responded.read()
        for name, count in list(state.exceptions.items()):
            yield "exceptions", count, self._label(name)

    def _highest(self, active: int) -> int:
        """Return the most requests at once since the last time; others' view stays theirs."""
        state = self._state
        peak, state.peak = state.peak, 0  # one step
        for each in state.readers:
            each.peak = max(each.peak, peak, active)
        highest, self.peak = self.peak, active
        return highest

    def _grown(self, what: str, value: float) -> float:
        """Return a total that never falls, though it is put together of parts that change."""
        shown = self._shown[what] = max(value, self._shown.get(what, 0.0))
        return shown

    def _label(self, name: str) -> dict[str, str]:
        return self._labels.setdefault(name, {ERROR: name})


_count = getattr(sys, "getrefcount", lambda _: sys.maxsize)  # PyPy has none


def _references(table: Mapping[Any, bool]) -> list[tuple[Any, int]]:
    return [(each, _count(each)) for each in list(table)]


_ALONE = _references({object(): True})[0][1]
"""What is counted of an object that nothing but the table knows."""


def _end_unclosed(state: State) -> None:
    """End requests that nobody can end any more: the server has dropped their answers."""
    forgotten: list[Active] = [
        each for each, count in _references(state.active) if count <= _ALONE < sys.maxsize
    ]
    for each in forgotten:
        if each in state.active:
            state.unclosed += 1
            each.end()
