"""What is wrong now, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sampler._contract.names import RESERVED
from sampler._pull.series_rules import FILTERED
from sampler._runtime.printable import counted
from sampler.adapterkit.threads import unhealthy
from sampler.agent.overview import uncollected

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sampler.agent import AdapterState, ProcessState
    from sampler.page.lately import Risen
    from sampler.page.recorder import Recorder

    _Row = tuple[str, str, str, float | None]

_DIED = {
    "signal": (
        "killed, or crashed,",
        "the server's log, and dmesg, say which: a timeout, want of memory, a fault",
    ),
    "lost": (
        "lost",
        "their connection has ended: the log of their server, or container, says why",
    ),
}
"""By how a process has ended: the words for it, and what to do."""

FAILS = 2
"""Failed pulls within a minute that are trouble; one may be the last of a process that ends."""
PARKED = "parked"
"""The reason of pulls that were left out because of failures before."""
_UNCOLLECTED = "sampler.uncollected"
MOST = 200
"""Rows that are told."""


def trouble_of(
    recorder: Recorder, adapters: Sequence[AdapterState], processes: Sequence[ProcessState]
) -> list[dict[str, Any]]:
    """Return a row for each trouble: what, where, what to do, since when."""
    rows = [
        *_adapters(adapters),
        *_drops(recorder),
        *_samplers(recorder),
        *_failed_elsewhere(recorder),
        *_uncollected(recorder),
        *_refused(recorder),
        *_processes(processes),
        *_deaths(recorder),
        *_threads(),
    ]
    if omitted := recorder.history.omitted:
        what = f"{omitted} series are counted here and not kept"
        rows.append((what, "this page", "drop or keep metrics in [samplers]", None))
    keys = ("what", "where", "remedy", "since")
    return [dict(zip(keys, row, strict=True)) for row in rows[:MOST]]


def _adapters(
    adapters: Sequence[AdapterState],
) -> Iterator[_Row]:
    for each in adapters:
        if each.trouble:
            remedy = "see that the endpoint runs and its address is right; it is tried again"
            yield each.trouble, f"adapter {each.name}", remedy, each.trouble_since
        if each.waiting:
            remedy = "end the program that has the address, or set another listen"
            yield f"{each.endpoint} is taken", f"adapter {each.name}", remedy, None


def _drops(recorder: Recorder) -> Iterator[_Row]:
    for (adapter, reason), each in recorder.drops.lately.items():
        what = f"{each.entries:.0f} entries were dropped lately: {reason}"
        remedy = f"'sampler explain {reason}' says what to do"
        yield what, f"adapter {adapter}", remedy, each.since


def _samplers(recorder: Recorder) -> Iterator[_Row]:
    for name, each in recorder.failures.samplers.items():
        if each.now:
            remedy = f"'sampler explain {each.reason}' says what that means"
            yield each.message, f"sampler {name}", remedy, each.since


def _failed_elsewhere(recorder: Recorder) -> Iterator[_Row]:
    """Yield a row for each sampler that fails in other processes, as a relay's workers."""
    failing: dict[str, list[tuple[str, Risen]]] = {}
    for (sampler, reason), each in recorder.failed.risen.items():
        if sampler not in recorder.failures.samplers:  # else its failure is known
            failing.setdefault(sampler, []).append((reason, each))
    for sampler, found in failing.items():
        if sum(each.number for _, each in found) >= FAILS:
            reason = min(found, key=lambda each: each[0] == PARKED)[0]
            what = f"it fails in a process that reports: {reason}"
            remedy = f"its log says why; 'sampler explain {reason}' says what that means"
            yield what, f"sampler {sampler}", remedy, min(each.since for _, each in found)


def _uncollected(recorder: Recorder) -> Iterator[_Row]:
    """Yield a row for each sampler that is announced and not collected, here or elsewhere."""
    here = uncollected(recorder.agent) if recorder.agent is not None else {}
    for name, why in here.items():
        remedy = "mend that, and start the program anew: it is not tried again"
        yield f"it is not collected: {why}", f"sampler {name}", remedy, None
    _, snapshot, _ = recorder.newest
    for block in snapshot.blocks if snapshot is not None else ():
        for series, value in block if block.sampler == RESERVED else ():
            name = series.labels.get("sampler", "")
            if series.name == _UNCOLLECTED and value and name not in here:
                what = f"it is not collected by a process that reports: {series.labels['reason']}"
                remedy = "'sampler list samplers' in its environment, and its log, say why"
                yield what, f"sampler {name}", remedy, None


def _refused(recorder: Recorder) -> Iterator[_Row]:
    for (sampler, reason), each in recorder.refused.risen.items():
        if reason != FILTERED:
            remedy = f"the log names one; 'sampler explain {reason}' says what that means"
            yield f"samples of it are refused: {reason}", f"sampler {sampler}", remedy, each.since


def _processes(processes: Sequence[ProcessState]) -> Iterator[_Row]:
    for each in processes:
        if each.state != "reports":
            what = "it has missed its last reports"
            remedy = "see whether it hangs, or whether its agent's log says why"
            yield what, f"process {each.instance} ({each.pid})", remedy, each.last_report


def _deaths(recorder: Recorder) -> Iterator[_Row]:
    for (reason,), each in recorder.exits.risen.items():
        if reason not in _DIED:  # it has said farewell
            continue
        was, remedy = _DIED[reason]
        processes = counted(each.number, "process", "processes")
        verb = "were" if each.number > 1 else "was"
        what = f"{processes} {verb} {was} in the last {recorder.exits.window / 60:.0f} minutes"
        yield what, "relay", remedy, each.since


def _threads() -> Iterator[_Row]:
    for name, why in unhealthy().items():
        yield why, f"thread {name}", "the log says why; restart the process", None
