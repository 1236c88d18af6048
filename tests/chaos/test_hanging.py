"""Samplers that hang, spin or are slow, beside an agent that delivers."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from itertools import pairwise
from typing import Any

import pytest

from sampler._runtime.abandoned import MAX_ABANDONED, abandoned
from tests.chaos.rig import Rig
from tests.contract.build import Gate, Spin
from tests.support.waiting import SHORT, hangs, timely, wait_for

pytestmark = pytest.mark.usefixtures("patient")


def threads() -> int:
    """Count the threads of agents; the log's thread begins with the first line."""
    names = [thread.name for thread in threading.enumerate()]
    return sum(name.startswith("sampler-") and name != "sampler-log" for name in names)


def registered(rig: Rig, sampler: Any) -> Any:
    """Register a sampler while the agent runs, and wait until it has been called."""
    found = rig.registry.register(sampler)
    wait_for(lambda: rig.failures(sampler["name"]), what=f"{sampler['name']} to fail")
    return found


@pytest.mark.scenario(16)
def test_a_sampler_that_hangs_for_ever_costs_one_thread_and_its_own_numbers(patient) -> None:
    """And one deadline: no later round waits for it."""
    with Gate("bad.hang") as gate:
        with Rig(interval=0.2, deadline=SHORT) as rig:
            rig.run(2)
            before, rounds = threads(), rig.ticks
            registered(rig, gate.sampler)
            now = patient.monotonic()
            rig.run(10)
            assert patient.monotonic() == now, "nobody has waited"
            assert threads() == before + 1
            assert gate.calls == abandoned() == 1
            assert rig.goods[0].calls >= rounds + 10
        failures = rig.statistics["bad.hang"].failures
        assert failures["deadline"] == 1
        assert set(failures) == {"deadline", "hung"}
    wait_for(lambda: abandoned() == 0, what="the thread to end")


@pytest.mark.long
@pytest.mark.scenario(16)
def test_the_others_keep_their_cadence_within_a_tenth() -> None:
    """Gaps between the others' reads, beside one that hangs, over a hundred intervals."""
    interval = 0.2
    with Gate("bad.hang") as gate:
        with Rig(interval=interval, deadline=SHORT) as rig:
            rig.run(2)
            registered(rig, gate.sampler)
            since = time.time()
            rig.run(100, limit=60)
        times = sorted(
            when
            for series, _, when in rig.memory.received
            if series == "good.n0.calls" and when >= since
        )
        gaps = [later - earlier for earlier, later in pairwise(times[:-1])]  # stop() pulls at once
        print(f"gaps of {interval} s: {min(gaps):.4f} to {max(gaps):.4f} s, {len(gaps)} of them")
        assert len(gaps) >= 98
        assert sum(abs(gap - interval) <= interval / 10 for gap in gaps) >= len(gaps) * 0.95
        assert abs(sum(gaps) / len(gaps) - interval) <= interval / 100
    wait_for(lambda: abandoned() == 0, what="the thread to end")


HANGING = """
import json, sys, threading, time
from tests.chaos.rig import Rig

never = threading.Event()
hang = {"name": "bad.hang", "sample": lambda: never.wait()}

def spin():
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass

def holder():
    with lock:
        never.wait()

lock = threading.Lock()
held = {"name": "bad.holds", "sample": holder}
wants = {"name": "bad.wants", "sample": lambda: lock.acquire()}
rig = Rig(hang, held, wants, {"name": "bad.spin", "sample": spin}, deadline=1.0)
rig.memory.fault = sys.argv[1] or None
with rig:
    rig.run(2)
    began = time.time()
    rig.stop(1.0)
    took = time.time() - began
    if rig.memory.fault:  # what hangs in send() arrives nowhere, and is counted so
        assert rig.agent.balances()["memory"].holds
        rig.exact = lambda: None
print(json.dumps([took, time.time()]), flush=True)
"""


