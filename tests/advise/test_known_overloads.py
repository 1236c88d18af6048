"""Overloads that were measured: what was right for them, from the figures that were seen then."""

from __future__ import annotations

import pytest

from sampler.advise._capacity import processes_for, threads_for
from tests.advise.made import figure, said, served

WHAT = "processes and threads"
WAITING = "requests at once, those that wait included"


@pytest.mark.parametrize(("load", "threads"), [(40.1, 54), (8.7, 15), (12.0, 19), (0.1, 1)])
def test_threads_are_three_quarters_or_two_deviations(load, threads) -> None:
    """As it was found for three loads."""
    assert threads_for(load) == threads


@pytest.mark.parametrize(
    ("rate", "each", "processes"), [(169, 0.00574, 2), (366, 0.0004, 1), (280, 0.005, 2)]
)
def test_a_process_is_planned_for_seven_tenths_of_a_core(rate, each, processes) -> None:
    """Rate times CPU a request."""
    assert processes_for(rate, each) == processes


def test_too_few_threads() -> None:
    """2x4, 20 ms, 40 clients: 2x27 took the queue from 87 to 2.6 ms."""
    window = served(rate=366, busy=7.7, queue=0.0885, processes=2, threads=8)
    found = said(window)
    assert found[WHAT].verdict == "2 processes with 27 threads each"
    assert figure(found[WHAT], WAITING) == pytest.approx(40.1, abs=0.1)
    assert "--workers 2 --threads 27" in found[WHAT].remedy
    assert found["CPU or waiting"].verdict == "I/O-bound"
    assert found["queue"].verdict == "requests wait"
    assert found["next limit"].verdict == "threads, now"


def test_afterwards_it_is_no_overload() -> None:
    """2x27: 1,640 a second, 2.6 ms of waiting; a queue of that was once called an overload."""
    window = served(rate=1640, busy=34, queue=0.0026, each=0.0004, processes=2, threads=54)
    found = said(window)
    assert found[WHAT].verdict == "enough"
    assert not found[WHAT].remedy
    assert found["queue"].verdict == "none"


def test_long_requests() -> None:
    """1x4, four long ones and four short: 1x15 took the short ones' p95 from 2.03 s to 16 ms."""
    gauges = {"http_server_active_requests_oldest_seconds": 1.8}
    window = served(rate=6.9, busy=3.97, queue=0.686, threads=4, gauges=gauges, seconds=20.0)
    found = said(window)
    assert found[WHAT].verdict == "1 process with 15 threads"
    assert found["long requests"].verdict == "hold the threads"


@pytest.mark.parametrize(
    ("oldest", "slow", "busy", "verdict"),
    [
        (0.02, 0.0, 3.9, "hold no threads"),
        (0.76, 2.0, 3.9, "hold the threads"),
        (0.02, 0.1, 3.9, "hold no threads"),
        (1.8, 0.0, 3.9, "hold the threads"),
        (1.8, 2.0, 1.0, "hold no threads"),
    ],
)
def test_long_requests_are_seen_by_their_number_too(oldest, slow, busy, verdict) -> None:
    """Five readings of the oldest one may all come when it is young."""
    gauges = {"http_server_active_requests_oldest_seconds": oldest}
    more = {"http_server_slow_requests_total": slow}
    window = served(rate=20, busy=busy, queue=0.3, threads=4, gauges=gauges, more=more)
    assert said(window)["long requests"].verdict == verdict


def test_cpu_and_waiting() -> None:
    """1x4, 2 ms of CPU and 30 ms of waiting, 12 clients: 2x10 gave 278 a second for 114."""
    window = served(rate=114, busy=3.8, queue=0.072, each=0.002, threads=4)
    assert said(window)[WHAT].verdict == "2 processes with 10 threads each"


CPU = {"rate": 169, "busy": 4.0, "queue": 0.0215, "each": 0.00562, "threads": 8}


def test_cpu_on_an_idle_host() -> None:
    """1x8, 5 ms of CPU, 8 clients: 2x4 gave 330 a second for 169; utilisation was 27 to 52 %."""
    found = said(served(**CPU))
    assert found["CPU or waiting"].verdict == "CPU-bound"
    assert found[WHAT].verdict == "2 processes with 4 threads each"
    assert "how many threads is not decided" in found[WHAT].text
    assert "the host is full then" in found[WHAT].text
    assert found["interpreter (GIL)"].verdict == "is a limit"


def test_cpu_on_a_busy_host() -> None:
    """2x4 did not help there: nothing is advised, and CPU-bound it is all the same."""
    found = said(served(**CPU, host=(1.99, 2)))
    assert not found[WHAT].decided
    assert "others" in found[WHAT].text
    assert found["CPU or waiting"].verdict == "CPU-bound"
    assert not found["next limit"].decided


