"""Rounds of pulls: every sampler of a registry, isolated from the others, into one snapshot."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from sampler._contract.declaration import seconds
from sampler._contract.snapshot import Failure, Snapshot
from sampler._pull.async_call import Overdue, running_loop
from sampler._pull.failure_log import report_failure, report_refused
from sampler._pull.intake import Intake
from sampler._pull.sampler_settings import SamplerSettings
from sampler._pull.series_rules import SeriesRules, SeriesView
from sampler._pull.source import Source, Withdrawn
from sampler._pull.sources import Sources
from sampler._pull.statistics import count_failure
from sampler._registry import registry as registries
from sampler._registry.all_registries import begin_round, expected_calls, registry_of, takes_over
from sampler._runtime import worker
from sampler._runtime.abandoned import MAX_ABANDONED
from sampler._runtime.fork import forked_at
from sampler._runtime.gil_yield import GiveWayTimer
from sampler._runtime.log import log
from sampler._runtime.waiting import Condition
from sampler.exceptions import CollectorBusy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType
    from typing import Any, Self, TypeAlias

    from sampler._contract.snapshot import Block
    from sampler._pull.inherited import Counted
    from sampler._pull.statistics import Statistics
    from sampler._registry.registry import SamplerState
    from sampler.types import Clock, Registered

    AtFork: TypeAlias = Callable[[Registered, Mapping[str, Any]], Counted | None] | None


class Collector:
    """A consumer: pulls samplers, and keeps baselines and instances of its own.

    A context manager that closes itself. ``collect`` may be called from any thread; calls that
    overlap share one pull.

    Args:
        registry: what is pulled: an iterable of registrations, of any vendor; default: the default
            registry, with the samplers that are announced, and the announced registries (R-14).
        name: the consumer's name, told to factories.
        interval: seconds between pulls, told to factories; None if they are not regular.
        deadline: seconds each sampler has; default: the interval, at most 5.
        reuse: seconds for which an instance's last block is used again instead of a new read, so
            that a window is never shorter than this.
        max_samples: samples taken from one sampler in one pull; a group of instruments has bounds
            of its own.
        max_series: series of one metric; the surplus is folded into ``overflow="true"``.
        settings: by the name of a sampler, what its factory is told as ``environ["settings"]``.
        identity: who measures; it becomes :attr:`Snapshot.identity`.
        clock: where the times of snapshots come from. Deadlines do not depend on it.
    """

    def __init__(
        self,
        registry: Iterable[Registered] | None = None,
        *,
        name: str = "collector",
        interval: float | None = None,
        deadline: float | None = None,
        reuse: float = 0.0,
        max_samples: int = 10_000,
        max_series: int = 2_000,
        settings: Mapping[str, Mapping[str, Any]] | None = None,
        identity: Mapping[str, str] | None = None,
        clock: Clock = time,
    ) -> None:
        self.name = name
        self._clock = clock
        self.interval = interval
        self.deadline: float = min(interval or 5.0, 5.0) if deadline is None else deadline
        self._registry = registry_of(registry)
        self._reuse = reuse
        self._max_samples = max_samples
        self._max_series = max_series
        self._settings = SamplerSettings(settings)
        self._identity = dict(identity or {})
        self._closed = False
        self._at_fork: AtFork = None
        self._rules = SeriesRules()
        self._begin(clock.time(), None)

    def _begin_at(self, start: float) -> None:
        """Become a consumer that begins earlier than it is made; it has not pulled meanwhile."""
        made = self.start
        self._begin(start, None)
        self._past_until = made

    def _begin_at_fork(self) -> None:
        """Become the consumer of a forked child: it begins at the fork, with nothing counted."""
        fork = forked_at() or self._clock.time()
        self._begin(fork, fork)

    def _begin(self, start: float, empty_at: float | None) -> None:
        """Become a new consumer of this process.

        Args:
            start: epoch seconds at which it begins.
            empty_at: epoch seconds at which nothing had been counted, if that is known.
        """
        self.start: float = start
        self._past_until = start
        self._pulled_at = empty_at
        self._changed = Condition()
        self._pulling = False
        self._pulls_ended = 0
        self._last: Snapshot | None = None
        self._worker = worker.Worker(f"sampler-{self.name}")
        self._sources = Sources(self._source)
        self._pid = os.getpid()
        self._identity = {**self._identity, "pid": str(self._pid)}

    def collect(self, *, within: float | None = None) -> Snapshot:
        """Pull every sampler once.

        When it is called on the thread of an event loop, the async samplers of that loop fail:
        the loop would wait for itself.

        Args:
            within: seconds for the whole pull; samplers not reached by then fail. Default: one
                deadline for each sampler.

        Returns:
            A snapshot; if another thread is pulling, the one of that pull.

        Raises:
            CollectorBusy: called from inside a sampler of this consumer, or after ``close``; or
                another thread's pull did not end ``within``.
        """
        if self._pid != os.getpid():
            self._at_fork = None
            self._begin_at_fork()
        self._refuse_samplers("collect")
        until = float("inf") if within is None else time.monotonic() + within
        with self._changed:
            while self._pulling:
                ended = self._pulls_ended
                if not self._wait(lambda ended=ended: self._pulls_ended != ended, until):  # type: ignore[misc]
                    raise CollectorBusy(self.name, f"a pull did not end within {within:g} s")
                if self._last is not None:
                    return self._last
            if self._closed:
                raise CollectorBusy(self.name, "collect() was called after close()")
            self._pulling = True
            self._last = None
        try:
            self._last = self._pull(until)
            return self._last
        finally:
            with self._changed:
                self._pulling = False
                self._pulls_ended += 1
                self._changed.notify_all()

    @property
    def longest(self) -> float:
        """Seconds that a pull may take: a deadline for each sampler to be called or closed."""
        return self.deadline * (expected_calls(self._registry) + len(self._sources))

    def close(self, *, within: float | None = None) -> None:
        """Close the instances, each within the deadline, and end the worker; twice is harmless.

        Args:
            within: seconds for all of it, a pull under way included; instances not reached by
                then stay open. Default: no limit.
        """
        until = float("inf") if within is None else time.monotonic() + within
        if self._pid != os.getpid():  # the parent's instances are the parent's to close
            self._closed = True
            return
        self._refuse_samplers("close")
        with self._changed:
            free = self._wait(lambda: not self._pulling, until)
            already, self._closed = self._closed, True
            if already or not free:
                return
        self._close_all(list(self._sources), until)
        self._sources = Sources(self._source)
        self._worker.close()

    def _refuse_samplers(self, method: str) -> None:
        if self._worker.runs_here():  # it would wait for itself
            raise CollectorBusy(self.name, f"{method}() was called by one of its samplers")

    def _wait(self, condition: Callable[[], bool], until: float) -> bool:
        if until == float("inf"):
            return self._changed.wait_for(condition)
        return self._changed.wait_for(condition, max(0.0, until - time.monotonic()))

    def statistics(self) -> list[Statistics]:
        """Return the statistics of each sampler pulled, in the order of the registry."""
        return [source.statistics for source in self._sources]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Collector {self.name}>"

    def _pull(self, until: float) -> Snapshot:
        began = self._clock.time()
        registrations = begin_round(self._registry, self.deadline, until)
        anew = self._settings.told_otherwise(self._sources)
        sources, gone = self._sources.update(registrations, anew)
        self._close_all(gone, until)
        self._pulled_at = max(began, self.start)
        blocks: dict[Source, Block] = {}
        failures: dict[Source, Failure] = {}
        due: list[Source] = []
        now = self._clock.monotonic()
        pause = GiveWayTimer()
        for source in sources:
            pause.give_way_if_due()
            if (last := source.reusable_block(self._reuse)) is not None:
                blocks[source] = last
            elif failure := self._not_callable(source, now):
                failures[source] = failure
            else:
                due.append(source)
        # Those that have answered before come first, so that a new one cannot starve them.
        caller = running_loop()
        for source in due:
            source.caller = caller
        due.sort(key=lambda source: not source.health.proven)
        jobs = [worker.Job(source.pull, optional=not source.health.proven) for source in due]
        pause.give_way_if_due()
        self._run(due, jobs, until)
        for source, job in zip(due, jobs, strict=True):
            pause.give_way_if_due()
            if isinstance(job.error, Withdrawn):
                continue
            failure = self._outcome(source, job)
            if failure is None:
                blocks[source] = source.keep(job.result, job.seconds)
                report_refused(source.health, source.name, job.result.examples)
            else:
                failures[source] = failure
        for source, failure in failures.items():
            count_failure(source.statistics, failure.reason)
            if (block := source.absent()) is not None:
                blocks[source] = block
            self._tell_of_failure(source, failure)
        return Snapshot(
            tuple(blocks[source] for source in sources if source in blocks),
            began,
            self.start,
            self._identity,
            (
                *(failures[source] for source in sources if source in failures),
                *self._sources.unreadable(),
            ),
            self.interval,
            self._rules.labels,
        )

    def _tell_of_failure(self, source: Source, failure: Failure) -> None:
        report_failure(source.health, failure)

    def _run(self, sources: list[Source], jobs: list[worker.Job], until: float) -> None:
        try:
            self._worker.run(jobs, self.deadline, until)
        finally:  # after KeyboardInterrupt, too: a call that still runs must not be repeated
            for source, job in zip(sources, jobs, strict=True):
                if job.overran is not None:
                    source.abandon(job.overran)

    def _outcome(self, source: Source, job: worker.Job) -> Failure | None:
        """Note a pull's outcome in the sampler's health; return why it failed, or None."""
        health = source.health
        if job.reason == "deadline":
            health.overran(self._clock.monotonic(), self.deadline)
            return Failure(source.name, job.reason, f"no answer within {self.deadline:g} s")
        if job.reason == "exhausted":
            message = f"{MAX_ABANDONED} threads hang already, and it has never answered"
            return Failure(source.name, job.reason, message)
        if job.reason:
            return Failure(source.name, job.reason, "the pull ended before it answered")
        if isinstance(job.error, Overdue):
            health.overran(self._clock.monotonic(), self.deadline)
            return Failure(source.name, "deadline", str(job.error))
        if job.error is not None:
            health.failed(self._clock.monotonic())
            return Failure(source.name, "raised", job.message)
        health.answered()
        return None

    def _not_callable(self, source: Source, now: float) -> Failure | None:
        """Return why a sampler is not called in this pull, or None."""
        if source.busy or source.state.hangs_for(self.deadline):
            return Failure(source.name, "hung", "its last call has not returned yet")
        if (left := source.health.pause_left(now)) > 0:
            message = f"failed repeatedly; called again in {left:.1f} s"
            return Failure(source.name, "parked", message)
        return None

    def _source(self, registration: Registered, *, has_past: bool) -> Source:
        state = self._state(registration)
        environ: dict[str, Any] = {
            "api": 1,
            "consumer": self.name,
            "interval": self.interval,
            "deadline": self.deadline,
            "settings": self._settings.of(state.declaration.name),
        }
        registered = seconds(registration.time)
        # A sampler that was registered before the consumer began has a past (C-16).
        has_past = has_past or not registered or registered <= self._past_until
        fork = forked_at()
        before_fork = registered is None or registered <= fork
        inherited = getattr(registration, "pid", self._pid) != self._pid or (fork and before_fork)
        max_samples = sys.maxsize - 1 if state.bounded else self._max_samples
        intake = Intake(
            state.declaration,
            max_samples,
            self._max_series,
            since=self.start,
            absent_at=None if has_past else self._pulled_at,
            inherited_at=(fork or self.start) if inherited else None,
            at_fork=self._at_fork(registration, environ["settings"]) if self._at_fork else None,
            takes_over=takes_over(registration),
        )
        view = SeriesView(self._rules, state.declaration.name) if self._rules else None
        return Source(registration, state, environ, intake, max_samples, self._clock, view)

    def _state(self, registration: Registered) -> SamplerState:
        """Return what is known of a registration; of another vendor's, what its mapping says."""
        if isinstance(registration, registries.Registration):
            return registries.state_of(registration)
        # Its own registry shares reads.
        return registries.SamplerState(registration.sampler, self._clock, shares=False)

    def _close_all(self, sources: list[Source], until: float = float("inf")) -> None:
        closable = [source for source in sources if source.windowed and not source.busy]
        jobs = [worker.Job(source.close) for source in closable]
        self._worker.run(jobs, self.deadline, until)
        for source, job in zip(closable, jobs, strict=True):
            if trouble := job.message or job.reason:
                log.warning("sampler %r: close() failed: %s", source.name, trouble)


