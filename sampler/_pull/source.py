"""One consumer's side of one registration: its instance, its intake, its health."""

from __future__ import annotations

from functools import partial
from types import GeneratorType
from typing import TYPE_CHECKING

from sampler._contract.declaration import seconds, short
from sampler._contract.instrument_samples import InstrumentSamples
from sampler._pull.async_call import call_to_close, call_to_gather
from sampler._pull.backoff import Health
from sampler._pull.sampler_settings import with_own_tables
from sampler._pull.series_rules import FILTERED
from sampler._pull.statistics import Statistics, count_pull
from sampler._registry.shared_read import (
    HeldRead,
    ask_start,
    check_start,
    checked_iterable,
    is_async,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from sampler._contract.snapshot import Block
    from sampler._pull.async_call import Call
    from sampler._pull.intake import Intake
    from sampler._pull.reading import Reading
    from sampler._pull.series_rules import SeriesView
    from sampler._registry.registry import SamplerState
    from sampler._runtime.abandoned import HungBatch
    from sampler.types import Clock, Registered


_PLAIN = {list, tuple, GeneratorType, InstrumentSamples}
"""What most samplers return: there is nothing to find out about it."""
_MARGIN = 0.05
"""Seconds, a tenth of the deadline at most: an async sampler is cancelled this long before the
worker that waits for it would be abandoned."""


class Withdrawn(Exception):
    """A sampler was unregistered before its turn in a round."""


class Source:
    """Pulls one registration for one consumer.

    Args:
        registration: what is pulled.
        state: what the consumers of the registration share.
        environ: what the factory is told.
        intake: how its samples are read.
        max_samples: samples taken in one pull.
        clock: what time it is.
        view: what the consumer shows of its series; None: all, as they are.

    Attributes:
        caller: the event loop on whose thread the pull was asked for, or None.
        health: how it has answered this consumer.
    """

    def __init__(
        self,
        registration: Registered,
        state: SamplerState,
        environ: Mapping[str, Any],
        intake: Intake,
        max_samples: int,
        clock: Clock,
        view: SeriesView | None = None,
    ) -> None:
        self._clock = clock
        self._view = view
        self.registration = registration
        self.state = state
        self.health = Health()
        self.intake = intake
        self.statistics = Statistics(state.declaration.name)
        self.read_at = float("-inf")
        self.caller: object = None
        self._environ = environ
        self._limit = max_samples + 1  # one more: the intake refuses it
        self._sample: Callable[[], Any] | None = state.declaration.sample
        self._start: Any = state.declaration.start
        if (shared := state.shared_read) is not None:
            self._sample = partial(shared.sample, environ["deadline"])
            self._start = None  # its read has it
        self._block: Block | None = None
        self._awaited: Call | None = None
        self._held_now: HeldRead | None = None
        self._held_before: HeldRead | None = None

    @property
    def name(self) -> str:
        """The sampler's name."""
        return self.state.declaration.name

    @property
    def windowed(self) -> bool:
        """True if it has an instance of its own, which may keep a window since its last call."""
        return self.state.declaration.factory is not None

    @property
    def settings(self) -> Mapping[str, Any]:
        """What the factory is told that the operator has set."""
        settings: Mapping[str, Any] = self._environ["settings"]
        return settings

    def reusable_block(self, reuse: float) -> Block | None:
        """Return the last block if no new read is due.

        Args:
            reuse: seconds for which an instance's last block is used again.
        """
        if self.windowed:
            return self._block if self._clock.monotonic() - self.read_at < reuse else None
        if self._held_before is None or (shared := self.state.shared_read) is None:
            return None
        return self._block if shared.held() is self._held_before else None

    def pull(self) -> Reading:
        """Call the sampler and read what it yields. Runs foreign code.

        Raises:
            Restarted: ``start`` was another number after the samples than before them.
            Exception: whatever the sampler raises.
        """
        if self.state.withdrawn:
            raise Withdrawn
        if self._sample is None:
            self._sample = self._instance()
        now = self._clock.time()
        start = None if self._start is None else ask_start(self._start)
        samples = self._sample()
        self._held_now = None
        told = False
        if type(samples) not in _PLAIN:
            if is_async(samples):
                samples = self._await(samples)
            if isinstance(samples, HeldRead) and self.state.shared_read is not None:
                self._held_now = samples
                return self.intake.read(samples, samples.time, samples.start)
            taken = seconds(getattr(samples, "time", None))  # when it was read (C-10)
            now = now if taken is None else taken
            if self.state.declaration.min_interval is not None:  # another registry shares it
                said = getattr(samples, "start", self)
                told = said is None or seconds(said) is not None
                start = seconds(said) if told else start
            samples = checked_iterable(samples)
        reading = self.intake.read(samples, now, start)
        if start is not None and not told:
            check_start(start, ask_start(self._start))
        return reading

    @property
    def busy(self) -> bool:
        """True while an abandoned call of this consumer has not returned."""
        return self.health.hung() or not (self._awaited is None or self._awaited.over)

    def take_over(self, hung: Source) -> None:
        """Know of the call that another source of the same sampler has abandoned."""
        self.health, self._awaited = hung.health, hung._awaited

    def abandon(self, batch: HungBatch) -> None:
        """Note that a call was abandoned and may still run."""
        self.health.abandon(batch)
        self.state.abandon(batch)

    def keep(self, reading: Reading, seconds: float) -> Block:
        """Take over what :meth:`pull` returned."""
        self.read_at = self._clock.monotonic()
        self._held_before = self._held_now
        block = self.intake.keep(reading, self.name)
        if self._view is not None:
            block, left_out = self._view.of(block)
            if left_out:
                reading.count_refused(FILTERED, left_out)
        self._block = block
        count_pull(self.statistics, reading, seconds)
        return self._block

    def absent(self) -> Block | None:
        """Return the block of a failed pull."""
        block = self.intake.absent(self.name)
        return block if block is None or self._view is None else self._view.of(block)[0]

    def close(self) -> None:
        """Close the instance, if it has a ``close``. Runs foreign code."""
        instance, self._sample = self._sample, None
        self.intake.end()
        if self.windowed and (close := getattr(instance, "close", None)) is not None:
            closed = close()
            if is_async(closed):
                loop = self.state.declaration.loop
                call_to_close(closed, loop).result(self._async_deadline)

    def _instance(self) -> Callable[[], Any]:
        factory = self.state.declaration.factory
        assert factory is not None  # noqa: S101 - a mapping has one of the two
        instance = factory(with_own_tables(self._environ))
        if not callable(instance):
            raise TypeError(f"the factory returned {short(instance)}, which cannot be called")
        made: Callable[[], Any] = instance
        return made

    def _await(self, samples: Any) -> Any:
        loop = self.state.declaration.loop
        self._awaited = call_to_gather(samples, loop, self._limit, self.caller)
        return self._awaited.result(self._async_deadline)

    @property
    def _async_deadline(self) -> float:
        """Seconds to wait for a loop: less than the Collector waits for the worker."""
        deadline: float = self._environ["deadline"]
        return deadline - min(_MARGIN, deadline / 10)
