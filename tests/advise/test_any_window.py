"""Whatever a window holds: nothing raises, and every figure is one that its numbers support."""

from __future__ import annotations

import json
import math
import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sampler.advise import Host, Scrape, advise, as_lines, as_values, read_page
from sampler.advise._names import METRICS
from tests.advise.made import said, served

NAMES = [
    part
    for name, (kind, _) in METRICS.items()
    for part in ((f"{name}.sum", f"{name}.count") if kind == "histogram" else (name,))
]
VALUES = (
    st.floats(0, 1e6)
    | st.sampled_from([0.0, 1.0, 5e-324, 1e308, 1.7e308])
    | st.integers(0, 100).map(float)
)
LABELS = st.sampled_from(
    [
        {},
        {"state": "writing"},
        {"state": "reading"},
        {"state": "waiting"},
        {"cpu_mode": "idle"},
        {"cpu_mode": "user", "worker": "1"},
        {"worker": "2"},
        {"db_client_connection_state": "used"},
    ]
)
SERIES = st.lists(st.tuples(LABELS, VALUES), min_size=1, max_size=3).map(
    lambda found: tuple({tuple(sorted(labels)): (labels, v) for labels, v in found}.values())
)
HOSTS = st.none() | st.builds(Host, VALUES, VALUES, st.integers(1, 64))
MOMENTS = st.floats(0, 1e5) | st.sampled_from([math.nan, math.inf])
SCRAPES = st.builds(
    Scrape, MOMENTS, VALUES, st.dictionaries(st.sampled_from(NAMES), SERIES, max_size=25), HOSTS
)


def check(scrapes: list[Scrape]) -> None:
    """Refuse a statement that its window does not support."""
    there = {name for scrape in scrapes for name in scrape.values}
    there |= {name.removesuffix(end) for name in there for end in (".sum", ".count")}
    there |= {"host.cpu.time", "server.process.count", "system.cpu.logical.count"}
    found = advise(scrapes)
    assert len(found) == 13
    for each in found:
        assert each.text
        assert each.decided != bool(each.decides)
        assert not (each.remedy and not each.decided)
        if each.decided:
            assert each.numbers, each
        for number in each.numbers:
            assert math.isfinite(number.value), number
            assert number.value >= 0
            assert number.metrics or number.name == "time that the numbers cover"
            assert set(number.metrics) <= there, number
    assert json.loads(json.dumps(as_values(found), allow_nan=False))
    assert list(as_lines(found))


@settings(max_examples=150)
@given(st.lists(SCRAPES, max_size=4))
def test_any_scrapes(scrapes) -> None:
    """In any order."""
    check(scrapes)


@settings(max_examples=300)
@example({"server.process.count": (({}, 0.5),)}, 4, "grow")
@example({"gunicorn.thread.limit": (({}, 0.0),)}, 4, "grow")
@example({"http.server.active_requests.oldest": (({}, 1e308), ({"a": "b"}, 1e308))}, 0, "grow")
@given(
    st.dictionaries(st.sampled_from(NAMES), st.none() | SERIES, max_size=8),
    st.integers(0, 4),
    st.sampled_from(["grow", "shrink", "swap"]),
)
def test_an_overload_of_which_something_is_broken(changes, at, how) -> None:
    """Metrics are missing, or are others, in one scrape; scrapes are too few, or exchanged."""
    window = served(rate=366, busy=7.7, queue=0.0885, processes=2, threads=8)
    values = dict(window[at].values)
    for name, series in changes.items():
        values.pop(name, None)
        if series is not None:
            values[name] = series
    window[at] = Scrape(window[at].at, window[at].time, values, window[at].host)
    if how == "shrink":
        del window[0]
    if how == "swap":
        window[0], window[at] = window[at], window[0]
    check(window)


@given(
    rate=st.floats(5, 500),
    busy=st.floats(0.01, 50),
    queue=st.none() | st.floats(0, 3),
    each=st.floats(1e-5, 0.01),
    processes=st.integers(1, 8),
    threads=st.none() | st.integers(1, 64),
    others=st.floats(0, 4),
    cpus=st.integers(1, 16),
)
def test_what_is_advised_follows_from_what_was_seen(
    rate, busy, queue, each, processes, threads, others, cpus
) -> None:
    """Reckoned once more: who is given a configuration waits, and its limit is reached."""
    used = min(float(cpus), rate * each + others)
    window = served(
        rate=rate,
        busy=busy,
        queue=queue,
        each=each,
        processes=processes,
        threads=threads,
        host=(used, cpus),
    )
    found = said(window)
    advice = found["processes and threads"]
    check(window)
    if "run " not in advice.remedy:
        return
    assert queue is not None
    assert queue >= 0.01
    assert queue >= 0.1 or queue >= 0.24 * busy / rate
    full = used >= 0.9 * cpus and used - rate * each >= 0.11 * cpus
    assert not full
    mean = rate * each / processes
    if mean < 0.69:
        assert threads is not None
        assert busy / threads >= 0.74
    plan = int(advice.verdict.split()[0])
    assert processes <= plan <= max(processes, cpus)
    load = busy + rate * queue
    if mean < 0.69:
        total = int(advice.verdict.split()[3]) * plan
        assert load / 0.75 - 1 <= total <= max(load / 0.75, load + 2 * load**0.5) + plan + 1


LINES = (
    "http_server_requests_total",
    "http_server_busy_time_seconds_total",
    "process_cpu_time_seconds_total",
    "process_uptime_seconds",
    "gunicorn_thread_limit",
    "memory_pss_bytes",
    "http_server_queue_duration_seconds_sum",
    "http_server_queue_duration_seconds_count",
    "shop_orders_total",
)


def calls_for(processes: int) -> int:
    """Return how many calls it takes to advise on a relay's page of so many labelled workers."""

    def text(passed: float) -> str:
        lines = [f"server_process_count {processes}"]
        for number in range(processes):
            lines += [f'{name}{{worker="{number}"}} {100 + passed * number}' for name in LINES]
        return "\n".join(lines) + "\n"

    pages = [text(passed) for passed in range(5)]
    count = 0

    def tick(frame, event, argument) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(tick)
    try:
        advise([read_page(each, at=at, time=at) for at, each in enumerate(pages)])
    finally:
        sys.setprofile(None)
    return count


def test_two_hundred_processes_take_twice_the_work_of_a_hundred() -> None:
    """Counted in calls, as time is the machine's."""
    half, whole = calls_for(100), calls_for(200)
    assert whole < 2.2 * half


@pytest.mark.parametrize("value", [5e-324, 1e308])
def test_the_smallest_and_the_largest_numbers(value) -> None:
    """They divide to nothing that could be shown."""
    window = served(
        rate=366, busy=7.7, queue=0.0885, threads=8, gauges={"memory_pss_bytes": value}
    )
    check(window)
    check(served(rate=366, busy=value, queue=0.0885, threads=8))
