"""``sampler tap``: samples as they pass."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager

import pytest

from tests.page.rig import agent_with
from tests.support.command import environment


def shop() -> dict:
    """Return a sampler whose counter is the number of its calls."""
    count = 0

    def sample():
        nonlocal count
        count += 1
        yield "calls", count, {"to": "me"}
        yield "depth", 7
        yield "wait", {"count": count, "sum": 0.5, "buckets": {1.0: count}}

    metrics = {"calls": {"kind": "counter", "unit": "{call}"}, "wait": {"kind": "histogram"}}
    return {"name": "shop", "sample": sample, "metrics": metrics}


@pytest.fixture(scope="module")
def path():
    """The socket of an agent."""
    with (
        tempfile.TemporaryDirectory() as folder,
        agent_with(shop(), socket=f"{folder}/s.sock"),
    ):
        yield f"{folder}/s.sock"


@contextmanager
def tap(path, *words):
    """Run it in a pipe."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sampler", "tap", "--socket", path, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for each in (process.stdout, process.stderr):
            each.close()


def test_it_prints_each_pull_once_and_in_order(path) -> None:
    """Counters as they are."""
    with tap(path, "--json", "shop.calls") as process:
        samples = [json.loads(process.stdout.readline()) for _ in range(6)]
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert process.stderr.read() == ""
    values = [each.pop("value") for each in samples]
    assert values == list(range(values[0], values[0] + 6))
    times = [each.pop("time") for each in samples]
    assert times == sorted(times)
    one = {"name": "shop.calls", "labels": {"to": "me"}, "kind": "counter", "unit": "{call}"}
    assert samples == [one] * 6


def test_as_text_a_line_has_time_name_and_value(path) -> None:
    """Of a histogram, count and sum."""
    with tap(path, "shop.*") as process:
        lines = [process.stdout.readline().split() for _ in range(3)]
    assert [line[1] for line in lines] == ["shop.calls{to=me}", "shop.depth", "shop.wait"]
    assert all(line[0].count(":") == 2 for line in lines)
    assert lines[1][2:] == ["7"]
    assert lines[2][2] == "count"
    assert lines[2][4:] == ["sum", "0.5"]


def test_it_ends_when_its_reader_has_left(path) -> None:
    """Also where nothing matches, so that nothing is printed."""
    for pattern in ("shop.*", "no.such.name"):
        with tap(path, pattern) as process:
            if pattern == "shop.*":
                process.stdout.readline()
            process.stdout.close()
            assert process.wait(30) == 0
            assert process.stderr.read() == ""


def test_it_ends_with_its_agent() -> None:
    """It says so, with 69."""
    with tempfile.TemporaryDirectory() as folder:
        with agent_with(shop(), socket=f"{folder}/s.sock"):
            made = tap(f"{folder}/s.sock", "shop.*")
            process = made.__enter__()
            process.stdout.readline()
        try:
            process.stdout.read()
            assert process.wait(30) == 69
            assert "nobody listens" in process.stderr.read()
        finally:
            made.__exit__(None, None, None)


def test_patterns_that_are_too_long_are_said(path) -> None:
    """By the other end."""
    with tap(path, "x" * 300) as process:
        assert process.wait(30) == 69
        assert "at most 200 characters" in process.stderr.read()
