"""The recipes of docs/recipes.md and of the draft, under threads, garbage collection and forks."""

from __future__ import annotations

import gc
import os
import random
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.kits.consumers import drafted
from tests.pep.clauses import DRAFT
from tests.support.doubles import LineSink
from tests.support.waiting import wait_for

PAGE = (Path(__file__).parents[2] / "docs/recipes.md").read_text("utf-8")
TAUGHT = DRAFT.read_text("utf-8").split("\nHow to Teach This\n")[1].split("\nReference Imp")[0]
COUNTED = {"checkouts": {"kind": "counter"}, "used": {"merge": "sum"}}


def recipe(title):
    """Return the code of a recipe on the page."""
    section = PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]
    return re.search(r"```python\n(.*?)```", section, re.DOTALL)[1]


def taught(index):
    """Return a block of code of "How to Teach This"."""
    blocks = re.findall(r"\.\. code-block:: python\n\n((?:(?: {4}.*)?\n)+)", TAUGHT)
    return "import threading\n" + textwrap.dedent(blocks[index])


def run(code, **names):
    """Return what a recipe defines."""
    exec(code, names)
    return names


POOLS = {
    "the page": recipe("Totals that outlive their objects"),
    "the draft": taught(1).replace("os.register_at_fork(after_in_child=begin)", ""),
}
HISTOGRAMS = {"the page": recipe("A histogram by hand"), "the draft": taught(2)}
FORKED = {
    "the page": recipe("Totals that outlive their objects") + recipe("A forked child"),
    "the draft": taught(1),
}
either = pytest.mark.parametrize("where", ["the page", "the draft"])


@contextmanager
def consumer_of(sampler):
    """Pull a sampler as the draft's own consumer does."""
    code = drafted()
    registry = code["Registry"]()
    registry.register(sampler)
    consumer = code["Consumer"](registry, deadline=30.0)
    try:
        yield consumer
    finally:
        consumer.close()


@contextmanager
def busy(work, threads=4):
    """Call ``work(index)`` on threads, again and again, while a block runs."""
    before, stop, errors = sys.getswitchinterval(), threading.Event(), []

    def turn(index):
        try:
            while not stop.is_set():
                work(index)
        except Exception as error:
            errors.append(error)

    workers = [threading.Thread(target=turn, args=(i,), daemon=True) for i in range(threads)]
    sys.setswitchinterval(1e-5)
    try:
        for worker in workers:
            worker.start()
        yield
    finally:
        stop.set()
        for worker in workers:
            worker.join(30)
        sys.setswitchinterval(before)
    assert not any(worker.is_alive() for worker in workers)
    assert not errors


def pulls(consumer, seconds=0.6, least=20):
    """Yield pulls for a while, of which none has failed."""
    until, count = time.monotonic() + seconds, 0
    while time.monotonic() < until or count < least:
        values, increments, failed = consumer.pull()
        assert not failed
        yield values, increments
        count += 1


def test_five_lines_are_enough_for_a_queue():
    """Other threads put and get meanwhile."""
    made = run(recipe("A queue"))
    assert len(made["sample"].__code__.co_consts) < 6

    def work(_index):
        made["jobs"].put(1)
        made["jobs"].get()
        made["jobs"].task_done()

    with consumer_of(made["SAMPLER"]) as consumer, busy(work):
        for values, _ in pulls(consumer):
            assert 0 <= values["shop.jobs.waiting", ()] <= 4
            assert 0 <= values["shop.jobs.unfinished", ()] <= 4


def test_the_five_lines_of_the_draft_yield_a_gauge_and_a_counter():
    """With a description in the sample, and no import."""
    import functools
    import queue

    cached = functools.lru_cache(str)
    made = run(taught(0).removeprefix("import threading\n"), jobs=queue.Queue(), cached=cached)
    with consumer_of({"name": "five", "sample": made["sample"]}) as consumer:
        cached(1), cached(1), made["jobs"].put(1)
        values, increments, _ = consumer.pull()
    assert values["five.jobs", ()] == 1
    assert increments == {("five.hits", ()): 1}


def test_a_cache_counts_whole_again_when_it_was_cleared():
    """A lower value is a restart."""
    made = run(recipe("A cache"))
    hits = "shop.cache.hits", (("function", "price"),)
    for _ in range(9):
        made["price"]("a")
    with consumer_of(made["SAMPLER"]) as consumer:
        made["price"]("a")
        assert consumer.pull()[1][hits] == 1
        made["price"].cache_clear()
        made["price"]("a"), made["price"]("a")
        assert consumer.pull()[1][hits] == 1


