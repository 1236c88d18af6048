"""Calls ``encode``: an adapter is foreign code, and must account for every entry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sampler._runtime.log import log
from sampler._runtime.printable import counted
from sampler._runtime.worker import Job
from sampler.agent.delivery.adapter import Batch

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sampler._contract.snapshot import Snapshot
    from sampler._runtime.worker import Worker
    from sampler.agent.delivery.adapter import Adapter, Since

ENCODE_DEADLINE = 5.0
"""Seconds an adapter has to encode one snapshot, unless its interval is longer."""
_MOST = 300.0
"""Seconds at most, whatever the interval: one that hangs delays the adapters beside it."""


class Encoder:
    """Encodes for one adapter, and logs each new fault once.

    Args:
        name: the adapter's name in the configuration.
        adapter: the adapter.
        interval: seconds between its snapshots.
        timeout: seconds it has to encode one; default: the interval, 5 to 300.
    """

    def __init__(
        self, name: str, adapter: Adapter, interval: float = 0.0, timeout: float | None = None
    ) -> None:
        self._name = name
        self._interval = interval
        self._timeout = timeout
        self._adapter = adapter
        self._hung: Any = None
        self._logged = ""

    @property
    def deadline(self) -> float:
        """Seconds it has to encode one snapshot."""
        if self._timeout is not None:
            return self._timeout
        return max(ENCODE_DEADLINE, min(self._interval, _MOST))

    def job(self, snapshot: Snapshot, since: Since) -> Job:
        """Return the call of ``encode`` as a job for a worker."""
        if self._hung is not None and not self._hung.returned:
            return Job(_still_hung)
        return Job(
            lambda: _checked(self._adapter.encode(snapshot, since), len(snapshot)),
            deadline=self.deadline,
        )

    def batches(self, job: Job, entries: int) -> list[Batch]:
        """Return the batches of a finished job; when it failed, one that refuses every entry.

        Args:
            job: what :meth:`job` returned, after a worker ran it.
            entries: how many entries the snapshot has.
        """
        batches: list[Batch] = []
        if job.overran is not None:
            self._hung = job.overran
            fault = (
                f"encode did not end within {job.seconds:.1f} s: raise encode_timeout, or "
                "collect fewer series"
            )
        elif not job.started:
            fault = "encode was not called: no time was left, or no thread can start"
        elif job.error is not None:
            fault = f"encode raised {job.message}"
        else:
            batches, fault = job.result
        self._log(fault)
        return [Batch((), 0, {"encode": entries})] if fault else batches

    def _log(self, fault: str) -> None:
        if fault and fault != self._logged:
            log.error("adapter %r: %s: the entries of this pull are dropped", self._name, fault)
        self._logged = fault


def encode_all(
    worker: Worker, wanted: Sequence[tuple[Encoder, Snapshot, Since]], until: float = float("inf")
) -> list[list[Batch]]:
    """Encode for several adapters in one round, which ends at the monotonic ``until``."""
    jobs = [encoder.job(snapshot, since) for encoder, snapshot, since in wanted]
    worker.run(jobs, ENCODE_DEADLINE, until)
    return [
        encoder.batches(job, len(snapshot))
        for (encoder, snapshot, _), job in zip(wanted, jobs, strict=True)
    ]


def _checked(yielded: Iterable[Any], entries: int) -> tuple[list[Batch], str]:
    """Return what ``encode`` yields, and what is wrong with it or "". Runs foreign code."""
    batches: list[Batch] = []
    accounted = 0
    for batch in yielded:
        if type(batch) is not Batch:
            return [], "encode must yield Batch objects"
        batches.append(batch)
        accounted += batch.entries
        if accounted > entries or len(batches) > entries + 1:  # it may have no end
            return [], f"encode accounted for more than {counted(entries, 'entry', 'entries')}"
    if accounted != entries:
        return [], f"encode accounted for {accounted} of {counted(entries, 'entry', 'entries')}"
    return batches, ""


def _still_hung() -> list[Batch]:
    raise TimeoutError("the last call of encode has not returned yet")
