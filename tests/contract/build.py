"""Samplers for the tests of the contract: built, broken and hanging ones."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from sampler._runtime.abandoned import abandoned
from tests.support.waiting import SLACK, hangs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sampler import Collector, Snapshot


def mapping(name: str, *samples: Any, **keys: Any) -> dict[str, Any]:
    """Return a sampler that yields `samples` at every pull."""
    return {"name": name, "sample": lambda: iter(samples), **keys}


def values(snapshot: Snapshot) -> dict[str, Any]:
    """Return the entries of a snapshot by the series as text."""
    return {str(series): value for series, value in snapshot}


def reasons(snapshot: Snapshot) -> dict[str, str]:
    """Return why samplers contributed nothing, by name."""
    return {failure.sampler: failure.reason for failure in snapshot.failures}


class Gate:
    """A sampler that hangs while its gate is closed; a context manager that opens it at the end.

    Attributes:
        calls: how often it was called.
        inside: how many calls are running.
        most: how many have run at once.
    """

    def __init__(self, name: str = "gate", *, closed: bool = True) -> None:
        self.calls = self.inside = self.most = 0
        self.sampler = {"name": name, "sample": self.sample}
        self._lock = threading.Lock()
        self._open = threading.Event()
        if not closed:
            self.open()

    def open(self) -> None:
        """Let running and later calls return."""
        self._open.set()

    def close(self) -> None:
        """Make later calls hang."""
        self._open.clear()

    def sample(self) -> Iterator[tuple[str, int]]:
        """Count the call, wait for the gate, and report how many calls there have been."""
        with self._lock:
            self.calls += 1
            self.inside += 1
            self.most = max(self.most, self.inside)
        try:
            if not self._open.is_set():
                hangs()
            if not self._open.wait(60):
                raise TimeoutError("nobody has opened the gate")
        finally:
            with self._lock:
                self.inside -= 1
        yield "calls", self.calls

    def __enter__(self) -> Gate:
        return self

    def __exit__(self, *_: object) -> None:
        self.open()


class Spin:
    """A sampler that burns CPU for ever at its first call, and answers at later ones.

    Attributes:
        calls: how often it was called.
        stop: set by the context's end.
    """

    def __init__(self, name: str = "spin") -> None:
        self.calls = 0
        self.stop = False
        self.sampler = {"name": name, "sample": self.sample}

    def sample(self) -> Iterator[tuple[str, int]]:
        """Spin."""
        self.calls += 1
        if self.calls == 1:
            hangs()
        while self.calls == 1 and not self.stop:
            pass
        yield "calls", self.calls

    def __enter__(self) -> Spin:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop = True


class Busy:
    """A CPU-bound thread of the application, for as long as the context lasts."""

    def __init__(self) -> None:
        self._stop = False
        self._thread = threading.Thread(target=self._spin, name="cpu-bound")

    def _spin(self) -> None:
        while not self._stop:
            pass

    def __enter__(self) -> Busy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop = True
        self._thread.join()


def in_thread(call: Callable[[], Any]) -> Callable[[float], Any]:
    """Run `call` on a thread; the answer waits for it, with a limit, and returns or raises."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append((call(), None))
        except BaseException as error:
            outcome.append((None, error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def wait(limit: float = 10.0) -> Any:
        thread.join(limit + SLACK)
        assert not thread.is_alive(), f"no answer within {limit:g} s"
        result, error = outcome[0]
        if error is not None:
            raise error
        return result

    return wait


def counting(name: str, at: int = 0) -> dict[str, Any]:
    """Return a sampler that says how often it was called."""
    calls = iter(range(at + 1, 10**9))
    return {
        "name": name,
        "sample": lambda: [("calls", next(calls))],
        "metrics": {"calls": {"kind": "counter"}},
    }


def raising(name: str) -> dict[str, Any]:
    """Return a sampler that raises."""

    def sample() -> Any:
        yield "a", 1
        raise SystemExit(name)

    return {"name": name, "sample": sample}


def none_abandoned(consumer: Collector) -> bool:
    """Pull, and tell whether no abandoned thread is left."""
    consumer.collect()
    return abandoned() == 0
