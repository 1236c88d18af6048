"""A forked child is a new consumer: what it reports begins at the fork."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

if not hasattr(os, "fork"):
    pytest.skip("this platform has no fork", allow_module_level=True)

ROOT = Path(__file__).parents[2]

PRELUDE = """
import json, os, signal, sys, threading, time, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # fork beside threads, from 3.12
import sampler
from sampler import Collector, Registry
from sampler._runtime.abandoned import abandoned

signal.alarm(60)

def values(snapshot):
    return {str(series): value for series, value in snapshot}

def starts(snapshot):
    return {str(series): series.start for block in snapshot.blocks for series in block.series}

def reasons(snapshot):
    return {failure.sampler: failure.reason for failure in snapshot.failures}

def in_child(call):
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        signal.alarm(15)  # a deadlock ends here, and is seen by the parent
        code = 1
        try:
            os.write(write, json.dumps(call()).encode())
            code = 0
        except BaseException:
            import traceback
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(pid, 0)
    assert status == 0, f"the child ended with {status}"
    return json.loads(said)

counts = {"hits": 100}
registry = Registry()

def sample():
    for name, value in counts.items():
        yield name, value
    yield "depth", 7

METRICS = {name: {"kind": "counter"} for name in ("hits", "errors")}
METRICS["lat"] = {"kind": "histogram"}
SAMPLER = {"name": "app", "sample": sample, "metrics": METRICS}
"""


def run(script: str) -> Any:
    """Run a script in a new interpreter; return what it printed last, as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + dedent(script)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.clause("C-19")
def test_a_child_reports_what_happened_since_the_fork() -> None:
    """Counters and histograms less what the parent counted, gauges as they are."""
    first, second, before, after, starts, fork = run("""
        registry.register(SAMPLER)
        counts["lat"] = {"count": 10, "sum": 10.0, "buckets": {1: 4, 2: 10}}
        consumer = Collector(registry, deadline=5.0)
        before = values(consumer.collect())

        def child():
            time.sleep(0.2)
            first = consumer.collect()
            shown = {k: v if isinstance(v, int) else repr(v) for k, v in values(first).items()}
            counts["hits"] += 3
            counts["lat"] = {"count": 12, "sum": 13.0, "buckets": {1: 5, 2: 12}}
            second = consumer.collect()
            later = {k: v if isinstance(v, int) else repr(v) for k, v in values(second).items()}
            consumer.close()
            return shown, later, starts(second), second.start

        fork = time.time()
        first, second, started, start = in_child(child)
        counts["hits"] += 1
        after = values(consumer.collect())
        consumer.close()
        print(json.dumps([first, second, before["app.hits"], after["app.hits"], started,
                          [fork, start]]))
    """)
    assert first == {
        "app.hits": 0,
        "app.depth": 7,
        "app.lat": "HistogramValue(count=0, sum=0.0, buckets={1.0: 0, 2.0: 0})",
    }
    assert second == {
        "app.hits": 3,
        "app.depth": 7,
        "app.lat": "HistogramValue(count=2, sum=3.0, buckets={1.0: 1, 2.0: 2})",
    }
    assert (before, after) == (100, 101)
    forked, begun = fork
    assert forked <= begun < forked + 0.2
    assert starts == {"app.hits": begun, "app.lat": begun, "app.depth": None}


def test_a_child_reports_whole_values_after_a_reset() -> None:
    """The baseline is subtracted until the source starts over."""
    reported, start_is_known = run("""
        registry.register(SAMPLER)
        consumer = Collector(registry, deadline=5.0)
        consumer.collect()

        def child():
            reported = []
            for value in (105, 110, 4, 9, 200):
                counts["hits"] = value
                snapshot = consumer.collect()
                reported.append(values(snapshot)["app.hits"])
            consumer.close()
            return reported, starts(snapshot)["app.hits"] >= snapshot.start

        print(json.dumps(in_child(child)))
        consumer.close()
    """)
    assert reported == [0, 5, 4, 9, 200]
    assert start_is_known


def test_what_is_new_in_a_child_counts_whole() -> None:
    """A series first seen later, and a sampler registered after the fork, begin there."""
    reported, whole = run("""
        registry.register(SAMPLER)
        consumer = Collector(registry, deadline=5.0)
        consumer.collect()

        def late(name, value):
            registry.register({"name": name, "sample": lambda: [("n", value)],
                               "metrics": {"n": {"kind": "counter"}}})

        def child():
            late("before", 5)
            consumer.collect()
            counts["errors"] = 2
            late("after", 9)
            snapshot = consumer.collect()
            consumer.close()
            known = {name: start is not None and start >= snapshot.start
                     for name, start in starts(snapshot).items()}
            return values(snapshot), known

        print(json.dumps(in_child(child)))
        consumer.close()
    """)
    assert reported == {
        "app.hits": 0,
        "app.errors": 2,
        "app.depth": 7,
        "before.n": 5,
        "after.n": 9,
    }
    assert whole == {name: name != "app.depth" for name in reported}


