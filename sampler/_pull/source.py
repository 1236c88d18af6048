"""One consumer's side of one registration: its instance, its intake, its account."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from sampler._contract.declaration import is_number, short
from sampler._registry.shared_read import RawRead, checked_iterable, copy_samples

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from sampler._contract.snapshot import Block
    from sampler._pull.async_call import Call
    from sampler._pull.intake import Intake
    from sampler._pull.reading import Reading
    from sampler._registry.registry import Registration
    from sampler._runtime.clock import Clock
    from sampler._runtime.worker import JobBatch


_MARGIN = 0.05
"""Seconds, a tenth of the deadline at most: an async sampler is cancelled this long before the
worker that waits for it would be given up."""


class Overdue(Exception):
    """An async sampler did not end in time, and was cancelled."""


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
        max_samples: samples taken in one pull.
        clock: what time it is.

    Attributes:
        caller: the event loop on whose thread a pull was asked for, if there is one.
    """

    def __init__(
        self,
        registration: Registration,
        environ: Mapping[str, Any],
        intake: Intake,
        max_samples: int,
        clock: Clock,
    ) -> None:
        self._clock = clock
        self.registration = registration
        self.statistics = Statistics(registration.name)
        self.read_at = float("-inf")
        self.caller: object = None
        self._environ = environ
        self._intake = intake
        self._limit = max_samples + 1  # one more: the intake refuses it
        self._sample: Callable[[], Any] | None = registration.declaration.sample
        self._block: Block | None = None
        self._call: JobBatch | None = None
        self._awaited: Call | None = None
        self._taken: RawRead | None = None
        self._kept: RawRead | None = None

    @property
    def name(self) -> str:
        """The sampler's name."""
        return self.registration.name

    @property
    def windowed(self) -> bool:
        """True when it has an instance of its own, which may keep a window since its last call."""
        return self.registration.declaration.factory is not None

    def standing(self, reuse: float) -> Block | None:
        """Return the last block where no new read is due.

        Args:
            reuse: seconds within which an instance's last block stands.
        """
        if self.windowed:
            return self._block if self._clock.monotonic() - self.read_at < reuse else None
        shared = self.registration.shared
        if shared is None or not shared.stands(self._kept, self._clock.monotonic()):
            return None
        return self._block

    def pull(self) -> Reading:
        """Call the sampler and read what it yields. Runs foreign code."""
        shared = self.registration.shared
        if shared is None:
            samples, now, start = self._call_it()
            if is_async(samples):
                samples, _ = self._await(samples)
            return self._intake.read(checked_iterable(samples), now, start)
        read = self._taken = shared.get(
            self._read, self._limit, self._environ["deadline"], self._clock.monotonic()
        )
        return self._intake.read(read.samples, read.time, read.start)

    @property
    def busy(self) -> bool:
        """True while an abandoned call of this consumer has not returned."""
        if self._awaited is not None and not self._awaited.over:
            return True
        return self._call is not None and not self._call.returned

    def left(self, call: JobBatch) -> None:
        """Note that a call was abandoned and may still run."""
        self._call = call
        self.registration.health.left(call)

    def keep(self, reading: Reading, seconds: float) -> Block:
        """Take over what :meth:`pull` returned."""
        self.statistics.take(reading, seconds)
        self.read_at = self._clock.monotonic()
        self._kept = self._taken
        self._block = self._intake.keep(reading, self.name)
        return self._block

    def absent(self) -> Block | None:
        """Return the block of a failed pull."""
        return self._intake.absent(self.name)

    def close(self) -> None:
        """Close the instance, if there is one that can be. Runs foreign code."""
        instance, self._sample = self._sample, None
        if self.windowed and (close := getattr(instance, "close", None)) is not None:
            closed = close()
            if is_async(closed):
                from sampler._pull.async_call import closing

                closing(closed, self.registration.declaration.loop).result(self._patience)

    def _call_it(self) -> tuple[Any, float, float | None]:
        """Call the sampler; return what it returned, the time, and its start."""
        declaration = self.registration.declaration
        if self._sample is None and declaration.factory is not None:
            instance = declaration.factory(dict(self._environ))
            if not callable(instance):
                raise TypeError(f"the factory returned {short(instance)}, which cannot be called")
            self._sample = instance
        assert self._sample is not None  # noqa: S101 - a mapping has one of both
        now = self._clock.time()
        start = declaration.start() if callable(declaration.start) else declaration.start
        if start is not None and not is_number(start):
            raise TypeError(f"'start' returned {short(start)}, not epoch seconds")
        return self._sample(), now, None if start is None else float(start)

    def _read(self) -> RawRead:
        """Read for all consumers."""
        began = self._clock.monotonic()
        samples, now, start = self._call_it()
        if is_async(samples):
            kept, cut = self._await(samples)
        else:
            kept, cut = copy_samples(checked_iterable(samples), self._limit)
        return RawRead(kept, now, start, began, cut=cut)

    def _await(self, samples: Any) -> tuple[list[Any], bool]:
        from sampler._pull.async_call import call

        loop = self.registration.declaration.loop
        self._awaited = call(samples, loop, self._limit, self.caller)
        kept: tuple[list[Any], bool] = self._awaited.result(self._patience)
        return kept

    @property
    def _patience(self) -> float:
        """Seconds to wait for a loop: less than what the Collector waits for the worker."""
        deadline: float = self._environ["deadline"]
        return deadline - min(_MARGIN, deadline / 10)


def is_async(samples: object) -> bool:
    """Tell whether ``samples`` have to be awaited."""
    return hasattr(samples, "__await__") or hasattr(samples, "__aiter__")


def running_loop() -> object:
    """Return the event loop that runs on this thread, if there is one."""
    asyncio = sys.modules.get("asyncio")
    # Another thread may be importing it just now: then nothing runs on it yet.
    running = getattr(asyncio, "_get_running_loop", None)
    return None if running is None else running()
