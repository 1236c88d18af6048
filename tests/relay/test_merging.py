"""What many processes have counted, added up: exactly, whatever they live through."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sampler import ABSENT
from tests.relay.rig import HistogramValue, Reader, Relay, Worker

BOUNDS = ((0.1, 1.0), (0.5, 5.0), (0.1, 1.0, 2.0))


class Life:
    """A worker with a counter of an instrument's, one of a library's, and a histogram."""

    def __init__(self, began: float, bounds: tuple[float, ...], before: int) -> None:
        self.worker = Worker(began)
        self.bounds = bounds
        self.own = self.worker.add("shop.own", 0, start=began)
        self.library = self.worker.add("shop.library", before)
        self.time = self.worker.add("shop.time", self.histogram(0), "histogram", start=began)

    def histogram(self, count: int) -> HistogramValue:
        many = len(self.bounds)
        at = [count * n // many for n in range(1, many + 1)]
        return HistogramValue(count, count, tuple(zip(self.bounds, at, strict=True)))

    def count(self, much: int) -> None:
        values = self.worker.values
        values[self.own] += much
        values[self.library] += much
        values[self.time] = self.histogram(values[self.time].count + much)

    def restart(self, now: float) -> None:
        """The library's object is replaced by another, and the histogram starts over."""
        self.library = self.worker.restart(self.library, 0, now)
        self.time = self.worker.restart(self.time, self.histogram(0), now)


HAPPENINGS = (
    *("begin", "count", "count", "count", "report", "report", "collect", "restart"),
    *("reconnect", "end", "kill", "relay", "pull"),
)
STEPS = st.lists(
    st.tuples(st.sampled_from(HAPPENINGS), st.integers(0, 5), st.integers(1, 9)), max_size=60
)


@given(STEPS)
def test_nothing_is_lost_and_nothing_counted_twice(steps):
    """Processes begin, count, start over, end, connect again; the relay begins anew.

    A consumer of the relay adds up what has grown. It is what was counted, but for what a killed
    process had not reported yet.
    """
    now, truth, grown = 1.0, 0, {"shop.own": 0, "shop.library": 0, "shop.time": 0}
    relay = Relay(now)
    reader = Reader(relay)
    lives: list[Life] = []
    unreported: dict[Life, int] = {}

    def report(life: Life) -> None:
        nonlocal truth
        relay.report(life.worker, now)
        truth += unreported.pop(life, 0)

    for what, which, much in steps:
        now += 1.0
        if what == "begin" or not lives:
            lives.append(Life(now, BOUNDS[which % 3], before=100 * much))
            lives[-1].worker.pull(now)  # as a consumer does when it begins (C-01)
            continue
        life = lives[which % len(lives)]
        if what == "count":
            life.count(much)
            unreported[life] = unreported.get(life, 0) + much
        elif what == "report":
            report(life)
        elif what == "pull":
            life.worker.pull(now)  # that snapshot is superseded
        elif what == "collect":
            reader.collect(now)
        elif what == "restart" and life not in unreported:
            life.restart(now)
        elif what == "reconnect":
            relay.connect(life.worker)
        elif what in ("end", "kill"):
            if what == "end":
                report(life)
            unreported.pop(life, None)
            relay.end(life.worker, what)
            lives.remove(life)
        elif what == "relay":
            reader.collect(now)
            reader.collect(now)  # the end of a generation is seen by the next one
            grown = {key: grown[key] + reader.grown.get(key, 0) for key in grown}
            relay = Relay(now)
            reader = Reader(relay)
    for life in lives:
        report(life)
    for _ in range(10):
        now += 1.0
        reader.collect(now)
    found = {key: grown[key] + reader.grown.get(key, 0) for key in grown}
    assert found == dict.fromkeys(found, truth)


def test_what_was_counted_before_the_relay_began_is_no_growth():
    """A library's counter begins where its process had pulled it first; an instrument's at 0."""
    relay = Relay(1.0)
    worker = Worker(2.0)
    library = worker.add("shop.library", 500)
    own = worker.add("shop.own", 3, start=2.0)
    worker.pull(3.0)
    worker.values[library], worker.values[own] = 507, 4
    relay.report(worker, 4.0)
    assert Reader(relay).collect(5.0) == {"shop.library": 7, "shop.own": 4}


def test_a_restart_between_two_reports_is_seen_even_if_the_value_is_higher():
    """Its series has another number then."""
    relay = Relay(1.0)
    worker = Worker(1.0)
    series = worker.add("shop.n", 0)
    relay.report(worker, 2.0)
    worker.values[series] = 5
    relay.report(worker, 3.0)
    again = worker.restart(series, 2, start=3.5)
    worker.pull(4.0)
    worker.values[again] = 9
    relay.report(worker, 5.0)
    assert Reader(relay).collect(6.0) == {"shop.n": 5 + 9}