def test_a_source_that_says_it_began_after_the_fork_counts_whole() -> None:
    """Its own start stands against the baseline."""
    reported, start = run("""
        begun = [1.0]
        registry.register({**SAMPLER, "start": lambda: begun[0]})
        consumer = Collector(registry, deadline=5.0)
        consumer.collect()

        def child():
            begun[0], counts["hits"] = time.time() + 1, 6
            snapshot = consumer.collect()
            consumer.close()
            return values(snapshot)["app.hits"], starts(snapshot)["app.hits"] == begun[0]

        print(json.dumps(in_child(child)))
        consumer.close()
    """)
    assert (reported, start) == (6, True)


def test_a_collector_made_in_the_child_begins_there_too() -> None:
    """The registry came with the fork, and so did what it counted."""
    reported = run("""
        registry.register(SAMPLER)

        def child():
            with Collector(registry, deadline=5.0) as consumer:
                first = values(consumer.collect())["app.hits"]
                counts["hits"] += 2
                return first, values(consumer.collect())["app.hits"]

        print(json.dumps(in_child(child)))
    """)
    assert reported == [0, 2]


def test_a_grandchild_begins_at_its_own_fork() -> None:
    """Each generation subtracts what it inherited."""
    reported = run("""
        registry.register(SAMPLER)
        consumer = Collector(registry, deadline=5.0)
        consumer.collect()

        def grandchild():
            first = values(consumer.collect())["app.hits"]
            counts["hits"] += 5
            return [first, values(consumer.collect())["app.hits"]]

        def child():
            consumer.collect()
            counts["hits"] += 3
            return [values(consumer.collect())["app.hits"], in_child(grandchild)]

        print(json.dumps(in_child(child)))
        consumer.close()
    """)
    assert reported == [3, [0, 5]]


@pytest.mark.clause("C-19")
def test_a_child_has_instances_and_an_identity_of_its_own() -> None:
    """It neither calls nor closes its parent's; it closes its own once."""
    child, made, closed, pids = run("""
        made, closed = [], []

        def factory(environ):
            made.append(os.getpid())
            class Instance:
                pid = os.getpid()
                def __call__(self):
                    yield "mine", int(self.pid == os.getpid())
                def close(self):
                    closed.append((self.pid, os.getpid()))
            return Instance()

        registry.register({"name": "window", "factory": factory})
        consumer = Collector(registry, deadline=5.0, identity={"service": "shop"})
        parent = consumer.collect()

        def child():
            snapshot = consumer.collect()
            consumer.close()
            own = os.getpid()
            return [values(snapshot), made[1:] == [own], closed == [(own, own)],
                    snapshot.identity["pid"] == str(own), snapshot.identity["service"]]

        said = in_child(child)
        consumer.close()
        print(json.dumps([said, len(made), len(closed),
                          parent.identity["pid"] == str(os.getpid())]))
    """)
    assert child == [{"window.mine": 1}, True, True, True, "shop"]
    assert (made, closed, pids) == (1, 1, True)


def test_closing_an_inherited_consumer_in_the_child_closes_nothing() -> None:
    """The parent's instances are the parent's to close."""
    assert run("""
        closed = []

        class Instance:
            def __call__(self):
                return []
            def close(self):
                closed.append(1)

        registry.register({"name": "window", "factory": lambda environ: Instance()})
        consumer = Collector(registry, deadline=5.0)
        consumer.collect()

        def child():
            consumer.close()
            return len(closed)

        said = in_child(child)
        consumer.close()
        print(json.dumps([said, len(closed)]))
    """) == [0, 1]


def test_a_call_that_hangs_in_the_parent_does_not_hang_in_the_child() -> None:
    """The parent's threads are not there: its hung sampler may be called, its budget is free."""
    assert run("""
        gate = threading.Event()
        parent = os.getpid()

        def hang():
            if os.getpid() == parent:
                gate.wait(30)
            return [("a", 1)]

        registry.register({"name": "hang", "sample": hang})
        consumer = Collector(registry, deadline=1.0)
        consumer.collect()
        assert abandoned() == 1

        def child():
            left = abandoned()
            for _ in range(100):
                if found := values(consumer.collect()):
                    break
                time.sleep(0.05)
            return left, found

        said = in_child(child)
        assert reasons(consumer.collect()) == {"hang": "hung"}
        gate.set()
        consumer.close()
        print(json.dumps(said))
    """) == [0, {"hang.a": 1}]