def test_a_cache_loses_no_hit_to_threads():
    """What the pulls add is what the cache has counted."""
    made = run(recipe("A cache"))
    hits = "shop.cache.hits", (("function", "price"),)
    total = 0
    with consumer_of(made["SAMPLER"]) as consumer:
        with busy(lambda _: made["price"]("a")):
            total += sum(increments[hits] for _, increments in pulls(consumer))
        total += consumer.pull()[1][hits]
    assert total == made["price"].cache_info().hits


def test_pools_that_come_and_go_are_read_while_others_use_them():
    """No pull fails, and each pool is read whole: what is used is not idle."""
    made = run(recipe("Pools with locks"))
    idle, used = (("mypool.connections", (("state", each),)) for each in ("idle", "used"))
    kept = [made["Pool"](1000) for _ in range(8)]

    def work(index):
        kept[index] = made["Pool"](1000)
        for _ in range(20):
            kept[index].take()

    with consumer_of(made["SAMPLER"]) as consumer:
        with busy(work):
            for values, _ in pulls(consumer):
                assert (values[idle] + values[used]) % 1000 == 0
        gc.collect()
        values, _, _ = consumer.pull()
    assert values[idle] + values[used] == 8000
    assert len(made["pools"]) == 8


@either
def test_totals_outlive_their_objects(where):
    """Four threads use pools, drop them, some in cycles; each read lies where the truth lies."""
    made = run(POOLS[where], os=os)
    take = "take" if where == "the page" else "checkout"
    truth = [0] * 4
    rngs = [random.Random(i) for i in range(4)]
    held = [[made["Pool"]() for _ in range(3)] for _ in range(4)]

    def work(index):
        for pool in held[index]:
            getattr(pool, take)()
            truth[index] += 1
        if rngs[index].random() < 0.1:
            new = made["Pool"]()
            new.cycle = new if rngs[index].random() < 0.5 else None  # left to the collector
            held[index][rngs[index].randrange(3)] = new

    last = 0
    with busy(work):
        until = time.monotonic() + 1.0
        while time.monotonic() < until:
            least = sum(truth)
            now = made["checkouts"]()
            most = sum(truth) + 4
            assert least <= now <= most
            assert now >= last
            last = now
    gc.collect()
    assert made["checkouts"]() == sum(truth)
    assert len(made.get("counts", made.get("pools"))) <= 12


@either
def test_no_checkout_is_lost_or_counted_twice_on_the_way_to_a_consumer(where):
    """Two consumers, each with all of them."""
    made = run(POOLS[where], os=os)
    take = "take" if where == "the page" else "checkout"
    sampler = {"name": "mypool", "sample": made["sample"], "metrics": COUNTED}
    done = [0] * 4

    def work(index):
        pool = made["Pool"]()
        for _ in range(5):
            getattr(pool, take)()
            done[index] += 1

    totals = [0, 0]
    with consumer_of(sampler) as one, consumer_of(sampler) as other:
        with busy(work):
            for _, increments in pulls(one):
                totals[0] += increments["mypool.checkouts", ()]
                totals[1] += other.pull()[1]["mypool.checkouts", ()]
        for index, each in enumerate((one, other)):
            totals[index] += each.pull()[1]["mypool.checkouts", ()]
    assert totals == [sum(done)] * 2


def test_the_sum_over_what_is_alive_falls():
    """What the recipe is there for: such a counter counts again what the others have counted."""
    made = run(POOLS["the page"])

    def sample():
        yield "checkouts", sum(count[0] for ref, count in made["counts"] if ref() is not None)

    with consumer_of({"name": "naive", "sample": sample, "metrics": COUNTED}) as consumer:
        stays, goes = made["Pool"](), made["Pool"]()
        for _ in range(10):
            stays.take(), goes.take()
        added = consumer.pull()[1]["naive.checkouts", ()]
        del goes
        gc.collect()
        added += consumer.pull()[1]["naive.checkouts", ()]
    assert added == 30  # of 20


FORK = """
import os, signal, sys, threading, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # fork beside threads, from 3.12
held, let_go = threading.Event(), threading.Event()

def hold():
    with lock:
        held.set()
        let_go.wait()

mine = Pool()
getattr(mine, "take", getattr(mine, "checkout", None))()
threading.Thread(target=hold, daemon=True).start()
assert held.wait(30)
child = os.fork()
if not child:
    signal.alarm({limit})  # a deadlock ends here
    born = Pool()
    for _ in range(3):
        getattr(born, "take", getattr(born, "checkout", None))()
    os._exit(10 + list(sample())[0][1])
let_go.set()
status = os.waitpid(child, 0)[1]
print(list(sample())[0][1], os.waitstatus_to_exitcode(status))
"""


