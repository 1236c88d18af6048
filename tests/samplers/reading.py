"""Pulling a sampler as an application does, and programs of their own for what stays behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

from sampler import Collector, Registry

ROOT = Path(__file__).parents[2]


def consumer_of(sampler: dict[str, Any]) -> Collector:
    """Return a consumer of `sampler` alone."""
    registry = Registry()
    registry.register(sampler)
    return Collector(registry)


def read(consumer: Collector) -> dict[str, Any]:
    """Pull; return the values by series. Nothing failed or was refused, all is declared."""
    snapshot = consumer.collect()
    assert not snapshot.failures
    (statistics,) = consumer.statistics()
    assert not statistics.refused
    found: dict[str, Any] = {}
    for series, value in snapshot:
        assert series.help, f"{series} is not declared"
        found[str(series)] = value
    return found


PRELUDE = """
import json, os, signal, sys, threading, time, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # fork beside threads, from 3.12
from tests.samplers.reading import consumer_of, read
from tests.support.waiting import wait_for
signal.alarm(60)  # a deadlock ends here

def in_child(call):
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        signal.alarm(30)
        code = 1
        try:
            os.write(writing, json.dumps(call()).encode())
            code = 0
        except BaseException:
            import traceback
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(pid, 0)
    assert status == 0, f"the child ended with {status}"
    return json.loads(said)
"""


def run(script: str, prelude: str = PRELUDE, **env: str) -> Any:
    """Run a program in a new interpreter; return what it printed last, as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", prelude + dedent(script)],
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
