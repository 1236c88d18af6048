"""One consumer's side of one registration: its instance, its intake, its statistics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampler._contract.declaration import is_number, short
from sampler._pull.async_call import call_to_close, call_to_gather, is_async
from sampler._pull.sampler_settings import private_copy
from sampler._pull.statistics import Statistics, count_pull
from sampler._registry.registry import state_of
from sampler._registry.shared_read import RawRead, checked_iterable, copy_samples

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from sampler._contract.snapshot import Block
    from sampler._pull.async_call import Call
    from sampler._pull.intake import Intake
    from sampler._pull.reading import Reading
    from sampler._registry.registry import Registration
    from sampler._runtime.abandoned import HungBatch
    from sampler.types import Clock


_MARGIN = 0.05
"""Seconds, a tenth of the deadline at most: an async sampler is cancelled this long before the
worker that waits for it would be abandoned."""


class Source:
    """Pulls one registration for one consumer.

    Args:
        registration: what is pulled.
        environ: what the factory is told.
        intake: how its samples are read.
        max_samples: samples taken in one pull.
        clock: what time it is.

    Attributes:
        caller: the event loop on whose thread the pull was asked for, or None.
        state: what all consumers of the registration share.
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
        self.state = state_of(registration)
        self.statistics = Statistics(registration.name)
        self.read_at = float("-inf")
        self.caller: object = None
        self._environ = environ
        self._intake = intake
        self._limit = max_samples + 1  # one more: the intake refuses it
        self._sample: Callable[[], Any] | None = self.state.declaration.sample
        self._block: Block | None = None
        self._abandoned: HungBatch | None = None
        self._awaited: Call | None = None
        self._read_now: RawRead | None = None
        self._read_before: RawRead | None = None

    @property
    def name(self) -> str:
        """The sampler's name."""
        return self.registration.name

    @property
    def windowed(self) -> bool:
        """True if it has an instance of its own, which may keep a window since its last call."""
        return self.state.declaration.factory is not None

    def reusable_block(self, reuse: float) -> Block | None:
        """Return the last block if no new read is due.

        Args:
            reuse: seconds for which an instance's last block is used again.
        """
        if self.windowed:
            return self._block if self._clock.monotonic() - self.read_at < reuse else None
        shared = self.state.shared_read
        if shared is None or not shared.is_current(self._read_before, self._clock.monotonic()):
            return None
        return self._block

    def pull(self) -> Reading:
        """Call the sampler and read what it yields. Runs foreign code."""
        shared = self.state.shared_read
        if shared is None:
            samples, now, start = self._call_sampler()
            if is_async(samples):
                samples, _ = self._await(samples)
            return self._intake.read(checked_iterable(samples), now, start)
        read = self._read_now = shared.get(
            self._read, self._limit, self._environ["deadline"], self._clock.monotonic()
        )
        return self._intake.read(read.samples, read.time, read.start)

    @property
    def busy(self) -> bool:
        """True while an abandoned call of this consumer has not returned."""
        if self._awaited is not None and not self._awaited.over:
            return True
        return self._abandoned is not None and not self._abandoned.returned

    def abandon(self, batch: HungBatch) -> None:
        """Note that a call was abandoned and may still run."""
        self._abandoned = batch
        self.state.health.abandon(batch)

    def keep(self, reading: Reading, seconds: float) -> Block:
        """Take over what :meth:`pull` returned."""
        count_pull(self.statistics, reading, seconds)
        self.read_at = self._clock.monotonic()
        self._read_before = self._read_now
        self._block = self._intake.keep(reading, self.name)
        return self._block

    def absent(self) -> Block | None:
        """Return the block of a failed pull."""
        return self._intake.absent(self.name)

    def close(self) -> None:
        """Close the instance, if it has a ``close``. Runs foreign code."""
        instance, self._sample = self._sample, None
        if self.windowed and (close := getattr(instance, "close", None)) is not None:
            closed = close()
            if is_async(closed):
                loop = self.state.declaration.loop
                call_to_close(closed, loop).result(self._async_deadline)

    def _call_sampler(self) -> tuple[Any, float, float | None]:
        """Call the sampler; return what it returned, the time, and its start."""
        declaration = self.state.declaration
        if self._sample is None and declaration.factory is not None:
            instance = declaration.factory(private_copy(self._environ))
            if not callable(instance):
                raise TypeError(f"the factory returned {short(instance)}, which cannot be called")
            self._sample = instance
        assert self._sample is not None  # noqa: S101 - a mapping has one of the two
        now = self._clock.time()
        start = declaration.start() if callable(declaration.start) else declaration.start
        if start is not None and not is_number(start):
            raise TypeError(f"'start' returned {short(start)}, not epoch seconds")
        return self._sample(), now, None if start is None else float(start)

    def _read(self) -> RawRead:
        """Read for all consumers."""
        began = self._clock.monotonic()
        samples, now, start = self._call_sampler()
        if is_async(samples):
            kept, cut = self._await(samples)
        else:
            kept, cut = copy_samples(checked_iterable(samples), self._limit)
        return RawRead(kept, now, start, began, cut=cut)

    def _await(self, samples: Any) -> tuple[list[Any], bool]:
        loop = self.state.declaration.loop
        self._awaited = call_to_gather(samples, loop, self._limit, self.caller)
        kept: tuple[list[Any], bool] = self._awaited.result(self._async_deadline)
        return kept

    @property
    def _async_deadline(self) -> float:
        """Seconds to wait for a loop: less than the Collector waits for the worker."""
        deadline: float = self._environ["deadline"]
        return deadline - min(_MARGIN, deadline / 10)