def forked(code, limit):
    """Fork while another thread holds the lock: the parent's total, and how the child ended."""
    script = code + FORK.replace("{limit}", str(limit))
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return tuple(map(int, done.stdout.split()))


@pytest.mark.parametrize(("where", "value"), [("the page", 3), ("the draft", 1 + 3)])
def test_a_forked_child_waits_for_nobody(where, value):
    """By the page it begins at zero; by the draft it counts on, and the consumer begins there."""
    assert forked(FORKED[where], limit=30) == (1, 10 + value)


@either
def test_without_the_recipe_the_child_waits_for_ever(where):
    """The lock is held by a thread that the child does not have."""
    assert forked(POOLS[where], limit=1) == (1, -signal.SIGALRM)


AGENT = """
import faulthandler; faulthandler.dump_traceback_later(120, exit=True)
import multiprocessing, sys
from pathlib import Path
import sampler, sampler.agent, sampler._pull.fork_baseline
sampler._pull.fork_baseline.LONGEST = 20.0  # a busy machine may need more than 50 ms
folder, before = Path(sys.argv[1]), int(sys.argv[2])
shared = Pool()  # as at the import of a module, before all forks
take = getattr(shared, "take", getattr(shared, "checkout", None))

def work(n):
    for _ in range(n):
        take()

def run():
    for _ in range(before):
        take()
    if "SAMPLER" not in globals():
        globals()["SAMPLER"] = {"name": "mypool", "sample": sample}
    sampler.register(SAMPLER)
    sampler.agent.start(folder / "sampler.toml")
    with multiprocessing.get_context("fork").Pool(2) as pool:
        pool.map(work, [1000] * 6, chunksize=1)
        print("counted", flush=True)
        sys.stdin.read()  # until the test has seen what it waits for
run()
"""


def delivered(sink):
    """Return the sum of the last checkouts of each path."""
    last = {}
    for line in sink.lines:
        path, value, _ = line.split()
        if b".mypool.checkouts" in path:
            last[path] = float(value)
    return sum(last.values())


@either
@pytest.mark.parametrize("before", [10, 5000])
def test_no_count_of_an_object_from_before_the_fork_is_lost(where, before, tmp_path):
    """Two children of multiprocessing go on using it; the agent's sum is what all have counted."""
    with LineSink() as sink:
        (tmp_path / "sampler.toml").write_text(
            'interval = 0.2\n[samplers]\nenable = ["mypool"]\n'
            f"[adapters.graphite]\nport = {sink.port}\n"
        )
        program = tmp_path / "program.py"
        program.write_text(FORKED[where] + AGENT)
        command = [sys.executable, "-W", "ignore", program, tmp_path, str(before)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            assert process.stdout.readline() == b"counted\n"
            wait_for(lambda: delivered(sink) == before + 6000, what="all checkouts to arrive")
        finally:
            process.communicate(timeout=60)


@either
def test_a_histogram_by_hand_loses_no_observation(where):
    """Nor is one torn: consumers take every read."""
    made = run(HISTOGRAMS[where])
    histogram = made["Histogram"](0.1, 1.0, 5.0)
    sampler = {
        "name": "mypool",
        "sample": lambda: [("wait", histogram.read())],
        "metrics": {"wait": {"kind": "histogram"}},
    }
    observed, total, added = [0] * 4, 0, 0.0

    def work(index):
        histogram.observe((0.05, 0.1, 2.0, 9.0)[index])
        observed[index] += 1

    with consumer_of(sampler) as consumer:
        with busy(work):
            for values, increments in pulls(consumer):
                assert ("mypool.wait", ()) in values  # not refused
                total += increments["mypool.wait", ()][0]
        value, increments, _ = consumer.pull()
        total += increments["mypool.wait", ()][0]
    count, added, buckets = value["mypool.wait", ()]
    low, edge, middle, high = observed
    assert total == count == sum(observed)
    assert added == pytest.approx(0.05 * low + 0.1 * edge + 2.0 * middle + 9.0 * high)
    assert buckets == ((0.1, low + edge), (1.0, low + edge), (5.0, low + edge + middle))


@either
def test_a_histogram_by_hand_is_twelve_lines(where):
    """Without the blank ones."""
    text = HISTOGRAMS[where].split("class Histogram")[1].split("\n\n\n")[0]
    assert len([line for line in text.splitlines() if line.strip()]) <= 13


def test_reading_ends_when_pools_are_gone():
    """The lists do not grow for ever."""
    made = run(recipe("Pools with locks"))
    for _ in range(100):
        made["Pool"](1)
    wait_for(lambda: not made["alive"]() and not made["pools"], what="the lists to be empty")
