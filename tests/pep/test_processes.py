"""Several processes (M-01 to M-07), on a model of a relay; what a clause forbids adds up wrong."""

from __future__ import annotations

import random
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pep.relay_model import Entry, Relay, Total, added, at, combine

SEEDS = range(20)


class Worker:
    """A process that counts, and what its server knows of it."""

    def __init__(self, name, began):
        self.name, self.began, self.count = name, began, 0

    def report(self, relay, *more):
        relay.report(self.name, self.began, [Entry("requests", self.count), *more])


class Run(NamedTuple):
    """What a server did, and what its relay says of it."""

    truth: int
    merged: int


def serve(steps, relay_class=Relay, *, before=3, last_report=True, silent="no end"):
    """Let workers begin, count, report and end; the relay begins after ``before`` of them.

    Steps are ``(what, which worker, how many)``. Workers that fall silent are not heard of for a
    while; with ``silent="an end"`` the server takes them for ended.
    """
    workers = [Worker(f"w{i}", began=0.0) for i in range(before)]
    for worker in workers:
        worker.count = 100
    relay, truth, made = relay_class(began=1.0), 0, before
    for worker in workers:
        worker.report(relay)  # as a consumer's first pull (C-01)
    for now, (what, which, amount) in enumerate(steps, start=2):
        if what == "begin" or not workers:
            workers.append(Worker(f"w{made}", began=float(now)))
            made += 1
        worker = workers[which % len(workers)]
        if what == "count":
            worker.count += amount
            truth += amount
        elif what == "report":
            worker.report(relay)
        elif what == "silence" and silent == "an end":
            relay.end(worker.name)
        elif what == "end":
            if last_report:
                worker.report(relay)
            relay.end(worker.name)
            workers.remove(worker)
    for worker in workers:
        worker.report(relay)
    total = relay.collect(now=9e9).get("requests")
    return Run(truth, total.value if total else 0)


def steps_of(seed):
    """Return a long life of a server."""
    rng = random.Random(seed)
    whats = ["count"] * 12 + ["report"] * 6 + ["begin", "end", "silence"]
    return [(rng.choice(whats), rng.randrange(9), rng.randrange(1, 9)) for _ in range(600)]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["begin", "count", "report", "silence", "end"]),
        st.integers(0, 5),
        st.integers(1, 9),
    ),
    max_size=60,
)


@pytest.mark.clause("M-01", "M-02")
@given(STEPS, st.integers(0, 3))
def test_a_merged_counter_is_what_all_processes_have_counted(steps, before):
    """Since the relay began, in whatever order they begin, report, fall silent and end."""
    run = serve(steps, before=before)
    assert run.merged == run.truth


@pytest.mark.clause("M-01")
def test_a_merged_series_starts_with_the_relay():
    """Whatever starts its processes report."""
    relay = Relay(began=10.0)
    relay.report("old", 1.0, [Entry("n", 7, start=1.0)])
    relay.report("new", 12.0, [Entry("n", 2, start=12.0)])
    assert relay.collect(now=13.0) == {"n": Total(2, 10.0)}


@pytest.mark.clause("M-01")
def test_a_source_that_starts_over_counts_whole():
    """A lower value, and another start, are restarts within a process (C-17)."""
    relay = Relay(began=10.0)
    for value, start in ((7, 1.0), (9, 1.0), (3, 1.0), (8, 20.0)):
        relay.report("one", 1.0, [Entry("n", value, start=start)])
    assert relay.collect(now=21.0)["n"].value == 2 + 3 + 8


@pytest.mark.clause("M-01")
@pytest.mark.parametrize("seed", SEEDS)
def test_a_sum_of_values_is_not_what_happened(seed):
    """It has what was counted before the relay began."""

    class Values(Relay):
        def increment(self, process, new):
            old = (process.last or {}).get(new.series)
            return new.value - (old.value if old else 0)

    run = serve(steps_of(seed), Values)
    assert run.merged == run.truth + 300


@pytest.mark.clause("M-02")
@pytest.mark.parametrize("seed", SEEDS)
def test_silence_taken_for_an_end_counts_again(seed):
    """All that the process had counted, each time it is heard of again."""
    run = serve(steps_of(seed), silent="an end")
    assert run.merged > run.truth


@pytest.mark.clause("M-02")
@pytest.mark.parametrize("seed", SEEDS)
def test_a_sum_over_the_living_falls(seed):
    """What the ended have counted is gone."""

    class Living(Relay):
        def end(self, who):
            process = self.processes.get(who)
            if process and process.last and process.began > self.began:
                self.add("requests", -process.last["requests"].value)
            super().end(who)

    run = serve(steps_of(seed), Living)
    assert run.merged < 0.9 * run.truth


