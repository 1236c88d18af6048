"""Where a consumer is tested: its samplers stand behind the validator."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from sampler.testing._require import require as _require
from sampler.validate import validator
from sampler.validate._breach import REMEDIES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from typing import Self

    from sampler.validate import Breach


class Consumer(Protocol):
    """What the suite asks of a consumer under test."""

    def pull(
        self,
    ) -> tuple[Mapping[Any, Any], Mapping[Any, Any] | None, Collection[str]]:
        """Pull once.

        Returns:
            ``values``, ``increments`` and ``failed``. Values by series: a series is
            ``(full name, ((label, text), ...))`` with its labels sorted, and a histogram is
            ``(count, sum or None, ((upper, cumulative), ...))``. Increments of cumulative series
            since the pull before, 0 for a baseline; None if the consumer takes no differences.
            The names of the samplers whose pull failed.
        """
        ...

    def close(self) -> None:
        """Close the consumer."""
        ...


class ConsumerSuite:
    """What the tests of a consumer have in common; see :class:`ConsumerContract`."""

    deadline: ClassVar[float] = 0.25
    patience: ClassVar[float] = 30.0
    asynchronous: ClassVar[bool] = True

    def consumer(self, samplers: list[Mapping[str, Any]], deadline: float) -> Consumer:
        """Return a new consumer."""
        raise NotImplementedError


class Lab:
    """A consumer under test; at the end it must not have broken a clause."""

    def __init__(
        self,
        suite: ConsumerSuite,
        *samplers: Mapping[str, Any],
        deadline: float | None = None,
    ) -> None:
        self.breaches: list[Breach] = []
        self.samplers: list[Mapping[str, Any]] = []
        self._suite = suite
        self._forgiven: tuple[str, ...] = ()
        self._deadline = suite.deadline if deadline is None else deadline
        for sampler in samplers:
            self.add(sampler)
        self._consumer = self._inside(lambda: suite.consumer(self.samplers, self._deadline))

    def add(self, sampler: Mapping[str, Any]) -> None:
        """Register a sampler."""
        self.samplers.append(
            validator(sampler, self.breaches.append, deadline=self._suite.patience)
        )

    def another(self) -> Lab:
        """Return a second consumer of the same samplers."""
        lab = Lab(self._suite)
        lab.samplers += self.samplers
        lab.breaches = self.breaches
        return lab

    def forgive(self, *clauses: str) -> None:
        """Expect a sampler to break these clauses."""
        self._forgiven = clauses

    def pull(self) -> tuple[Mapping[Any, Any], Mapping[Any, Any] | None, Collection[str]]:
        """Pull once."""
        found: tuple[Any, Any, Any] = self._inside(self._consumer.pull)
        return found

    def _inside(self, call: Callable[[], Any]) -> Any:
        """Return what a call of the consumer returns; fail if it does not return in time."""
        answer: list[Any] = []

        def run() -> None:
            try:
                answer.append((call(), None))
            except Exception as error:  # the consumer's own
                answer.append((None, error))

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        thread.join(self._suite.patience)
        require(answer, "C-06", "a pull does not end: a sampler that hangs is waited for")
        found, error = answer[0]
        require(error is None, "C-05", f"a pull raised {error!r}")
        return found

    def increments(
        self, until: Callable[[Mapping[Any, Any]], bool] = lambda _found: True
    ) -> Mapping[Any, Any]:
        """Pull until the increments are as wanted; more than once if the consumer pauses."""
        end = time.monotonic() + self._suite.patience
        while True:
            _, found, _ = self.pull()
            if found is None:
                import pytest

                pytest.skip("this consumer takes no differences")
            if until(found) or time.monotonic() > end:
                return found
            time.sleep(0.02)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._consumer.close()
        if kind is not None:
            return
        for breach in self.breaches:
            if not breach.clause.startswith(self._forgiven or ("none",)):
                require(False, breach.clause, breach.message)


class Window:
    """An instance that counts its calls."""

    def __init__(self) -> None:
        self.calls = self.closed = 0

    def __call__(self) -> Any:
        """Yield the number of calls."""
        self.calls += 1
        return [("calls", self.calls)]

    def close(self) -> None:
        """Count the call."""
        self.closed += 1


def sampler_of(rows: list[Any], name: str = "s", **keys: Any) -> dict[str, Any]:
    """Return a sampler that yields the present rows."""
    return {"name": name, "sample": lambda: list(rows), **keys}


def counter_of(rows: list[Any], name: str = "s", **keys: Any) -> dict[str, Any]:
    """Return a sampler of two counters, ``c`` and ``d``."""
    metrics = {"c": {"kind": "counter"}, "d": {"kind": "counter"}}
    return sampler_of(rows, name, metrics=metrics, **keys)


def series(name: str, **labels: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return the key of a series in a consumer's values."""
    return name, tuple(sorted(labels.items()))


def require(holds: object, clause: str, message: str) -> None:
    """Fail the clause unless ``holds``."""
    _require(holds, clause, message, REMEDIES)
