"""What a forked child counts begins at the fork, also where its first pull comes later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.doubles import LineSink
from tests.support.program import told_by

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BEGIN = """
import faulthandler; faulthandler.dump_traceback_later(60, exit=True)
import json, os, sys, threading
from pathlib import Path
import sampler, sampler.agent
import sampler._pull.fork_baseline
sampler._pull.fork_baseline.LONGEST = 20.0  # a busy machine may need more than 50 ms
file, sink, *more = sys.argv[1:]
with open(file, "w") as out:
    out.write(f'interval = 60\\nservice = "s"\\n[samplers]\\nenable = ["pool", "web"]\\n'
              f'[adapters.graphite]\\nport = {sink}\\n')
pulls = []
counts = {"a": 100}
def sample():
    pulls.append(os.getpid())
    for key, n in counts.items():
        yield "checkouts", n, {"key": key}
POOL = {"name": "pool", "sample": sample, "metrics": {"checkouts": {"kind": "counter"}}}
orders = sampler.Instruments("web").counter("orders")
def fork(work):
    # Ends at once: the agent of the child has had no time of its own.
    child = os.fork()
    if not child:
        work()
        sampler.agent.stop()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
"""


@pytest.fixture
def sink() -> Iterator[LineSink]:
    with LineSink() as sink:
        yield sink


def run(folder: Path, sink: LineSink, text: str) -> tuple[Any, str]:
    """Run a program; return what it printed, as JSON, and what it logged."""
    return told_by(folder, sink, text, begin=BEGIN)


def values(sink: LineSink, metric: str) -> list[float]:
    """Return where the values of a metric ended; a process may take the path of one that has."""
    ended = []
    last: dict[bytes, float] = {}
    for line in sink.lines:
        path, text, _ = line.split()
        if f".{metric}" in path.decode():
            if float(text) < last.get(path, 0.0):
                ended.append(last[path])
            last[path] = float(text)
    return sorted([*ended, *last.values()])


@pytest.mark.clause("C-19")
def test_what_a_child_counts_before_its_first_pull_is_in_its_numbers(
    tmp_path: Path, sink: LineSink
) -> None:
    """The parent has read, right before the fork, where the child begins."""
    run(
        tmp_path,
        sink,
        """
        sampler.register(POOL)
        sampler.agent.start(file)
        counts["a"] += 5
        def work():
            counts["a"] += 7
            counts["b"] = 2
            orders.inc(7)
        fork(work)
        """,
    )
    assert values(sink, "pool.checkouts.key-a") == [7, 105]
    assert values(sink, "pool.checkouts.key-b") == [2]
    assert values(sink, "web.orders") == [0, 7]


@pytest.mark.clause("C-17", "C-19")
def test_a_source_that_starts_over_in_the_child_counts_whole(
    tmp_path: Path, sink: LineSink
) -> None:
    """As one whose objects are made anew after the fork."""
    run(
        tmp_path,
        sink,
        """
        sampler.register(POOL)
        sampler.agent.start(file)
        fork(lambda: counts.update(a=3))
        """,
    )
    assert values(sink, "pool.checkouts.key-a") == [3, 100]


def test_each_child_begins_at_its_own_fork(tmp_path: Path, sink: LineSink) -> None:
    """Children of one parent, and a child of a child."""
    run(
        tmp_path,
        sink,
        """
        sampler.register(POOL)
        sampler.agent.start(file)
        def grandchild():
            counts["a"] += 4
        def child():
            counts["a"] += 2
            sampler.agent.start(file)
            fork(grandchild)
        fork(child)
        counts["a"] += 10
        fork(lambda: counts.update(a=counts["a"] + 1))
        """,
    )
    assert values(sink, "pool.checkouts.key-a") == [1, 2, 4, 110]


def test_a_sampler_that_hangs_holds_a_fork_up_once_and_briefly(
    tmp_path: Path, sink: LineSink
) -> None:
    """The log says what the child lacks; the other samplers are read."""
    said, logged = run(
        tmp_path,
        sink,
        """
        sampler._pull.fork_baseline.LONGEST = 1.0
        Path(file).write_text(Path(file).read_text().replace('"web"]', '"web", "slow"]'))
        sampler.register(POOL)
        release = threading.Event()
        hangs = False
        def slow():
            if hangs:
                release.wait()
            return [("checkouts", 1)]
        sampler.register({"name": "slow", "sample": slow,
                          "metrics": {"checkouts": {"kind": "counter"}}})
        sampler.agent.start(file)
        hangs = True
        def work(n):
            global hangs
            hangs = False
            counts["a"] += n
        fork(lambda: work(7))
        fork(lambda: work(3))
        hangs = False
        release.set()
        """,
    )
    assert said is None
    assert logged.count("sampler 'slow': no answer in the 1 s that a fork can wait") == 1
    assert values(sink, "pool.checkouts.key-a") == [3, 7, 100]


def test_what_the_system_counts_for_each_process_is_not_read_before_a_fork(
    tmp_path: Path, sink: LineSink
) -> None:
    """As `process` says of itself: a fork waits for no reading, and the child counts whole."""
    said, logged = run(
        tmp_path,
        sink,
        """
        from sampler.samplers.process import SAMPLER
        Path(file).write_text(Path(file).read_text().replace('"web"]', '"web", "process"]'))
        counts["a"] = 3
        sampler.register(POOL | {"start": 1.0, "sampler.at_fork": SAMPLER["sampler.at_fork"]})
        sampler.agent.start(file)
        def work():
            counts["a"] = 7
            print(json.dumps(pulls.count(os.getppid())), flush=True)
        fork(work)
        """,
    )
    assert said <= 1  # the first pull, which a busy machine may be late with
    assert logged == ""
    assert values(sink, "pool.checkouts.key-a") == [3, 7]


@pytest.mark.parametrize(
    ("config", "kind", "block"),
    [
        ("", "counter", "sampler.agent.no_fork()"),
        ("fork = false", "counter", "contextlib.nullcontext()"),
        ("", "gauge", "contextlib.nullcontext()"),
    ],
)
def test_a_fork_waits_for_nothing_that_its_child_does_not_need(
    tmp_path: Path, sink: LineSink, config: str, kind: str, block: str
) -> None:
    """A child without an agent needs no baseline, and gauges have none."""
    said, _ = run(
        tmp_path,
        sink,
        f"""
        import contextlib
        Path(file).write_text("{config}\\n" + Path(file).read_text())
        POOL["metrics"]["checkouts"]["kind"] = "{kind}"
        sampler.register(POOL)
        sampler.agent.start(file)
        before = len(pulls)
        read, write = os.pipe()
        with {block}:
            fork(lambda: os.write(write, b"%d" % (len(pulls) - before)))
        print(os.read(read, 9).decode())
        """,
    )
    assert said == 0


@pytest.mark.parametrize(
    ("parent", "kind", "told", "child"),
    [
        (True, "sample", "", [10]),
        (True, "factory", "", [10]),
        (True, "factory", "[samplers.settings.pool]\nmore = 1000\n", [3, 7]),
        (False, "sample", "", [10]),
    ],
)
def test_a_reload_in_a_child_begins_nothing_anew(
    tmp_path: Path, sink: LineSink, parent: bool, kind: str, told: str, child: list[int]
) -> None:
    """Nor what nobody has read before the fork; but what is made of other settings does."""
    run(
        tmp_path,
        sink,
        f"""
        if {kind!r} == "factory":
            def factory(environ):
                more = {{"a": environ["settings"].get("more", 0), "b": 0}}
                def instance():
                    for key, n in counts.items():
                        yield "checkouts", n + more[key], {{"key": key}}
                return instance
            del POOL["sample"]
            POOL["factory"] = factory
        sampler.register(POOL)
        if {parent}:
            sampler.agent.start(file)
        def work():
            sampler.agent.start(file)
            sampler.agent.flush()
            counts["a"] += 7
            orders.inc(7)
            text = Path(file).read_text().replace("interval = 60", "interval = 50")
            Path(file).write_text(text + {told!r})
            sampler.agent.reload(file)
            sampler.agent.flush()
            counts["a"] += 3
            counts["b"] = 2
            orders.inc(3)
        fork(work)
        """,
    )
    assert values(sink, "pool.checkouts.key-a") == [*child, 100][: len(child) + parent]
    assert values(sink, "pool.checkouts.key-b") == [2]
    assert values(sink, "web.orders") == [0, 10][not parent :]