def test_a_value_that_could_not_be_read_stands_as_it_was():
    """A counter's and a histogram's; a gauge has none then."""
    relay = Relay(1.0)
    worker = Worker(1.0)
    counter = worker.add("shop.n", 4, start=1.0)
    gauge = worker.add("shop.level", 4, "gauge", merge="sum")
    one = worker.add("shop.h", HistogramValue(1, 1, ((1.0, 1),)), "histogram", start=1.0)
    relay.report(worker, 2.0)
    worker.values = {counter: ABSENT, gauge: ABSENT, one: ABSENT}
    relay.report(worker, 3.0)
    found = Reader(relay).collect(4.0)
    assert found == {"shop.n": 4, "shop.h": HistogramValue(1, 1, ((1.0, 1),))}
    worker.values = {counter: 6, gauge: 1, one: HistogramValue(3, 1, ((1.0, 3),))}
    relay.report(worker, 5.0)
    found = Reader(relay).collect(6.0)
    assert (found["shop.n"], found["shop.level"], found["shop.h"].count) == (6, 1, 3)


def test_after_a_rollback_what_old_processes_declare_stands_again():
    """From then on: what they have counted meanwhile was refused, and stays so."""
    relay = Relay(1.0)
    reader = Reader(relay)
    old = [Worker(1.0, instance=str(each)) for each in range(2)]
    counters = [each.add("shop.jobs", 1, start=1.0) for each in old]
    levels = [each.add("shop.level", 1, "gauge") for each in old]
    new = [Worker(2.0, instance=str(each)) for each in range(2, 4)]
    for each in new:
        each.add("shop.jobs", 7, "gauge", merge="sum")
        each.add("shop.level", 3, "gauge", merge="max")

    def report(by: int) -> dict[str, object]:
        for worker, counter, level in zip(old, counters, levels, strict=True):
            worker.values[counter] += by
            worker.values[level] += by
            relay.report(worker, relay.now + 1.0)
        return reader.collect(relay.now)

    assert report(1)["shop.jobs"] == 4
    for each in new:
        relay.report(each, 5.0)
    assert report(10) == {"shop.jobs": 14, "shop.level": 3}
    relay.end(new[0])
    assert report(10) == {"shop.jobs": 7, "shop.level": 3}
    refused = relay.members.refused
    relay.end(new[1])
    now = report(5)
    assert now["shop.jobs"] == 10
    assert now['shop.level{process="0"}'] == 27
    assert report(5)["shop.jobs"] == 20
    assert relay.members.refused == refused


def test_no_two_living_processes_have_one_label():
    """Processes of two services may have one instance; so may a process that follows another."""
    relay = Relay(1.0)
    workers = [Worker(1.0), Worker(1.0, service="mail"), Worker(1.0, service="mail")]
    for worker in workers:
        worker.add("shop.own", 1, "gauge")
        relay.report(worker, 2.0)
    labels = {series.labels["process"] for series in series_of(relay)}
    assert labels == {"0", "mail-0", f"mail-0-{workers[2].pid}"}


def series_of(relay):
    reader = Reader(relay)
    reader.collect(3.0)
    return [series for block in reader.blocks for series in block.series]


def test_a_label_of_that_name_is_the_applications():
    """Then another one names the process."""
    relay = Relay(1.0)
    worker = Worker(1.0)
    worker.add("shop.own", 1, "gauge", labels={"process": "cutting"})
    relay.report(worker, 2.0)
    assert [each.labels for each in series_of(relay)] == [
        {"process": "cutting", "sampler.process": "0"}
    ]


def test_the_tuple_of_series_is_the_same_until_the_set_changes():
    """Processes that begin, end and connect again with the same series change nothing."""
    relay = Relay(1.0)
    reader = Reader(relay)

    def begun() -> Worker:
        worker = Worker(1.0)
        worker.add("shop.n", 1, start=1.0)
        worker.add("shop.level", 1, "gauge", merge="sum")
        relay.report(worker, 2.0)
        return worker

    first = begun()
    reader.collect(3.0)
    (block,) = reader.blocks
    others = [begun() for _ in range(3)]
    relay.connect(first)
    relay.report(first, 4.0)
    relay.end(others[0])
    reader.collect(5.0)
    assert reader.blocks[0].series is block.series
    first.add("shop.more", 1, start=1.0)
    relay.report(first, 6.0)
    reader.collect(7.0)
    assert reader.blocks[0].series is not block.series


