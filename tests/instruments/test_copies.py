"""A copy of an instrument is the registered one, in this process or a child."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sampler import Counter, Gauge, Histogram, Instruments, Registry

ROOT = Path(__file__).parents[2]


def copies(of: Any) -> list[Any]:
    return [pickle.loads(pickle.dumps(of)), copy.copy(of), copy.deepcopy(of)]


def test_a_copy_is_the_same_instrument() -> None:
    """Of each kind, with labels and without, of the surplus, of the group; in any registry."""
    group = Instruments("copies", Registry(), labels={"db": "main"}, max_children=1)
    plain: list[Any] = [group.counter("c"), group.gauge("d"), group.histogram("h")]
    labelled: list[Any] = [
        group.counter("lc", labels=("a",)),
        group.gauge("ld", labels=("a",)),
        group.histogram("lh", labels=("a", "b")),
    ]
    children = [labelled[0].labels("x"), labelled[1].labels("x"), labelled[2].labels("x", "y")]
    surplus = labelled[0].labels("z")
    exemplary = group.counter("e", exemplars=True)
    for each in (*plain, *labelled, *children, surplus, exemplary, group):
        assert [found is each for found in copies(each)] == [True] * 3

    class Job:
        def __init__(self) -> None:
            self.done = plain[0]
            self.timer = plain[2].time()

    job = copy.deepcopy(Job())
    job.done.inc(3)
    with job.timer:
        pass
    assert (plain[0].read(), plain[2].read().count) == (3, 1)


@pytest.mark.parametrize("kind", [Counter, Gauge, Histogram])
def test_a_copy_of_what_no_group_has_made_is_refused(kind: type) -> None:
    """Nobody would read it."""
    for call in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError, match="that no group has made"):
            call(kind())


MODULE = """
import sampler
shop = sampler.Instruments("shop")
done = shop.counter("done")
by = shop.counter("by", labels=("who",))

class Job:
    def __init__(self):
        self.done, self.by = done, by.labels("x")
    def run(self, number):
        self.done.inc(number)
        self.by.inc()
        with sampler.Collector(sampler.registry) as consumer:
            return sorted((str(s), v) for s, v in consumer.collect())
"""
PROGRAM = """
import multiprocessing, sys
import jobs
from concurrent.futures import ProcessPoolExecutor

def main():
    jobs.done.inc(100)
    job = jobs.Job()
    for method in ("spawn", "forkserver", "fork"):
        context = multiprocessing.get_context(method)
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            for number in (1, 2):
                found = pool.submit(job.run, number).result(60)
            print(method, found)

if __name__ == "__main__":
    main()
"""
MAKING = """
import pickle, sampler, sys
sys.stdout.buffer.write(pickle.dumps(sampler.Instruments("lonely").counter("c")))
"""
TAKING = """
import pickle, sampler, sys
data = sys.stdin.buffer.read()
group = sampler.Instruments("lonely") if len(sys.argv) > 1 else None
try:
    print(type(pickle.loads(data)).__name__)
except LookupError as error:
    print(error)
"""


def said_by(file: Path, *arguments: str, given: bytes = b"") -> bytes:
    """Run a program; return its output."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", file, *arguments],
        cwd=file.parent,
        env={"PYTHONPATH": f"{ROOT}:{file.parent}"},
        input=given,
        capture_output=True,
        timeout=110,
    )
    assert done.stderr == b""
    return done.stdout


def test_what_a_child_process_is_given_counts_there(tmp_path: Path) -> None:
    """However it was started: its own instrument counts, which its own agent would pull."""
    (tmp_path / "jobs.py").write_text(MODULE)
    main = tmp_path / "main.py"
    main.write_text(PROGRAM)
    expected = "[('shop.by{who=\"x\"}', 2), ('shop.done', 3)]"
    lines = said_by(main).decode().splitlines()
    assert lines == [f"{how} {expected}" for how in ("spawn", "forkserver", "fork")]


def test_a_process_without_the_instrument_says_what_is_missing(tmp_path: Path) -> None:
    """It makes none that nobody reads."""
    making, taking = tmp_path / "making.py", tmp_path / "taking.py"
    making.write_text(MAKING)
    taking.write_text(TAKING)
    given = said_by(making)
    assert b"this process has no such group: make it when its" in said_by(taking, given=given)
    assert b"'lonely.c': its group has none of that" in said_by(taking, "x", given=given)
