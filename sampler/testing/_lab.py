"""Where a consumer is tested: samplers behind the validator, and what became of them."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from sampler.testing._require import require as _require
from sampler.validate import validator
from sampler.validate._breach import REMEDIES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from typing import Self

    from sampler.testing._consumers import ConsumerContract
    from sampler.validate import Breach


class Lab:
    """A consumer under test behind the validator; at the end no breach of its own may be left."""

    def __init__(
        self,
        contract: ConsumerContract,
        *samplers: Mapping[str, Any],
        deadline: float | None = None,
    ) -> None:
        self.breaches: list[Breach] = []
        self.samplers: list[Mapping[str, Any]] = []
        self._contract = contract
        self._forgiven: tuple[str, ...] = ()
        self._deadline = contract.deadline if deadline is None else deadline
        for sampler in samplers:
            self.add(sampler)
        self._consumer = self._inside(lambda: contract.consumer(self.samplers, self._deadline))

    def add(self, sampler: Mapping[str, Any]) -> None:
        """Register a sampler."""
        self.samplers.append(
            validator(sampler, self.breaches.append, deadline=self._contract.patience)
        )

    def another(self) -> Lab:
        """Return a second consumer of the same samplers."""
        lab = Lab(self._contract)
        lab.samplers += self.samplers
        lab.breaches = self.breaches
        return lab

    def forgive(self, *clauses: str) -> None:
        """Expect these breaches of a sampler."""
        self._forgiven = clauses

    def pull(self) -> tuple[Mapping[Any, Any], Mapping[Any, Any] | None, Collection[str]]:
        """Pull once."""
        found: tuple[Any, Any, Any] = self._inside(self._consumer.pull)
        return found

    def _inside(self, call: Callable[[], Any]) -> Any:
        """Return what a call of the consumer's returns, in a time in which no deadline is left."""
        answer: list[Any] = []

        def run() -> None:
            try:
                answer.append((call(), None))
            except Exception as error:  # the consumer's own
                answer.append((None, error))

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        thread.join(self._contract.patience)
        require(answer, "C-06", "a pull does not end: a sampler that hangs is waited for")
        found, error = answer[0]
        require(error is None, "C-05", f"a pull raised {error!r}")
        return found

    def increments(
        self, until: Callable[[Mapping[Any, Any]], bool] = lambda _found: True
    ) -> Mapping[Any, Any]:
        """Pull until what was added is there; the first time, if a consumer has no pauses."""
        end = time.monotonic() + self._contract.patience
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
        """Count it."""
        self.closed += 1


def sampler_of(rows: list[Any], name: str = "s", **keys: Any) -> dict[str, Any]:
    """Return a sampler that yields the rows, as they are then."""
    return {"name": name, "sample": lambda: list(rows), **keys}


def counter_of(rows: list[Any], name: str = "s", **keys: Any) -> dict[str, Any]:
    """Return a sampler of two counters, ``c`` and ``d``."""
    metrics = {"c": {"kind": "counter"}, "d": {"kind": "counter"}}
    return sampler_of(rows, name, metrics=metrics, **keys)


def series(name: str, **labels: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return what names a series in a consumer's values."""
    return name, tuple(sorted(labels.items()))


def require(holds: object, clause: str, message: str) -> None:
    """Raise unless something holds."""
    _require(holds, clause, message, REMEDIES)