def test_every_consumer_of_a_child_sees_all_of_its_abandoned_threads() -> None:
    """A second Collector that begins later in the child forgets none of them."""
    assert run("""
        gate = threading.Event()
        counts["hits"] = 1
        first, second = Collector(registry, deadline=1.0), Collector(registry, deadline=1.0)
        first.collect(), second.collect()

        def child():
            registry.register({"name": "hang", "sample": lambda: [gate.wait(30)]})
            first.collect()
            second.collect()
            return abandoned(), reasons(second.collect())

        print(json.dumps(in_child(child)))
        first.close(), second.close()
    """) == [1, {"hang": "hung"}]


def test_a_fork_while_another_thread_holds_the_locks_leaves_a_free_child() -> None:
    """Registering, pulling and giving up work in a child that was forked at the worst moment."""
    assert run("""
        from sampler._registry import registry, shared_read
        from sampler._runtime import abandoned as abandoned_threads
        sampler.register(SAMPLER)
        consumer = Collector(deadline=1.0)
        consumer.collect()

        def child():
            gate = threading.Event()
            with sampler.register({"name": "hang", "sample": gate.wait}):
                snapshot = consumer.collect()
            return values(snapshot)["app.hits"], reasons(snapshot), abandoned()

        with registry._lock, shared_read._lock, abandoned_threads._lock, consumer._changed:
            said = in_child(child)
        consumer.close()
        print(json.dumps(said))
    """) == [0, {"hang": "deadline"}, 1]


def test_no_lock_that_is_held_at_the_fork_stays_held() -> None:
    """Threads register, pull and fail while the main thread forks: no child deadlocks."""
    assert (
        run("""
        stop = threading.Event()
        sampler.register(SAMPLER)

        def register():
            n = 0
            while not stop.is_set():
                n += 1
                with sampler.register({"name": f"r{n % 7}", "sample": list}):
                    pass

        def bad():
            raise ValueError

        sampler.register({"name": "bad", "sample": bad})
        consumer = Collector(deadline=2.0)
        consumer.collect()

        def pull():
            while not stop.is_set():
                consumer.collect()

        threads = [threading.Thread(target=register, daemon=True) for _ in range(2)]
        threads += [threading.Thread(target=pull, daemon=True) for _ in range(2)]
        for thread in threads:
            thread.start()

        def child():
            with sampler.register({"name": "mine", "sample": lambda: [("a", 1)]}):
                found = values(consumer.collect())
            return found["mine.a"] == 1 and found["app.hits"] == 0

        said = [in_child(child) for _ in range(25)]
        stop.set()
        for thread in threads:
            thread.join(10)
        consumer.close()
        print(json.dumps(said))
    """)
        == [True] * 25
    )


def test_a_fork_from_inside_a_sampler_leaves_a_child_that_can_pull() -> None:
    """A sampler may fork; in the child its thread is the main one and nobody's worker."""
    assert run("""
        said = []

        def sample():
            if not said:
                said.append(in_child(lambda: values(other.collect())))
            return [("a", 1)]

        registry.register({"name": "forks", "sample": sample})
        plain = Registry()
        plain.register({"name": "plain", "sample": lambda: [("b", 2)]})
        other = Collector(plain, deadline=5.0)
        with Collector(registry, deadline=20.0) as consumer:
            found = values(consumer.collect())
        print(json.dumps([said, found]))
    """) == [[{"plain.b": 2}], {"forks.a": 1}]


@pytest.mark.clause("C-19", "C-15")
def test_a_series_without_a_value_at_the_fork_starts_there_too() -> None:
    """What it had counted for the parent is not the child's, whenever it is told."""
    assert run("""
        state = {"x": 500}
        sampler.register({
            "name": "t",
            "sample": lambda: [("x", state["x"]), ("y", 7)],
            "metrics": {"x": {"kind": "counter"}, "y": {"kind": "counter"}},
        })
        consumer = Collector(deadline=5.0)
        consumer.collect()

        def child():
            told = []
            for x in (None, 500, 503):
                state["x"] = x
                told.append(values(consumer.collect()).get("t.x"))
            return told

        print(json.dumps(in_child(child)))
        consumer.close()
    """) == [None, 0, 3]