@pytest.mark.clause("M-03")
@pytest.mark.parametrize("seed", SEEDS)
def test_without_a_last_report_the_end_of_each_process_is_lost(seed):
    """With one, nothing is."""
    assert serve(steps_of(seed)).merged == serve(steps_of(seed)).truth
    run = serve(steps_of(seed), last_report=False)
    assert 0.5 * run.truth < run.merged < run.truth


@pytest.mark.clause("M-04")
def test_gauges_combine_over_the_processes_that_have_not_ended():
    """By their ``merge``, a silent one included; without it each keeps its own."""
    relay = Relay(began=0.0)
    for who, level in (("a", 3), ("b", 5), ("c", 4)):
        entries = [
            Entry(each, level, "gauge", merge=each if each != "own" else None)
            for each in ("sum", "max", "min", "own")
        ]
        relay.report(who, 1.0, entries)
    combined = {("sum", ""): 12, ("max", ""): 5, ("min", ""): 3}
    assert relay.gauges() == {**combined, ("own", "a"): 3, ("own", "b"): 5, ("own", "c"): 4}
    relay.end("b")
    combined = {("sum", ""): 7, ("max", ""): 4, ("min", ""): 3}
    assert relay.gauges() == {**combined, ("own", "a"): 3, ("own", "c"): 4}


@pytest.mark.clause("M-04")
def test_a_merged_gauge_is_read_once_more_after_its_last_process():
    """Nobody has anything: a sum is 0. The others are what the last process said last."""
    relay = Relay(began=0.0)
    for who, level in (("a", 3), ("b", 5)):
        entries = [Entry(each, level, "gauge", merge=each) for each in ("sum", "max", "min")]
        relay.report(who, 1.0, entries)
    read = [relay.gauges()["sum", ""]]
    relay.end("a")
    read.append(relay.gauges()["sum", ""])
    last = [Entry(each, 4, "gauge", merge=each) for each in ("sum", "max", "min")]
    relay.report("b", 1.0, last)
    relay.end("b")
    assert relay.gauges() == {("sum", ""): 0, ("max", ""): 4, ("min", ""): 4}
    assert read == [8, 5]
    assert relay.gauges() == {}


@pytest.mark.clause("M-04")
def test_without_a_last_value_whoever_keeps_what_was_sent_has_it_for_good():
    """As StatsD's daemon does: what was in progress at the last pull before the end stays."""

    class Silent(Relay):
        def leave(self, entries):
            pass

    def kept(relay):
        gauges = {}
        for level in (3, 0):
            relay.report("a", 1.0, [Entry("held", level, "gauge", merge="sum")])
            if level == 0:
                relay.end("a")
            gauges |= relay.gauges()
        return gauges["held", ""]

    assert kept(Relay(began=0.0)) == 0
    assert kept(Silent(began=0.0)) == 3


def host(relay, seed, *, start=None):
    """Let processes that die report a counter of their host; the part of it that is merged."""
    rng, count = random.Random(seed), 1000
    names, made = ["p0", "p1", "p2"], 3
    for name in names:
        relay.report(name, 1.0, [Entry("cpu", count, start=start, scope="host")])
    for now in range(300):
        if rng.random() < 0.05:
            relay.end(names.pop(0))
            names.append(f"p{made}")
            made += 1
        count += rng.randrange(5)
        for name in names:
            relay.report(name, now + 2.0, [Entry("cpu", count, start=start, scope="host")])
    return relay.totals["cpu"].value / (count - 1000)


@pytest.mark.clause("M-05")
@pytest.mark.parametrize("seed", SEEDS)
def test_one_process_reports_for_the_host(seed):
    """Each that takes over loses what came between two reports; with one start, none does."""
    assert 0.9 < host(Relay(began=0.0), seed) < 1
    assert host(Relay(began=0.0), seed, start=-5.0) == 1


def succession(relay, *, later):
    """Let another process go on with a counter, whose start it takes for so much later."""
    for who, count, start in (("a", 10, 5.0), ("b", 10, 5.0 + later)):
        relay.report(who, 1.0, [Entry("spawned", count, start=start, scope="server")])
    relay.end("a")
    relay.report("b", 1.0, [Entry("spawned", 12, start=5.0 + later, scope="server")])
    return relay.totals["spawned"].value


@pytest.mark.clause("M-05")
def test_a_successor_with_nearly_the_same_start_counts_nothing_twice():
    """Each looks at a clock that may be set meanwhile; a second later it is another series."""
    assert succession(Relay(began=0.0), later=0.0) == 12
    assert succession(Relay(began=0.0), later=0.9) == 12
    assert succession(Relay(began=0.0), later=-0.9) == 12
    assert succession(Relay(began=0.0), later=1.0) == 22