@pytest.mark.scenario(16)
@pytest.mark.parametrize("fault", ["", "hang"])
def test_a_program_whose_samplers_and_endpoint_hang_ends_in_time(fault: str) -> None:
    """In the time that stop() was given, and not in theirs.

    Some hang, one holds a lock that another one wants, one survives every attempt to end it.
    """
    done = subprocess.run(
        [sys.executable, "-c", HANGING, fault], capture_output=True, timeout=60, text=True
    )
    ended = time.time()
    assert done.returncode == 0, done.stderr
    took, left = json.loads(done.stdout)
    print(f"stop(1.0) took {took:.2f} s, the exit {ended - left:.2f} s")
    timely(took, 1.0, "stop(1.0)")
    timely(ended - left, 0.0, "the exit")


@pytest.mark.scenario(17)
def test_many_samplers_hang_and_sixteen_threads_are_given_up() -> None:
    """The rest is reported as exhausted; who has answered before goes on without a gap."""
    with ExitStack() as stack:
        gates = [stack.enter_context(Gate(f"bad.hang{n}")) for n in range(MAX_ABANDONED + 6)]
        with Rig(deadline=SHORT) as rig:
            rig.run(2)
            before = threads()
            for gate in gates:
                rig.registry.register(gate.sampler)
            wait_for(lambda: rig.failures(gates[-1].sampler["name"]), 30, "the last one's turn")
            rig.run(5)
            assert sum(gate.calls for gate in gates) == abandoned() == MAX_ABANDONED
            assert threads() == before + MAX_ABANDONED
        reported = [rig.statistics[gate.sampler["name"]].failures for gate in gates]
        assert sum("exhausted" in failures for failures in reported) == 6
        assert all({"deadline", "exhausted"} & failures.keys() for failures in reported)
        published = rig.points("sampler.threads.abandoned")
        assert published[-1] == MAX_ABANDONED == max(published)
    wait_for(lambda: abandoned() == 0, what="the threads to end")


@pytest.mark.scenario(17)
def test_samplers_that_answered_before_are_called_whoever_hangs() -> None:
    """Twenty begin to hang at once: a thread for each, and no gap for those that do not."""
    with ExitStack() as stack:
        gates = [stack.enter_context(Gate(f"bad.hang{n}", closed=False)) for n in range(20)]
        with Rig(*(gate.sampler for gate in gates), deadline=SHORT) as rig:
            rig.run(2)
            for gate in gates:
                gate.close()
            wait_for(lambda: abandoned() == 20, 30, "all of them to hang")
            rig.run(5)
            assert abandoned() == 20
            for gate in gates:
                gate.open()
            wait_for(lambda: abandoned() == 0, what="the threads to end")
            rig.run(2)
        for gate in gates:
            assert gate.most == 1
            assert rig.statistics[gate.sampler["name"]].failures["deadline"] == 1


@pytest.mark.scenario(17)
def test_a_spinning_sampler_among_hanging_ones_is_ended() -> None:
    """Its thread is gone though its loop has no end, and the sampler answers at its next call."""
    with ExitStack() as stack:
        gates = [stack.enter_context(Gate(f"bad.hang{n}")) for n in range(4)]
        spin = stack.enter_context(Spin("bad.spin"))
        with Rig(*(gate.sampler for gate in gates), spin.sampler, deadline=SHORT) as rig:
            wait_for(lambda: spin.calls > 1, 30, "another call of the one that spun")
            assert not spin.stop
            assert abandoned() == len(gates)
        assert rig.statistics["bad.spin"].pulls > 0
    wait_for(lambda: abandoned() == 0, what="the threads to end")


@pytest.mark.scenario(17)
def test_a_hung_sampler_that_is_registered_anew_hangs_still() -> None:
    """Withdrawn and registered again at every round, it costs one thread; others are new."""
    with Gate("bad.storm") as gate:
        with Rig(interval=0.1, deadline=SHORT) as rig:
            registration = registered(rig, gate.sampler)
            for _ in range(MAX_ABANDONED + 4):
                registration.unregister()
                registration = rig.registry.register(dict(gate.sampler))
                rig.run(1)
            assert gate.calls == abandoned() == 1
            gate.open()
            wait_for(lambda: rig.points("bad.storm.calls"), what="its answer")
        assert rig.statistics["bad.storm"].pulls > 0
    wait_for(lambda: abandoned() == 0, what="the thread to end")