def change_settings(collector: Collector, settings: Mapping[str, Mapping[str, Any]]) -> None:
    """Have the next round make another instance where a factory is to be told something else.

    The series of such a sampler begin anew, with baselines; all others go on.
    """
    collector._settings.change(settings)  # noqa: SLF001 - as begin_at_fork


def apply_rules(collector: Collector, rules: SeriesRules) -> Collector:
    """Return a consumer that has not pulled yet, with rules for what its snapshots have."""
    collector._rules = rules  # noqa: SLF001 - as begin_at_fork
    return collector


def rules_of(collector: Collector) -> SeriesRules:
    """Return the rules for what a consumer's snapshots have."""
    return collector._rules  # noqa: SLF001 - as begin_at_fork


def begin_at(collector: Collector, start: float) -> Collector:
    """Return a consumer to which cumulative values count whole that were zero at ``start``.

    Args:
        collector: a consumer that has not pulled yet.
        start: epoch seconds.
    """
    collector._begin_at(start)  # noqa: SLF001 - as begin_at_fork
    return collector


def begin_at_fork(collector: Collector) -> Collector:
    """Return a consumer that has not pulled yet, and begins at the fork like one of the parent."""
    collector._begin_at_fork()  # noqa: SLF001 - for agents, not for the public
    return collector


def subtract(collector: Collector, at_fork: AtFork) -> None:
    """Tell a consumer that has not pulled yet what was counted at the fork."""
    collector._at_fork = at_fork  # noqa: SLF001 - as begin_at_fork