def test_two_processes_that_use_all_of_the_host() -> None:
    """More of them would not help, and that is said."""
    window = served(
        rate=330, busy=6.0, queue=0.1, each=0.0059, processes=2, threads=8, host=(1.98, 2)
    )
    found = said(window)
    assert found[WHAT].verdict == "the host is full"
    assert "CPUs" in found[WHAT].remedy


def test_synchronous_workers() -> None:
    """Two sync workers, 40 clients: 409 ms of waiting, 38 in the backlog, CPU 0.06."""
    gauges = {
        'listener_backlog_length{address="127.0.0.1:8000"}': 38.0,
        'listener_backlog_limit{address="127.0.0.1:8000"}': 2048.0,
    }
    window = served(
        rate=93, busy=1.9, queue=0.409, each=0.0006, processes=2, threads=2, gauges=gauges
    )
    found = said(window)
    assert found[WHAT].verdict == "2 processes with 27 threads each"
    assert found["backlog"].verdict == "connections wait"


@pytest.mark.parametrize(
    ("clients", "waiting", "writing", "verdict"),
    [(2, 0.001, 3, "none"), (20, 0.195, 21, "at the application's threads")],
)
def test_a_funnel(clients, waiting, writing, verdict) -> None:
    """1x2 behind nginx: 1.9 of 2 are busy whatever comes; nginx tells the difference."""
    del clients
    gauges = {
        'nginx_connection_count{state="writing"}': writing,
        'nginx_connection_count{state="reading"}': 0.0,
        "listener_backlog_length": 0.0,
        "listener_backlog_limit": 128.0,
    }
    found = said(served(rate=93, busy=1.9, queue=waiting, threads=2, gauges=gauges))
    assert found["funnel"].verdict == verdict
    assert found["backlog"].verdict == "empty"


def test_clients_who_give_up() -> None:
    """160 left at their second, 158 were late at the start, and 192 were served."""
    more = {
        "http_server_abandoned_requests_total": 16.0,
        "http_server_stale_requests_total": 15.8,
    }
    found = said(served(rate=35.2, busy=2.0, queue=1.1, threads=2, more=more))
    assert found["clients who left"].verdict == "they leave"
    assert "shed" in found["clients who left"].remedy
    assert figure(found["clients who left"], "left") == pytest.approx(160)


def test_slow_heads() -> None:
    """Nothing is busy, and nginx waits for four heads."""
    gauges = {'nginx_connection_count{state="reading"}': 4.0}
    found = said(served(rate=0.1, busy=0.0, threads=4, gauges=gauges))
    assert found["slow clients"].verdict == "slow heads, at nginx"


def test_slow_bodies_and_readers() -> None:
    """Reads 1.1, writes 1.1 seconds a second, the oldest 2.6 s, nothing in the queue."""
    more = {
        "http_server_request_read_time_seconds_total": 1.1,
        "http_server_response_write_time_seconds_total": 1.1,
    }
    found = said(served(rate=5, busy=2.9, queue=0.0, threads=4, more=more))
    assert found["slow clients"].verdict == "they hold threads"
    assert found["queue"].verdict == "none"


@pytest.mark.parametrize(
    ("share", "verdict"), [(0.42, "connecting costs"), (0.05, "a small part")]
)
def test_connecting_to_a_database(share, verdict) -> None:
    """42 % of the time with a connection for each request, 5 % with PgBouncer."""
    more = {
        'db_client_connection_create_time_seconds_sum{db_system_name="postgresql"}': share * 2.0,
        'db_client_connection_create_time_seconds_count{db_system_name="postgresql"}': 331.0,
    }
    found = said(served(rate=331, busy=2.0, queue=0.0, threads=8, more=more))
    assert found["database"].verdict == verdict


def test_memory_of_one_process_more() -> None:
    """The sum of PSS and one USS: 116 MiB were predicted, 115.4 measured; RSS says twice that."""
    mib = 2.0**20
    gauges = {
        "memory_pss_bytes": 80 * mib,
        "memory_unique_bytes": 2 * 36 * mib,
        "system_memory_available_bytes": 1000 * mib,
    }
    found = said(served(rate=93, busy=1.0, queue=0.0, processes=2, threads=8, gauges=gauges))
    assert found["memory if grown"].verdict == "enough"
    assert figure(found["memory if grown"], "with 1 more") == pytest.approx(116 * mib)


@pytest.mark.parametrize(
    ("first", "verdict"), [(0.41, "the first request pays"), (0.02, "nothing to pay")]
)
def test_lazy_loading(first, verdict) -> None:
    """Django's first request took 408 ms, with --preload, too."""
    gauges = {
        "http_server_first_request_duration_seconds": first,
        "http_server_modules_loaded_total": 8.0,
    }
    found = said(served(rate=93, busy=1.9, queue=0.0, threads=2, gauges=gauges))
    assert found["start-up"].verdict == verdict