@pytest.mark.scenario(17)
def test_a_storm_of_ever_new_samplers_that_hang_stays_within_the_budget() -> None:
    """Each withdraws itself, registers another one and hangs."""
    release = threading.Event()
    born: list[str] = []

    with Rig(interval=0.1, deadline=SHORT) as rig:
        rig.run(2)

        def sampler() -> dict[str, Any]:
            name = f"bad.n{len(born)}"
            born.append(name)

            def sample() -> Any:
                rig.registry.unregister(name)
                rig.registry.register(sampler())
                hangs()
                release.wait(60)
                return []

            return {"name": name, "sample": sample}

        rig.registry.register(sampler())
        wait_for(lambda: abandoned() == MAX_ABANDONED, 30, "the budget to be spent")
        rig.run(5)
        assert abandoned() == MAX_ABANDONED
        assert len(born) == MAX_ABANDONED + 1
        release.set()
    wait_for(lambda: abandoned() == 0, what="the threads to end")


class Work:
    """A thread of the application that counts how much it gets done."""

    def __init__(self) -> None:
        self.done, self.stop = 0, False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while not self.stop:
            sum(range(200))
            self.done += 1

    def rate(self, seconds: float) -> float:
        """Measure what is done in a second."""
        begun, done = time.monotonic(), self.done
        time.sleep(seconds)
        return (self.done - done) / (time.monotonic() - begun)

    def __enter__(self) -> Work:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop = True
        self._thread.join()


@pytest.mark.long
@pytest.mark.scenario(17)
def test_the_application_works_at_nine_tenths_a_second_after_a_spinning_sampler() -> None:
    """Its own throughput, before and one second after that sampler's deadline, median of nine."""
    ratios = []
    with Work() as work, Rig(interval=0.2, deadline=SHORT) as rig:
        rig.run(3)
        for n in range(9):
            before = work.rate(0.5)
            with Spin(f"bad.spin{n}") as spin:
                registration = registered(rig, spin.sampler)
                time.sleep(1.0)
                ratios.append(work.rate(0.5) / before)
                registration.unregister()
                wait_for(lambda: abandoned() == 0, 20, "the thread to end")
    ratios.sort()
    print(f"throughput 1 s after a deadline: {ratios[0]:.2f} {ratios[4]:.2f} {ratios[-1]:.2f}")
    assert ratios[4] >= 0.9


class Slow:
    """A sampler that takes two and a half intervals, and notices calls that overlap."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.calls, self.inside, self.most = seconds, 0, 0, 0
        self.begun: list[float] = []

    def sample(self) -> Any:
        self.begun.append(time.monotonic())
        self.calls += 1
        self.inside += 1
        self.most = max(self.most, self.inside)
        hangs()
        threading.Event().wait(self.seconds)
        self.inside -= 1
        yield "calls", self.calls


@pytest.mark.scenario(20)
def test_a_sampler_slower_than_the_interval_never_overlaps_and_never_bursts() -> None:
    """Rounds that fall due meanwhile are skipped, and counted; none of them is made up for."""
    interval = 0.1
    slow = Slow(2.5 * interval)
    with Rig({"name": "bad.slow", "sample": slow.sample}, interval=interval, deadline=5.0) as rig:
        rig.run(5)
        ticks, skipped = rig.ticks, rig.skipped
    gaps = [later - earlier for earlier, later in pairwise(slow.begun[:-1])]
    assert slow.most == 1
    assert min(gaps) >= slow.seconds
    assert skipped >= 2 * (ticks - 2)
    assert slow.calls == rig.goods[0].calls
    assert rig.points('sampler.ticks.skipped{consumer="0.1s"}')[-1] >= 2 * (ticks - 3)


@pytest.mark.scenario(20)
def test_a_sampler_that_is_over_its_deadline_each_time_is_parked_and_tried_again() -> None:
    """It answers too late at every call: the others are not slowed down for ever."""
    slow = Slow(0.3)
    with Rig({"name": "bad.slow", "sample": slow.sample}, deadline=SHORT) as rig:
        wait_for(lambda: slow.calls >= 3, 30, "a third call")
        rig.run(3)
    assert slow.most == 1
    statistics = rig.statistics["bad.slow"]
    assert statistics.failures["deadline"] == slow.calls
    assert sum(statistics.failures.values()) == rig.goods[0].calls
    wait_for(lambda: abandoned() == 0, what="the last call to end")
