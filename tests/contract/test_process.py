"""The built-in ``process`` sampler."""

from __future__ import annotations

import os
import time

import psutil
import pytest

from sampler import Collector, Registry
from sampler.samplers.process import SAMPLER
from tests.support.waiting import wait_for


@pytest.fixture
def consumer():
    registry = Registry()
    registry.register(SAMPLER)
    with Collector(registry) as consumer:
        yield consumer


def read(consumer) -> dict[str, float]:
    snapshot = consumer.collect()
    assert not snapshot.failures
    return {str(series): value for series, value in snapshot}


def test_it_says_what_the_operating_system_says(consumer) -> None:
    """Values are those of psutil, in OpenTelemetry's units."""
    process = psutil.Process()
    wait_for(  # a thread of another test may end between the two
        lambda: read(consumer)["process.thread.count"] == process.num_threads(),
        what="as many threads as the operating system counts",
    )
    found = read(consumer)
    assert found["process.start_time"] == process.create_time()
    assert found["process.uptime"] == pytest.approx(time.time() - process.create_time(), abs=5)
    assert found["process.memory.usage"] == pytest.approx(process.memory_info().rss, rel=0.2)
    times = process.cpu_times()
    assert found['process.cpu.time{cpu.mode="user"}'] == pytest.approx(times.user, abs=1)
    assert found["process.unix.file_descriptor.count"] >= 3


def test_cumulative_values_never_fall_and_start_with_the_process(consumer) -> None:
    """CPU time and context switches grow; their zero is the start of the process."""
    first = consumer.collect()
    sum(range(2_000_000))
    second = consumer.collect()
    for (series, before), (_, after) in zip(first, second, strict=True):
        if series.kind == "counter":
            assert after >= before
            assert series.start == psutil.Process().create_time()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_reports_itself(consumer) -> None:
    """After a fork the numbers are the child's own."""
    read(consumer)
    parent = psutil.Process().create_time()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        time.sleep(0.02)
        found = read(consumer)
        os.write(writing, f"{found['process.start_time']} {found['process.uptime']}".encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        start, uptime = map(float, pipe.read().split())
    assert start > parent
    assert uptime < 30
