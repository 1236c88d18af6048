"""Another consumer of a forked child goes on where the one before it began, as after a reload."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sampler
from sampler._pull import collector as pulling
from sampler._pull.collector import Collector, begin_at_fork, subtract
from sampler._pull.fork_baseline import ForkBaseline, Subtracted
from sampler.agent.delivery.baselines import Baselines

if TYPE_CHECKING:
    from sampler.agent import Snapshot

KEYS = ("a", "b", "c")
COUNTS = st.tuples(st.just("count"), st.sampled_from(KEYS), st.integers(1, 9))
RESTARTS = st.tuples(st.sampled_from(["restart", "leave"]), st.sampled_from(KEYS), st.just(0))
OTHERS = st.tuples(st.sampled_from(["deliver", "pull", "reload"]), st.just(""), st.just(0))


class Source:
    """A pull-type source with a counter of several series."""

    def __init__(self) -> None:
        self.counts = {"a": 100}
        self.registry = sampler.Registry()
        metrics = {"given": {"kind": "counter"}}
        self.registry.register({"name": "pool", "sample": self._sample, "metrics": metrics})

    def _sample(self) -> list[tuple[str, int, dict[str, str]]]:
        return [("given", n, {"key": key}) for key, n in self.counts.items()]


class Child:
    """A forked process: its consumer, and what an adapter has handed over of it."""

    def __init__(self, source: Source, at_fork: ForkBaseline) -> None:
        self.grown = dict.fromkeys(KEYS, 0)
        self._source = source
        self._subtracted = Subtracted(at_fork)
        self._baselines = Baselines()
        self._collector = self._begin()

    def _begin(self) -> Collector:
        collector = Collector(self._source.registry)
        subtract(collector, self._subtracted.of)
        return begin_at_fork(collector)

    def pull(self) -> Snapshot:
        """Pull; what has grown is handed over later."""
        snapshot = self._collector.collect()
        self._baselines.offer(snapshot)
        return snapshot

    def deliver(self) -> None:
        """Pull, and hand over what has grown."""
        snapshot = self.pull()
        since = self._baselines.since()
        for series, value in snapshot:
            self.grown[series.labels["key"]] += value - since.get(series, 0)
        self._baselines.handed_over(snapshot)

    def reload(self) -> None:
        """Go on with another consumer."""
        self._subtracted.follow([self._collector])
        handed_over, self._baselines = self._baselines.inheritance(), Baselines()
        self._baselines.inherit(handed_over)
        self._collector.close()
        self._collector = self._begin()

    def close(self) -> None:
        """End."""
        self._collector.close()


@pytest.mark.clause("C-19")
@given(
    before=st.lists(COUNTS, max_size=3),
    read=st.booleans(),
    deeds=st.lists(st.one_of(COUNTS, OTHERS, RESTARTS), max_size=12),
)
def test_what_is_counted_since_the_fork_arrives_whoever_consumes(
    before: list[tuple[str, str, int]], read: bool, deeds: list[tuple[str, str, int]]
) -> None:
    """Series begin, start over and end meanwhile; the parent may not have been read in time."""
    source = Source()
    for _, key, n in before:
        source.counts[key] = source.counts.get(key, 0) + n
    baseline = ForkBaseline(lambda: iter(source.registry), 100, 100)
    baseline.deadline = 30.0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sampler._pull.fork_baseline.LONGEST", 30.0)
        if read:
            baseline.take()
        baseline.close()
        fork = time.time()
        patch.setattr(pulling, "forked_at", lambda: fork)
        child = Child(source, baseline)
        if not read:
            child.pull()
        wanted = dict.fromkeys(KEYS, 0)
        for deed, key, n in deeds:
            if deed == "count":
                source.counts[key] = source.counts.get(key, 0) + n
                wanted[key] += n
            elif deed in {"restart", "leave"}:
                child.deliver()  # what nobody has seen before is lost
                source.counts.pop(key, None)
                if deed == "restart":
                    source.counts[key] = 0
                child.deliver()
            else:
                getattr(child, deed)()
        child.deliver()
        child.close()
        assert child.grown == wanted
