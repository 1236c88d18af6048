"""What one process says for the host goes on with the next relay: nothing is lost, or twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampler import HistogramValue
from tests.relay.rig import Relay, Worker


class Host:
    """Processes that all report the same counter of the host, and one relay after another."""

    def __init__(self, processes: int, start: float | None = 1.0, kind: str = "counter") -> None:
        self.workers = [Worker(10.0, instance=str(each)) for each in range(processes)]
        self.kind = kind
        self.jobs = 100
        self.series = [
            each.add("machine.jobs", self.value(), kind, scope="host", start=start)
            for each in self.workers
        ]
        self.ended = 0.0
        self.number = 1
        self.relay = Relay(20.0, self.number)

    def value(self) -> object:
        """Return what every process reads now."""
        if self.kind == "counter":
            return self.jobs
        return HistogramValue(self.jobs, float(self.jobs), ((1.0, self.jobs),))

    def report(self, which: int, more: int = 0) -> None:
        """Let the host count, and one process report."""
        self.jobs += more
        worker = self.workers[which]
        worker.values[self.series[which]] = self.value()
        self.relay.report(worker, self.relay.now + 1.0)

    def all_report(self) -> None:
        """Let all processes report what is there now."""
        for which in range(len(self.workers)):
            self.report(which)

    def total(self) -> float:
        """Return what all relays have counted."""
        blocks = self.relay.members.collect(self.relay.members.reader())
        values = [value for block in blocks for series, value in block if series.scope == "host"]
        counts = [v.count if isinstance(v, HistogramValue) else v for v in values]
        return self.ended + sum(counts)

    def next_relay(self) -> None:
        """Let another relay begin."""
        self.ended = self.total()
        self.number += 1
        self.relay = Relay(self.relay.now + 1.0, self.number)


@pytest.mark.parametrize("kind", ["counter", "histogram"])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_next_relay_counts_what_came_between(kind: str, order: tuple[int, int]) -> None:
    """Whichever process comes first to it."""
    host = Host(2, kind=kind)
    for which in (0, 1, 0):
        host.report(which, 5)
    host.next_relay()
    for which in order:
        host.report(which, 7)
    host.all_report()
    assert host.total() == 10 + 14


def test_a_source_without_a_start_is_counted_if_its_process_comes_first() -> None:
    """Two processes may count otherwise then: no other one's count is completed."""
    for order, grown in (((0, 1), 24), ((1, 0), 17)):
        host = Host(2, start=None)
        for which in (0, 1, 0):
            host.report(which, 5)
        host.next_relay()
        for which in order:
            host.report(which, 7)
        host.all_report()
        assert host.total() == grown


def test_who_spoke_until_it_fell_silent_does_so_no_more() -> None:
    """Its place was taken, and it learns so with the first answer after that."""
    host = Host(2)
    for which in (0, 1, 0):
        host.report(which, 5)
    host.relay.end(host.workers[0], "lost")
    host.report(1, 5)
    assert host.workers[1].stands
    host.report(0, 5)
    assert not host.workers[0].stands
    host.report(1, 0)
    host.next_relay()
    host.report(0, 5)
    host.report(1, 5)
    host.all_report()
    assert host.total() == host.jobs - 105


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 4), st.booleans()), max_size=40))
def test_through_any_relays_nothing_is_counted_twice(
    steps: list[tuple[int, int, bool]],
) -> None:
    """Also where a process misses the whole life of one."""
    host = Host(3)
    host.report(0)
    for which, more, next_one in steps:
        if next_one:
            host.next_relay()
        host.report(which, more)
        assert host.total() <= host.jobs - 100
    host.all_report()
    assert host.total() <= host.jobs - 100


def test_a_relay_that_nobody_numbers_counts_from_its_beginning() -> None:
    """There may have been another one between: what came before it would be there twice."""
    host = Host(1)
    for _ in range(3):
        host.number = -1
        host.next_relay()
        host.report(0, 5)
        host.report(0, 5)
    assert host.total() == 15
