"""What a program, or a sampler, does to its process: folder, descriptors, locale, signals."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

SCRIPT = """
import json, locale, os, signal, sys, tempfile

answer = int(sys.argv[2])
from tests.chaos.rig import Rig
import sampler._pull.async_call, sampler.agent.config.settings  # imported late, found too

class Comma(float):
    def __repr__(self):
        return "0,5"
    __str__ = __repr__

def sample():
    folder = tempfile.mkdtemp()
    os.chdir(folder)
    os.rmdir(folder)
    for name in ("de_DE.UTF-8", "fr_FR.UTF-8", "C"):
        try:
            locale.setlocale(locale.LC_ALL, name)
            break
        except locale.Error:
            pass
    os.umask(0o777)
    os.environ.clear()
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    yield "half", Comma(0.5)

if "descriptors" in sys.argv[1]:
    for number in (0, 1, 2):
        os.close(number)
rig = Rig({"name": "bad.guest", "sample": sample} if "guest" in sys.argv[1] else
          {"name": "bad.plain", "sample": lambda: [("half", Comma(0.5))]})
from sampler_graphite import Graphite
from tests.support.doubles import LineSink
with LineSink() as sink:
    rig = Rig(*(each.sampler for each in rig.registry if each.name.startswith("bad")),
              beside=Graphite(port=sink.address[1]))
    with rig:
        rig.run(6)
    balance = rig.agent.balances()["beside"]
    lines = sink.lines
assert balance.holds and balance.queued == 0
halves = [line for line in lines if b".half " in line]
values = {line.split()[1].decode() for line in halves}
found = {"delivered": balance.delivered, "unconfirmed": balance.unconfirmed,
         "lines": len(lines), "values": sorted(values)}
os.write(answer, json.dumps(found).encode())
"""


@pytest.mark.parametrize("trouble", ["guest", "descriptors", "guest and descriptors"])
def test_an_agent_depends_on_nothing_that_a_guest_can_take_away(trouble: str) -> None:
    """A folder that is gone, closed standard streams, a locale with commas, blocked signals."""
    reading, writing = os.pipe()
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, trouble, str(writing)],
        pass_fds=[writing],
        capture_output=True,
        timeout=60,
        text=True,
    )
    os.close(writing)
    with os.fdopen(reading) as answer:
        said = answer.read()
    assert said, (done.returncode, done.stderr)
    found = json.loads(said)
    assert found["values"] == ["0.5"]
    assert found["unconfirmed"] == 0
    assert found["delivered"] == found["lines"]
    assert done.returncode == 0
