"""Where a consumer is tested: its samplers stand behind the validator."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any

from sampler.testing._remedies import REMEDIES
from sampler.testing._require import require as _require
from sampler.validate import validator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Self

    from sampler.testing._consumer_suite import Consumer, ConsumerSuite, Pulled
    from sampler.validate import Breach


class Lab:
    """A consumer under test; at the end it must not have broken a clause.

    Args:
        suite: whose consumer it is.
        samplers: what is registered when it begins.
        deadline: seconds that each sampler has; default: that of the suite.
        begin: makes the consumer from samplers and deadline; default: ``suite.consumer``.
        checked: the samplers stand behind the validator.
    """

    def __init__(
        self,
        suite: ConsumerSuite,
        *samplers: Mapping[str, Any],
        deadline: float | None = None,
        begin: Callable[[list[Mapping[str, Any]], float], Consumer | None] | None = None,
        checked: bool = True,
    ) -> None:
        self.breaches: list[Breach] = []
        self.samplers: list[Mapping[str, Any]] = []
        self._suite = suite
        self._forgiven: tuple[str, ...] = ()
        self._checked = checked
        self._deadline = suite.deadline if deadline is None else deadline
        for sampler in samplers:
            self.add(sampler)
        begin = begin or suite.consumer
        self.consumer: Any = self.run(lambda: begin(self.samplers, self._deadline))

    def add(self, sampler: Mapping[str, Any]) -> None:
        """Register a sampler."""
        if self._checked:
            sampler = validator(sampler, self.breaches.append, deadline=self._suite.patience)
        self.samplers.append(sampler)

    def another(self) -> Lab:
        """Return a second consumer of the same mappings."""
        return self._second(lambda: self._suite.consumer(self.samplers, self._deadline))

    def beside(self) -> Lab:
        """Return a second consumer of the same registrations; skip the test if it cannot."""
        return self._second(
            lambda: offered(self._suite.beside(self.consumer), "beside", "C-09, C-10")
        )

    def _second(self, begin: Callable[[], Any]) -> Lab:
        lab = Lab(self._suite, begin=lambda _samplers, _deadline: begin())
        lab.samplers = self.samplers  # whose breaches are told to this one
        return lab

    def forgive(self, *clauses: str) -> None:
        """Expect a sampler to break these clauses."""
        self._forgiven = clauses

    def pull(self) -> Pulled:
        """Pull once."""
        found: Pulled = self.run(self.consumer.pull)
        return found

    def first(self) -> Pulled | None:
        """Return what the pull with which it began brought; None if it cannot say."""
        return self._suite.first(self.consumer)

    def refused(self) -> int | None:
        """Return how many samples it has refused, the reasons being named; None if it cannot."""
        found = self._suite.refused(self.consumer)
        if found is None:
            return None
        for sampler, reason in found:
            require(
                sampler and reason,
                "C-12",
                f"samples are counted under {(sampler, reason)}, not by sampler and reason",
            )
        return sum(found.values())

    def run(self, call: Callable[[], Any], doing: str = "a pull") -> Any:
        """Return what a call of the consumer returns; fail if it does not return in time."""
        answer: list[Any] = []

        def run() -> None:
            try:
                answer.append((call(), None))
            except BaseException as error:  # the consumer's own
                answer.append((None, error))

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        thread.join(self._suite.patience)
        require(answer, "C-06", f"{doing} does not end: something that hangs is waited for")
        found, error = answer[0]
        if error is not None and not isinstance(error, Exception):
            raise error  # a skip, or another failure of the suite
        require(error is None, "C-05", f"{doing} raised {error!r}")
        return found

    def increments(
        self, until: Callable[[Mapping[Any, Any]], bool] = lambda _found: True
    ) -> Mapping[Any, Any]:
        """Pull until the increments are as wanted; more than once if the consumer pauses."""
        end = time.monotonic() + self._suite.patience
        while True:
            _, found, _ = self.pull()
            if found is None:
                skip("it takes no differences")
            elif until(found) or time.monotonic() > end:
                return found
            time.sleep(0.02)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:  # a failure of the test itself, which is what counts
            with contextlib.suppress(Exception):
                self.run(self.consumer.close)
            return
        self.run(self.consumer.close, "its close()")
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


def flaky(sampler: Mapping[str, Any]) -> dict[str, Any]:
    """Return a sampler whose first call raises."""
    sample, calls = sampler["sample"], []

    def first_raises() -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise ValueError("an author's")
        return sample()

    return {**sampler, "sample": first_raises}


def series(name: str, **labels: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return the key of a series in a consumer's values."""
    return name, tuple(sorted(labels.items()))


def require(holds: object, clause: str, message: str) -> None:
    """Fail the clause unless ``holds``."""
    _require(holds, clause, message, REMEDIES)


def offered(means: Any, hook: str, clauses: str) -> Any:
    """Return what an optional method of the suite gave; skip the test if it gave nothing."""
    if means is None:
        skip(f"{clauses}: it has no means to show this, as {hook}() is not overridden")
    return means


def skip(reason: str) -> None:
    """Skip the test."""
    import pytest

    pytest.skip(reason)
