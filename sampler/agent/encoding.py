"""Calling ``encode``: an adapter is foreign code too, and must account for every entry."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from sampler._worker import Job
from sampler.agent.adapter import Batch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sampler._snapshot import Snapshot
    from sampler._worker import Crew
    from sampler.agent.adapter import Adapter, Since

_log = logging.getLogger("sampler")

ENCODE_DEADLINE = 5.0
"""Seconds an adapter has to encode one snapshot."""


class Encoder:
    """Encodes for one adapter and says once when that goes wrong.

    Args:
        name: the adapter's name in the configuration.
        adapter: the adapter.
    """

    def __init__(self, name: str, adapter: Adapter) -> None:
        self._name = name
        self._adapter = adapter
        self._hung: Any = None
        self._said = ""

    def job(self, snapshot: Snapshot, since: Since) -> Job:
        """Return the call of ``encode`` as a job for a crew."""
        if self._hung is not None and not self._hung.returned:
            return Job(_still_hung)
        return Job(lambda: list(self._adapter.encode(snapshot, since)))

    def batches(self, job: Job, entries: int) -> list[Batch]:
        """Judge a finished job; everything is refused when it failed or does not add up.

        Args:
            job: what :meth:`job` returned, after its crew ran it.
            entries: how many entries the snapshot has.
        """
        fault = ""
        if job.overran is not None:
            self._hung = job.overran
            fault = f"encode did not end within {job.seconds:.1f} s"
        elif not job.started:
            fault = "encode had no time left, or no thread at the interpreter's end"
        elif job.error is not None:
            fault = f"encode raised {job.message}"
        else:
            fault = _check(job.result, entries)
        self._say(fault)
        return [Batch((), 0, {"encode": entries})] if fault else job.result

    def _say(self, fault: str) -> None:
        if fault and fault != self._said:
            _log.error("adapter %r: %s: its entries are dropped", self._name, fault)
        self._said = fault


def encode_all(
    crew: Crew, wanted: Sequence[tuple[Encoder, Snapshot, Since]], until: float = float("inf")
) -> list[list[Batch]]:
    """Encode for several adapters in one round, which ends at the monotonic ``until``."""
    jobs = [encoder.job(snapshot, since) for encoder, snapshot, since in wanted]
    crew.run(jobs, ENCODE_DEADLINE, until)
    return [
        encoder.batches(job, len(snapshot))
        for (encoder, snapshot, _), job in zip(wanted, jobs, strict=True)
    ]


def _check(batches: list[Any], entries: int) -> str:
    if not all(isinstance(batch, Batch) for batch in batches):
        return "encode must yield Batch objects"
    accounted = sum(batch.entries for batch in batches)
    if accounted != entries:
        return f"encode accounted for {accounted} of {entries} entries"
    return ""


def _still_hung() -> list[Batch]:
    raise TimeoutError("the last call of encode has not returned yet")
