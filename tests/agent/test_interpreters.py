"""Each interpreter of a process has an agent of its own, and ends without ending the process."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.doubles import LineSink
from tests.support.interpreter import runs_interpreters
from tests.support.program import program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BEGIN = """
import faulthandler; faulthandler.dump_traceback_later(60, exit=True)
import os, sys
file, sink, *more = sys.argv[1:]
with open(file, "w") as out:
    out.write(f'interval = 60\\nservice = "{os.urandom(8).hex()}"\\n')
    out.write(f'[samplers]\\nenable = ["web"]\\n[adapters.graphite]\\nport = {sink}\\n')
try:
    import _interpreters as interpreters
    create, run = (lambda: interpreters.create("legacy")), interpreters.exec
except ImportError:
    import _xxsubinterpreters as interpreters
    create, run = (lambda: interpreters.create(isolated=False)), interpreters.run_string
CODE = f'''
import sys
sys.path[:] = {sys.path!r}
import sampler, sampler.agent
orders = sampler.Instruments("web").counter("orders")
agent = sampler.agent.start({file!r})
orders.inc(7)
sampler.agent.log.warning("a word")
'''
"""


@pytest.fixture
def sink() -> Iterator[LineSink]:
    with LineSink() as sink:
        yield sink


@runs_interpreters
def test_interpreters_that_end_deliver_and_leave_the_process_alone(
    tmp_path: Path, sink: LineSink
) -> None:
    """Two at a time, each with an instance of its own."""
    text = """
    both = [create(), create()]
    for each in both:
        run(each, CODE + (
            "from sampler.agent.process_agent import leave_no_thread\\n"
            "sampler.agent.stop()\\nleave_no_thread()\\n" if sys.version_info < (3, 12) else ""))
    for each in both:
        interpreters.destroy(each)
    print("goes on")
    """
    with program(tmp_path, sink, text, begin=BEGIN) as process:
        said, errors = process.communicate(timeout=90)
    assert (process.returncode, said) == (0, "goes on\n"), errors
    values: dict[str, float] = {}
    for line in sink.lines:
        path, value, _ = line.decode().split()
        if path.endswith(".web.orders"):
            values[path.split(".")[2]] = max(values.get(path.split(".")[2], 0.0), float(value))
    # On 3.11 the first has ended, and its instance is free, before the second one begins.
    assert values == ({"0": 7} if sys.version_info < (3, 12) else {"0": 7, "1": 7})
