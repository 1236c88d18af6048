"""Two consumers pull one sampler for a while: they find what a single pull cannot show."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import attrs

from sampler._contract.better_names import hints
from sampler._contract.declaration import short
from sampler._pull.collector import Collector
from sampler._registry.registry import Registry
from sampler._runtime.printable import counted
from sampler.validate._breach import Breach, Report
from sampler.validate._compare import Comparison
from sampler.validate._entry_points import check_entry_points
from sampler.validate._exercise import Exercise
from sampler.validate._factory import Factory
from sampler.validate._validator import mapping_of, watched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any

    from sampler import Instruments

NEVER_SEEN = "declared, never seen:"
"""How the hint about metrics that did not appear begins."""
FELL = "it only grows, or says when it starts over:"
"""How the hint about a counter that fell begins."""
_ROUNDS = 6
"""Rounds of reads that there are at least."""
_OFTEN = 0.03
"""Seconds between two rounds: what comes and goes is seen at least twice if it lives 0.1 s."""
_TOGETHER = 4
"""Rounds in which both consumers read at the same time."""


@attrs.frozen
class Examination:
    """The result of :func:`examine`.

    Attributes:
        sampler: the sampler's name.
        breaches: the breaches found, each once.
        pulls: pulls made.
        series: how many series the sampler had.
        moved: how many of them changed meanwhile; those that did not prove little.
        cumulative: how many of the series were counters or histograms.
        grown: how many of those grew meanwhile.
        seconds: how long it took.
        hints: what could be better, though it breaks no clause: names that say kind or unit,
            metrics that are described and were not seen, and counters that fell.
    """

    sampler: str
    breaches: tuple[Breach, ...]
    pulls: int
    series: int
    moved: int
    cumulative: int
    grown: int
    seconds: float
    hints: tuple[str, ...] = ()

    @property
    def conforms(self) -> bool:
        """True when no breach was found, and what was seen is enough for a verdict."""
        return not self.breaches and not self.unproven

    @property
    def unproven(self) -> str:
        """Why there is no verdict, though there is no breach; empty if there is one."""
        if self.breaches:
            return ""
        if not self.series:
            return "it has not yielded a single value"
        if self.cumulative and not self.grown:
            return "none of its counters and histograms has grown"
        return ""


def examine(
    sampler: Mapping[str, Any] | Instruments,
    *,
    seconds: float = 1.0,
    deadline: float = 5.0,
    exercise: Callable[[], Any] | None = None,
    progress: Callable[[float], Any] | None = None,
) -> Examination:
    """Pull a sampler for a while as two consumers would, in turns and at the same time.

    Args:
        sampler: the mapping, or a group of instruments.
        seconds: how long, at least; a sampler with ``min_interval`` is asked less often.
        deadline: seconds that a call may take.
        exercise: makes the metric source do something. It is called on a thread, each time
            between two rounds of pulls; a call that takes more than a second, or does not end,
            runs on beside them. What it raises is raised here.
        progress: called from time to time with the part that is done, from 0 to 1.
    """
    began = time.monotonic()
    given, sampler = sampler, mapping_of(sampler)
    breaches: list[Breach] = []
    report = Report(short(sampler), breaches.append)
    checked, subject = watched(sampler, report, deadline)
    check_entry_points(given, sampler, report)
    if subject is None:  # no registry would take it
        return Examination(report.sampler, tuple(breaches), 0, 0, 0, 0, 0, 0.0)
    registry = Registry()
    registry.register(checked)
    comparison = Comparison(report, shared=subject.declaration.factory is None)
    pause = max(min(seconds / _ROUNDS, _OFTEN), subject.declaration.min_interval or 0.0)
    rounds = max(2, int(seconds / pause))
    pulls = 0
    pair = [Collector(registry, name=f"validate-{i}", deadline=deadline) for i in (0, 1)]
    with Exercise(exercise) as exercising, pair[0], pair[1]:
        for turn in range(rounds):
            exercising.step()
            for index in (turn % 2, 1 - turn % 2):
                before = time.monotonic()
                snapshot = pair[index].collect()
                comparison.see(index, snapshot, before, time.monotonic())
                pulls += 1
            done = max((turn + 1) / rounds, (time.monotonic() - began) / seconds)
            if progress is not None:
                progress(min(done, 1.0))
            if turn + 1 >= min(rounds, _ROUNDS) and done >= 1.0:
                break
            time.sleep(pause)
        with ThreadPoolExecutor(2) as pool:
            for _ in range(_TOGETHER):
                for snapshot in pool.map(Collector.collect, pair):
                    comparison.fail(snapshot, "called at the same time from two threads")
                    pulls += 1
    if isinstance(factory := checked.get("factory"), Factory):
        factory.check_end()
    found = {breach.clause for breach in breaches}
    comparison.judge(restarts_told=subject.restarts_told, found=found)
    judged = {breach.about for breach in breaches if breach.clause == "S-20"}
    falls = {} if subject.restarts_told else comparison.falls()
    seen = (
        *_unseen(subject.declaration.metrics, comparison.metrics),
        *(_fall(metric, times) for metric, times in falls.items() if metric not in judged),
    )
    return Examination(
        report.sampler,
        tuple(breaches),
        pulls,
        comparison.series,
        comparison.moved,
        comparison.cumulative,
        comparison.grown,
        time.monotonic() - began,
        (*hints(subject.declaration.name, subject.declaration.metrics), *seen),
    )


def _unseen(described: Iterable[str], seen: frozenset[str]) -> Iterator[str]:
    """Yield a hint if some metrics were seen and some that are described were not."""
    missing = sorted(set(described) - seen)
    if seen and missing:
        yield (
            f"{NEVER_SEEN} {', '.join(missing)}: is each yielded by the name that describes it? "
            "What is only there at times, an exercise could cause"
        )


def _fall(metric: str, times: int) -> str:
    """Return a hint about a counter whose falls a restart would explain."""
    return (
        f"{FELL} {metric} fell {counted(times, 'time')} and no 'start': each fall is read as a "
        "restart from 0. A source that starts over should say when, by 'start'; a sum over "
        "objects has to keep what those that have gone had counted ('Totals that outlive their "
        "objects' in docs/recipes.md)"
    )
