"""Children of multiprocessing deliver what they have counted, however they begin and end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.doubles import LineSink
from tests.support.program import program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROGRAM = """
import faulthandler; faulthandler.dump_traceback_later(60, exit=True)
import concurrent.futures, multiprocessing, os, sys
import sampler, sampler.agent
file, sink, method, kind = sys.argv[1:]
orders = sampler.Instruments("shop").counter("orders")
def began():
    sampler.agent.start(file, signals=True)
def work(number):
    orders.inc(number)
    return os.getpid()
def began_and_worked(number):
    began()
    work(number)
def started(context):
    children = [context.Process(target=began_and_worked, args=(n,)) for n in (1, 2, 4)]
    for child in children:
        child.start()
    for child in children:
        child.join(50)
    assert [child.exitcode for child in children] == [0, 0, 0]
def pooled(context):
    with context.Pool(2, began) as pool:  # its end is SIGTERM
        pool.map(work, [1, 2, 4], 1)
def executed(context):
    executor = concurrent.futures.ProcessPoolExecutor
    with executor(2, mp_context=context, initializer=began) as workers:
        list(workers.map(work, [1, 2, 4]))
if __name__ == "__main__":
    with open(file, "w") as out:
        out.write(f'interval = 60\\nservice = "s"\\n[adapters.graphite]\\nport = {sink}\\n')
    globals()[kind](multiprocessing.get_context(method))
"""


@pytest.fixture
def sink() -> Iterator[LineSink]:
    with LineSink() as sink:
        yield sink


def orders(sink: LineSink) -> float:
    """Return what processes have counted; one may go on with the path of one that has ended."""
    last: dict[bytes, float] = {}
    total = 0.0
    for line in sink.lines:
        path, text, _ = line.split()
        if path.endswith(b".shop.orders"):
            value = float(text)
            before = last.get(path, 0.0)
            total += value - before if value >= before else value
            last[path] = value
    return total


@pytest.mark.parametrize("kind", ["started", "pooled", "executed"])
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_child_that_starts_its_own_agent_delivers(
    tmp_path: Path, sink: LineSink, method: str, kind: str
) -> None:
    """At the end of its target, of its pool, and of its executor."""
    with program(tmp_path, sink, PROGRAM, method, kind) as process:
        said, errors = process.communicate(timeout=90)
    assert (process.returncode, said, errors) == (0, "", "")
    assert orders(sink) == 7
