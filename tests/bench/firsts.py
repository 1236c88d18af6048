"""The first page of 100,000 series: how long it takes, and how long it holds the lock at once."""

from __future__ import annotations

import gc
import threading
import time
from statistics import median
from typing import TYPE_CHECKING, Any

from tests.bench import population, pulls, timed

if TYPE_CHECKING:
    from collections.abc import Callable

    Numbers = dict[str, float]

SIZE, TURNS = 100_000, 3


def first() -> Numbers:
    """Milliseconds of CPU and of the clock, of new registries in turns; medians."""
    found: dict[str, list[float]] = {}
    for _ in range(TURNS):
        for name, make in {"ours": _ours, "prometheus_client": _prometheus}.items():
            page = make()
            gc.collect()
            for key, number in _once(page, holds=name == "ours").items():
                found.setdefault(f"{name}/{key}", []).append(number)
            again = _once(page, holds=False)
            found.setdefault(f"{name}/later cpu", []).append(again["cpu"])
            del page
            gc.collect()
    return {name: median(numbers) for name, numbers in found.items()}


def _ours() -> Callable[[], Any]:
    registry, _ = population.ours(SIZE)
    return pulls.page(registry, "text/plain")


def _prometheus() -> Callable[[], Any]:
    from prometheus_client import generate_latest

    registry, _ = population.prometheus(SIZE)
    return lambda: generate_latest(registry)


def _once(page: Callable[[], Any], *, holds: bool) -> Numbers:
    """Time one page; the holds as they are, the rest scaled to the machine at its fastest."""
    with Holds() as seen:
        before, began, cpu = timed.pace(), time.perf_counter(), time.process_time()
        page()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - began
    scale = 2 * timed.best() / (before + timed.pace()) * 1e3
    numbers = {"cpu": cpu * scale, "wall": wall * scale}
    if holds:
        numbers["hold"] = max(seen.held) * 1e3
        numbers["hold, collections aside"] = max(seen.without_collections) * 1e3
        numbers["collections"] = max(seen.collections, default=0.0) * 1e3
        numbers["yields"] = len(seen.held)
    return numbers


def _pauses() -> Any:
    """Return the module whose `sleep` is every pause."""
    from sampler._runtime import gil_yield

    return gil_yield


class Holds:
    """Notes how much CPU each thread takes between two of its pauses.

    Waiting for a lock or a worker ends no hold here though it lets other threads run: what is
    noted is at least as long as the hold.

    Attributes:
        held: seconds of each hold.
        without_collections: the same without what the garbage collector took.
        collections: seconds of each of its runs.
    """

    def __init__(self) -> None:
        self.held: list[float] = []
        self.without_collections: list[float] = []
        self.collections: list[float] = []
        self._since = threading.local()

    def __enter__(self) -> Holds:
        self._sleep = _pauses().sleep
        _pauses().sleep = self._pause
        gc.callbacks.append(self._collected)
        self._since.cpu, self._since.collecting = time.thread_time(), 0.0
        return self

    def __exit__(self, *_: object) -> None:
        self._note()
        _pauses().sleep = self._sleep
        gc.callbacks.remove(self._collected)

    def _pause(self, seconds: float) -> None:
        self._note()
        self._sleep(seconds)
        self._since.cpu = time.thread_time()

    def _note(self) -> None:
        now = time.thread_time()
        # A thread that is seen for the first time has begun within the page.
        held = now - getattr(self._since, "cpu", 0.0)
        self.held.append(held)
        self.without_collections.append(held - getattr(self._since, "collecting", 0.0))
        self._since.cpu, self._since.collecting = now, 0.0

    def _collected(self, phase: str, _: dict[str, int]) -> None:
        now = time.thread_time()
        if phase == "start":
            self._since.collection = now
            return
        took = now - getattr(self._since, "collection", now)
        self.collections.append(took)
        self._since.collecting = getattr(self._since, "collecting", 0.0) + took