def test_one_process_stands_for_the_server():
    """Its death doubles nothing; with one start nothing is lost either (M-05)."""
    for start, wanted in ((-5.0, 100), (None, 80)):
        relay = Relay(1.0)
        reader = Reader(relay)
        one, other = Worker(1.0), Worker(1.0)
        series = {
            each: each.add("shop.cpu", 1_000, scope="host", start=start) for each in (one, other)
        }
        level = {each: each.add("shop.load", 0, "gauge", scope="host") for each in series}
        for n in range(0, 60, 20):
            for worker in (one, other):
                worker.values[series[worker]] = 1_000 + n
                worker.values[level[worker]] = n + (worker is other)
                relay.report(worker, 2.0 + n)
        assert reader.collect(50.0) == {"shop.cpu": 40, "shop.load": 40}
        relay.end(one, "signal")
        assert reader.collect(51.0) == {"shop.cpu": 40, "shop.load": 41}
        for n in (60, 80, 100):
            other.values[series[other]] = 1_000 + n
            relay.report(other, 60.0 + n)
        assert reader.collect(200.0)["shop.cpu"] == wanted


def test_what_was_read_before_the_dead_ones_last_value_is_no_restart():
    """The successor may report late."""
    relay = Relay(1.0)
    one, other = Worker(1.0), Worker(1.0)
    mine = one.add("shop.cpu", 10, scope="server", start=0.5)
    theirs = other.add("shop.cpu", 10, scope="server", start=0.5)
    for worker in (one, other):
        relay.report(worker, 2.0)
    one.values[mine] = 50
    relay.report(one, 3.0)
    relay.end(one)
    other.values[theirs] = 30
    relay.report(other, 4.0)
    other.values[theirs] = 55
    relay.report(other, 5.0)
    assert Reader(relay).collect(6.0) == {"shop.cpu": 45}


def test_another_declaration_begins_a_metric_anew():
    """That of the process which began last stands, whoever comes first (M-07)."""
    relay = Relay(1.0)
    reader = Reader(relay)
    old, new = Worker(1.0), Worker(2.0)
    counted = old.add("shop.n", 5, unit="s", start=1.0)
    relay.report(old, 3.0)
    assert reader.collect(4.0) == {"shop.n": 5}
    new.add("shop.n", 7, unit="ms", start=2.0)
    relay.report(new, 5.0)
    old.values[counted] = 6
    relay.report(old, 6.0)
    assert reader.collect(7.0) == {"shop.n": 7}
    (series,) = reader.blocks[0].series
    assert (series.unit, series.start) == ("ms", 5.0)
    relay.connect(old)
    relay.report(old, 8.0)
    assert reader.collect(9.0) == {"shop.n": 7}
    assert relay.members.refused == 2
    newest = Worker(3.0)
    newest.add("shop.n", 1, "gauge", merge="max")
    relay.report(newest, 10.0)
    assert reader.collect(11.0) == {"shop.n": 1}
    for worker in (new, old, newest):
        relay.end(worker)
    assert reader.collect(12.0) == {"shop.n": 1}
    assert reader.collect(13.0) == {}


def test_a_histogram_that_lost_bounds_begins_anew_when_all_have_them():
    """Each reader sees the last value of the old one first (M-06)."""
    relay = Relay(1.0)
    readers = [Reader(relay), Reader(relay)]
    old, new = Life(1.0, (0.1, 1.0), 0), Life(1.0, (0.5, 5.0), 0)
    for life in (old, new):
        life.count(2)
        relay.report(life.worker, 2.0)
    for reader in readers:
        assert reader.collect(3.0)["shop.time"].buckets == ((5.0, 4),)
    relay.end(old.worker)
    new.count(3)
    relay.report(new.worker, 4.0)
    for reader in readers:
        reader.collect(5.0)
    new.count(4)
    relay.report(new.worker, 6.0)
    for reader in readers:
        for now in (7.0, 8.0):
            last = reader.collect(now)["shop.time"]
        assert reader.grown["shop.time"] == 2 + 2 + 3 + 4
        assert [bound for bound, _ in last.buckets] == [0.5, 5.0]


def test_a_sum_beyond_the_contracts_numbers_begins_anew():
    """No adapter has to carry more than 64 bits."""
    relay = Relay(1.0)
    reader = Reader(relay)
    for _ in range(2):
        worker = Worker(1.0)
        worker.add("shop.n", 2**63 - 1, start=1.0)
        relay.report(worker, 2.0)
    reader.collect(3.0)
    assert reader.collect(4.0) == {"shop.n": 0}