@pytest.mark.clause("M-05")
@pytest.mark.parametrize("seed", SEEDS)
def test_a_host_that_all_report_is_counted_by_each(seed):
    """Nearly three times; and one that takes over and counts whole adds the past of the host."""

    class All(Relay):
        def shared_increment(self, who, new):
            return self.increment(self.processes[who], new)

    class Whole(Relay):
        def knows(self, start):
            return True

    assert host(All(began=9e9), seed) > 2
    assert host(Whole(began=0.0), seed) > 5


@pytest.mark.clause("M-05")
def test_the_gauge_of_a_host_is_its_reporters():
    """That which reported first of those that have not ended."""
    relay = Relay(began=0.0)
    for who, level in (("a", 3), ("b", 5), ("c", 4), ("b", 6)):
        relay.report(who, 1.0, [Entry("load", level, "gauge", scope="host")])
    assert relay.gauges() == {("load", ""): 3}
    relay.end("a")
    assert relay.gauges() == {("load", ""): 6}


OLD, NEW = (0.1, 1.0), (0.5, 5.0)


def observed(bounds, times):
    """Return a histogram of ``times`` observations of 0.01 and as many of 0.7."""
    return 2 * times, 0.71 * times, tuple((u, times if u < 0.7 else 2 * times) for u in bounds)


def deploy(relay):
    """Let a server with other bounds take the place of an old one; what the relay's reader adds.

    The reader is a consumer: what it reads of a new start counts whole (C-17).
    """
    relay.report("old", 1.0, [Entry("wait", observed(OLD, 0), "histogram")])
    before, read, truth, lives = None, 0, 0, 0
    for now in range(30):
        processes = [("old", OLD)] * (now < 20) + [("new", NEW)] * (now >= 10)
        if now == 20:
            relay.end("old")
        for who, bounds in processes:
            times = now + 1 if who == "old" else now - 9
            relay.report(who, 2.0, [Entry("wait", observed(bounds, times), "histogram")])
            truth += 2
        after = relay.collect(now=100.0 + now)["wait"]
        again = before is None or after.start != before.start
        lives += again
        read += after.value[0] - (0 if again else before.value[0])
        before = after
    return read, truth, lives, before.value


@pytest.mark.clause("M-06")
def test_a_histogram_that_lost_bounds_ends_when_all_have_them_again():
    """While both are there it has what both know; its reader loses nothing."""
    read, truth, lives, last = deploy(Relay(began=0.0))
    assert read == truth
    assert lives == 2
    assert [bound for bound, _ in last[2]] == list(NEW)


@pytest.mark.clause("M-06")
def test_a_histogram_that_never_ends_lacks_bounds_for_good():
    """Its count is right, and of its buckets one is left, which holds all."""

    class Kept(Relay):
        def lost_bounds(self, series):
            return False

    read, truth, lives, last = deploy(Kept(began=0.0))
    assert (read, lives, last[2]) == (truth, 1, ((5.0, truth),))


@pytest.mark.clause("M-06")
def test_a_histogram_that_ends_at_each_other_bound_loses_counts():
    """While processes with either bounds report in turn, each ends what the other began."""

    class Ends(Relay):
        lives = 0

        def add(self, series, increment):
            total = self.totals.get(series, Total(None, self.began))
            if total.value is not None:
                left = combine(total.value, increment, +1)[2]
                if any(
                    at((0, 0, left), u) is None or u not in dict(left) for u, _ in total.value[2]
                ):
                    self.lives += 1
                    self.totals[series] = Total(increment, self.began + self.lives)
                    return
            self.totals[series] = Total(added(total.value, increment), total.start)

    read, truth, lives, _ = deploy(Ends(began=0.0))
    assert lives > 10
    assert read < 0.9 * truth


def renamed(relay):
    """Let a deployment make a gauge of a counter, while an old process goes on to report it."""
    relay.report("old", 1.0, [Entry("jobs", 0)])
    relay.report("old", 1.0, [Entry("jobs", 5)])
    relay.report("new", 2.0, [Entry("jobs", 3, "gauge", merge="sum")])
    relay.report("old", 1.0, [Entry("jobs", 8)])
    return relay


@pytest.mark.clause("M-07")
def test_what_a_newer_process_declares_stands():
    """What the old one goes on to report of it is refused."""
    relay = renamed(Relay(began=0.0))
    assert relay.gauges() == {("jobs", ""): 3}
    assert relay.collect(now=9.0) == {}
    assert relay.refused == 1


@pytest.mark.clause("M-07")
def test_two_declarations_of_one_metric_cannot_be_read_together():
    """A total, and a level that is not its own."""

    class Both(Relay):
        def stands(self, began, entry):
            return True

    relay = renamed(Both(began=0.0))
    assert relay.collect(now=9.0)["jobs"].value == 8
    assert relay.gauges() == {("jobs", ""): 3}
