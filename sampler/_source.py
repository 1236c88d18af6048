"""One consumer's side of one registration: its instance, its intake, its account."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sampler._mapping import is_number, short

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from sampler._intake import Intake
    from sampler._reading import Reading
    from sampler._registry import Registration
    from sampler._snapshot import Block
    from sampler._worker import Shift


class Statistics:
    """What became of one sampler's samples, for one consumer.

    ``yielded = collected + sum(refused.values())``; a sample without a value (None, NaN) is none.

    Attributes:
        sampler: the sampler's name.
        pulls: pulls that succeeded.
        failures: reason to pulls that did not.
        yielded: samples taken.
        collected: entries that went into snapshots.
        refused: reason to samples refused.
        seconds: duration of the last pull.
    """

    __slots__ = ("collected", "failures", "pulls", "refused", "sampler", "seconds", "yielded")

    def __init__(self, sampler: str) -> None:
        self.sampler = sampler
        self.pulls = 0
        self.failures: dict[str, int] = {}
        self.yielded = 0
        self.collected = 0
        self.refused: dict[str, int] = {}
        self.seconds = 0.0

    def take(self, reading: Reading, seconds: float) -> None:
        """Count a good pull."""
        refused = dict(self.refused)
        for reason, samples in reading.refused.items():
            refused[reason] = refused.get(reason, 0) + samples
        self.refused = refused  # replaced, so that another thread may read the old one
        yielded = reading.taken - reading.silent
        self.yielded += yielded
        self.collected += yielded - sum(reading.refused.values())
        self.pulls += 1
        self.seconds = seconds

    def fail(self, reason: str) -> None:
        """Count a failed pull."""
        self.failures = {**self.failures, reason: self.failures.get(reason, 0) + 1}


class Source:
    """Pulls one registration for one consumer.

    Args:
        registration: what is pulled.
        environ: what a factory is told.
        intake: how its samples are read.
    """

    def __init__(
        self, registration: Registration, environ: Mapping[str, Any], intake: Intake
    ) -> None:
        self.registration = registration
        self.statistics = Statistics(registration.name)
        self.read_at = float("-inf")
        self._environ = environ
        self._intake = intake
        self._sample: Callable[[], Any] | None = registration.declaration.sample
        self._block: Block | None = None
        self._call: Shift | None = None

    @property
    def name(self) -> str:
        """The sampler's name."""
        return self.registration.name

    @property
    def windowed(self) -> bool:
        """True when it has an instance of its own, which may keep a window since its last call."""
        return self.registration.declaration.factory is not None

    @property
    def last(self) -> Block | None:
        """The block of the last good pull."""
        return self._block

    def pull(self) -> Reading:
        """Call the sampler and read what it yields. Runs foreign code."""
        declaration = self.registration.declaration
        if self._sample is None and declaration.factory is not None:
            instance = declaration.factory(dict(self._environ))
            if not callable(instance):
                raise TypeError(f"the factory returned {short(instance)}, which cannot be called")
            self._sample = instance
        assert self._sample is not None  # noqa: S101 - a mapping has one of both
        now = time.time()
        start = declaration.start() if callable(declaration.start) else declaration.start
        if start is not None and not is_number(start):
            raise TypeError(f"'start' returned {short(start)}, not epoch seconds")
        samples = self._sample()
        _check_iterable(samples)
        return self._intake.read(samples, now, None if start is None else float(start))

    @property
    def busy(self) -> bool:
        """True while an abandoned call of this consumer has not returned."""
        return self._call is not None and not self._call.returned

    def left(self, call: Shift) -> None:
        """Note that a call was abandoned and may still run."""
        self._call = call
        self.registration.health.left(call)

    def keep(self, reading: Reading, seconds: float) -> Block:
        """Take over what :meth:`pull` returned."""
        self.statistics.take(reading, seconds)
        self.read_at = time.monotonic()
        self._block = self._intake.keep(reading, self.name)
        return self._block

    def absent(self) -> Block | None:
        """Return the block of a failed pull."""
        return self._intake.absent(self.name)

    def close(self) -> None:
        """Close the instance, if there is one that can be. Runs foreign code."""
        instance, self._sample = self._sample, None
        if self.windowed and (close := getattr(instance, "close", None)) is not None:
            close()


def _check_iterable(samples: Any) -> None:
    if hasattr(samples, "__await__") or hasattr(samples, "__aiter__"):
        if hasattr(samples, "cr_frame"):
            samples.close()  # never awaited: says nothing at its end
        raise TypeError(
            "an async sampler needs 'loop', which this version does not speak: use def"
        )
    if isinstance(samples, str | bytes | dict) or not hasattr(samples, "__iter__"):
        kind = type(samples).__name__
        raise TypeError(f"expected an iterable of (name, value[, labels]) tuples, got {kind}")
