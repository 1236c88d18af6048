"""Rounds of pulls: every sampler of a registry, isolated from each other, into one snapshot."""

from __future__ import annotations

import logging
import os
import time
from threading import Condition
from typing import TYPE_CHECKING

from sampler import _registry, _worker
from sampler._intake import Intake
from sampler._snapshot import Failure, Snapshot
from sampler._source import Source
from sampler.exceptions import CollectorBusy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType
    from typing import Self

    from sampler._registry import Registration
    from sampler._snapshot import Block
    from sampler._source import Statistics

_log = logging.getLogger("sampler")
_QUIET = ("hung", "parked", "exhausted")


class Collector:
    """A consumer: pulls samplers, with baselines and instances of its own.

    A context manager that closes itself. ``collect`` may be called from any thread; calls that
    overlap share one pull.

    Args:
        registry: what is pulled, an iterable of registrations; default: the default registry.
        name: the consumer's name, told to factories.
        interval: seconds between pulls, told to factories; None when there is no rhythm.
        deadline: seconds each sampler has; default: the interval, at most 5.
        reuse: seconds within which an instance's last block stands instead of a new read, so that
            a window is never shorter than this.
        max_samples: samples taken from one sampler in one pull.
        max_series: series of one metric; the surplus is folded into ``overflow="true"``.
        identity: who measures; travels in :attr:`Snapshot.identity`.
    """

    def __init__(
        self,
        registry: Iterable[Registration] | None = None,
        *,
        name: str = "collector",
        interval: float | None = None,
        deadline: float | None = None,
        reuse: float = 0.0,
        max_samples: int = 10_000,
        max_series: int = 2_000,
        identity: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.interval = interval
        self.deadline: float = min(interval or 5.0, 5.0) if deadline is None else deadline
        self._registry = _registry.default if registry is None else registry
        self._reuse = reuse
        self._max_samples = max_samples
        self._max_series = max_series
        self._identity = dict(identity or {})
        self._closed = False
        self._begin()

    def _begin(self) -> None:
        """Become a new consumer of this process."""
        self.start: float = time.time()
        self._pid = os.getpid()
        self._identity["pid"] = str(self._pid)
        self._turn = Condition()
        self._pulling = False
        self._turns = 0
        self._last: Snapshot | None = None
        self._rounds_at: float | None = None
        self._crew = _worker.Crew(f"sampler-{self.name}")
        self._sources: dict[Registration, Source] = {}

    def collect(self, *, within: float | None = None) -> Snapshot:
        """Pull every sampler once.

        Args:
            within: seconds for the whole pull; samplers it does not reach fail. Default: as many
                deadlines as there are samplers.

        Returns:
            A snapshot; the running pull's, when another thread is pulling.

        Raises:
            CollectorBusy: called from inside a sampler of this consumer, or after ``close``.
        """
        if self._pid != os.getpid():
            _worker.forget_after_fork()
            self._begin()
        with self._turn:
            while self._pulling:
                if self._crew.is_mine():
                    raise CollectorBusy(self.name, "collect() was called by one of its samplers")
                turn = self._turns
                self._turn.wait_for(lambda turn=turn: self._turns != turn)  # type: ignore[misc]
                if self._last is not None:
                    return self._last
            if self._closed:
                raise CollectorBusy(self.name, "collect() was called after close()")
            self._pulling = True
            self._last = None
        try:
            self._last = self._pull(float("inf") if within is None else time.monotonic() + within)
            return self._last
        finally:
            with self._turn:
                self._pulling = False
                self._turns += 1
                self._turn.notify_all()

    def close(self) -> None:
        """Close the instances, each within the deadline, and end the worker; twice is harmless."""
        if self._pid != os.getpid():  # the parent's instances are the parent's to close
            self._closed = True
            return
        with self._turn:
            self._turn.wait_for(lambda: not self._pulling)
            if self._closed:
                return
            self._closed = True
        self._close_all(list(self._sources.values()))
        self._sources = {}
        self._crew.close()

    def statistics(self) -> list[Statistics]:
        """Return the account of each sampler pulled, in the order of the registry."""
        return [source.statistics for source in list(self._sources.values())]

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
        began = time.time()
        sources = self._follow(tuple(self._registry))
        self._rounds_at = began
        blocks: dict[Source, Block] = {}
        failures: dict[Source, Failure] = {}
        due: list[Source] = []
        now, exhausted = time.monotonic(), _worker.abandoned() >= _worker.BUDGET
        for source in sources:
            if source.windowed and source.last and now - source.read_at < self._reuse:
                blocks[source] = source.last
            elif failure := _kept_back(source, now, exhausted=exhausted):
                failures[source] = failure
            else:
                due.append(source)
        # Those that have answered before run first: one that hangs cannot starve them.
        due.sort(key=lambda source: not source.registration.health.proven)
        jobs = [_worker.Job(source.pull) for source in due]
        self._crew.run(jobs, self.deadline, until)
        for source, job in zip(due, jobs, strict=True):
            failure = self._judge(source, job)
            if failure is None:
                blocks[source] = source.keep(job.result, job.seconds)
                _report_refused(source, job.result.examples)
            else:
                failures[source] = failure
        for source, failure in failures.items():
            source.statistics.fail(failure.reason)
            if block := source.absent():
                blocks[source] = block
            _report(source.registration, failure)
        return Snapshot(
            tuple(blocks[source] for source in sources if source in blocks),
            began,
            self.start,
            self._identity,
            tuple(failures[source] for source in sources if source in failures),
        )

    def _judge(self, source: Source, job: _worker.Job) -> Failure | None:
        health = source.registration.health
        if job.overran is not None:
            health.overran(time.monotonic(), job.overran, self.deadline)
            message = f"no answer within {self.deadline:g} s"
            return Failure(source.name, "deadline", message)
        if not job.started:
            return Failure(source.name, "unreached", "the pull ended before it")
        if job.error is not None:
            health.failed(time.monotonic())
            return Failure(source.name, "raised", f"{type(job.error).__name__}: {job.error}")
        health.answered()
        return None

    def _follow(self, registrations: tuple[Registration, ...]) -> list[Source]:
        """Let sources come and go with their registrations."""
        gone = [self._sources.pop(r) for r in self._sources.keys() - set(registrations)]
        self._close_all(gone)
        for registration in registrations:
            if registration not in self._sources:
                self._sources[registration] = self._source(registration)
        return [self._sources[registration] for registration in registrations]

    def _source(self, registration: Registration) -> Source:
        environ = {
            "api": 1,
            "consumer": self.name,
            "interval": self.interval,
            "deadline": self.deadline,
        }
        inherited = registration.pid != self._pid
        intake = Intake(
            registration.declaration,
            self._max_samples,
            self._max_series,
            absent_at=self._rounds_at,
            inherited_at=self.start if inherited else None,
        )
        return Source(registration, environ, intake)

    def _close_all(self, sources: list[Source]) -> None:
        closable = [s for s in sources if s.windowed and not s.registration.health.hung()]
        jobs = [_worker.Job(source.close) for source in closable]
        self._crew.run(jobs, self.deadline)
        for source, job in zip(closable, jobs, strict=True):
            if job.overran or job.error:
                _log.warning(
                    "sampler %r: close() failed: %r", source.name, job.error or "deadline"
                )


def _kept_back(source: Source, now: float, *, exhausted: bool) -> Failure | None:
    """Return why a sampler is not called in this pull, or None."""
    health = source.registration.health
    if health.hung():
        return Failure(source.name, "hung", "its last call has not returned yet")
    if (seconds := health.parked(now)) > 0:
        return Failure(
            source.name, "parked", f"failed repeatedly; called again in {seconds:.1f} s"
        )
    if exhausted and not health.proven:
        message = f"{_worker.BUDGET} threads hang already, and it has never answered"
        return Failure(source.name, "exhausted", message)
    return None


def _report(registration: Registration, failure: Failure) -> None:
    """Log a change of state, and nothing while it lasts."""
    health = registration.health
    if failure.reason in _QUIET and health.said:
        return
    if health.said != failure.reason:
        health.said = failure.reason
        _log.warning("sampler %r: %s: %s", failure.sampler, failure.reason, failure.message)


def _report_refused(source: Source, examples: Mapping[str, str]) -> None:
    health = source.registration.health
    said = ",".join(sorted(examples))
    if health.said == said:
        return
    for reason, example in examples.items():
        if reason not in health.said.split(","):
            _log.warning("sampler %r: samples refused: %s: %s", source.name, reason, example)
    if not said:
        _log.info("sampler %r: answers again, nothing refused", source.name)
    health.said = said
