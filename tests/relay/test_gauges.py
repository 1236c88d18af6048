"""Gauges of many processes: combined over those that live, and with what they end (M-04)."""

from __future__ import annotations

from sampler import ABSENT
from tests.relay.rig import Reader, Relay, Worker


def test_gauges_combine_over_the_living():
    """By their merge; without one each process has its own, with a label that names it."""
    relay = Relay(1.0)
    reader = Reader(relay)
    workers = [Worker(1.0, instance=str(n)) for n in range(3)]
    for worker, level in zip(workers, (3, 5, 4), strict=True):
        for merge in ("sum", "max", "min", None):
            worker.add(f"shop.{merge or 'own'}", level, "gauge", merge=merge)
        relay.report(worker, 2.0)
    found = reader.collect(3.0)
    own = {f'shop.own{{process="{n}"}}': level for n, level in enumerate((3, 5, 4))}
    assert found == {"shop.sum": 12, "shop.max": 5, "shop.min": 3, **own}
    relay.end(workers[1])
    del own['shop.own{process="1"}']
    assert reader.collect(4.0) == {"shop.sum": 7, "shop.max": 4, "shop.min": 3, **own}


def gauges(worker: Worker, value: int) -> None:
    """Let a process say this of a gauge of each merge."""
    worker.values.clear()
    for merge in ("sum", "max", "min"):
        worker.add(f"shop.{merge}", value, "gauge", merge=merge)


def test_a_sum_falls_to_nothing_as_its_processes_end():
    """One after another, with a farewell or without; and then it ends."""
    relay = Relay(1.0)
    reader = Reader(relay)
    workers = [Worker(1.0, instance=str(n)) for n in range(3)]
    for worker in workers:
        worker.add("shop.held", 1, "gauge", merge="sum")
        relay.report(worker, 2.0)
    read = [reader.collect(3.0)]
    for worker, how in zip(workers, ("exit", "signal", "lost"), strict=True):
        relay.end(worker, how)
        read.append(reader.collect(4.0))
    assert read == [{"shop.held": 3}, {"shop.held": 2}, {"shop.held": 1}, {"shop.held": 0}]
    assert reader.collect(5.0) == {}
    assert reader.blocks == ()


def test_the_highest_and_the_lowest_end_with_what_was_said_last():
    """Also where that came after the last pull; each reader has it once."""
    relay = Relay(1.0)
    readers = [Reader(relay), Reader(relay)]
    worker = Worker(1.0)
    gauges(worker, 7)
    relay.report(worker, 2.0)
    for reader in readers:
        reader.collect(3.0)
    gauges(worker, 1)
    relay.report(worker, 4.0)
    relay.end(worker)
    last = {"shop.sum": 0, "shop.max": 1, "shop.min": 1}
    assert [reader.collect(5.0) for reader in readers] == [last, last]
    assert [reader.collect(6.0) for reader in readers] == [{}, {}]


def test_who_has_not_read_a_gauge_is_not_told_of_its_end():
    """A page that is opened later shows nothing of the dead."""
    relay = Relay(1.0)
    early = Reader(relay)
    worker = Worker(1.0)
    gauges(worker, 7)
    relay.report(worker, 2.0)
    relay.end(worker)
    assert early.collect(3.0) == {}
    assert Reader(relay).collect(3.0) == {}


def test_a_merged_gauge_that_a_living_process_has_no_more_ends_alike():
    """Its sampler yields it no longer, as that of a loop that has ended."""
    relay = Relay(1.0)
    reader = Reader(relay)
    worker = Worker(1.0)
    counter = worker.add("shop.n", 1, start=1.0)
    tasks = worker.add("shop.tasks", 5, "gauge", merge="sum")
    relay.report(worker, 2.0)
    reader.collect(3.0)
    del worker.values[tasks]
    worker.values[counter] = 2
    relay.report(worker, 4.0)
    assert reader.collect(5.0) == {"shop.n": 2, "shop.tasks": 0}
    assert reader.collect(6.0) == {"shop.n": 2}


def test_a_merged_gauge_that_another_process_takes_over_does_not_end():
    """As in a reload between two pulls; nor while there is no value of it."""
    relay = Relay(1.0)
    reader = Reader(relay)
    old, new = Worker(1.0), Worker(2.0)
    gauges(old, 7)
    relay.report(old, 2.0)
    reader.collect(3.0)
    relay.end(old)
    gauges(new, 2)
    for series in new.values:
        new.values[series] = ABSENT
    relay.report(new, 4.0)
    assert reader.collect(5.0) == {}
    relay.end(new)
    assert reader.collect(6.0) == {"shop.sum": 0}
    assert reader.collect(7.0) == {}


def test_a_merged_gauge_ends_once_though_processes_have_taken_turns():
    """A process in whose place another one has come between two pulls leaves no second end."""
    relay = Relay(1.0)
    reader = Reader(relay)
    workers = [Worker(1.0, instance=instance) for instance in "01"]
    for worker in workers:
        gauges(worker, 7)
        relay.report(worker, 2.0)
        assert reader.collect(3.0) == {"shop.sum": 7, "shop.max": 7, "shop.min": 7}
        if worker is workers[0]:
            relay.end(worker)
    relay.end(workers[1])
    assert reader.collect(4.0) == {"shop.sum": 0, "shop.max": 7, "shop.min": 7}
    assert sum(len(block.series) for block in reader.blocks) == 3


def test_a_merged_gauge_that_is_declared_otherwise_does_not_end_as_a_gauge():
    """The name is that of a counter now."""
    relay = Relay(1.0)
    reader = Reader(relay)
    old, new = Worker(1.0), Worker(2.0)
    old.add("shop.n", 7, "gauge", merge="sum")
    relay.report(old, 2.0)
    reader.collect(3.0)
    relay.end(old)
    new.add("shop.n", 2, start=2.0)
    relay.report(new, 4.0)
    assert reader.collect(5.0) == {"shop.n": 2}


def test_a_jobs_last_gauges_stay():
    """Until ``retain`` is over, as they were; a sum is not 0 then."""
    relay = Relay(1.0)
    relay.members.retain, relay.members.retain_merged = 10.0, True
    reader = Reader(relay)
    worker = Worker(1.0)
    gauges(worker, 7)
    relay.report(worker, 2.0)
    last = {"shop.sum": 7, "shop.max": 7, "shop.min": 7}
    assert reader.collect(3.0) == last
    relay.end(worker)
    assert reader.collect(11.0) == last
    assert reader.collect(13.0) == {}


def test_gauges_of_the_dead_stay_as_long_as_is_wished():
    """Their own ones; what processes combine to is of the living only."""
    relay = Relay(1.0)
    relay.members.retain = 10.0
    reader = Reader(relay)
    worker = Worker(1.0)
    worker.add("shop.own", 3, "gauge")
    worker.add("shop.all", 3, "gauge", merge="sum")
    relay.report(worker, 2.0)
    relay.end(worker)
    assert reader.collect(11.0) == {'shop.own{process="0"}': 3}
    assert reader.collect(12.0) == {}
