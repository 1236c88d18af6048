"""What must be known before a verdict; each was a wrong verdict once."""

from __future__ import annotations

import pytest

from sampler.advise import Scrape, advise, read_page
from tests.advise.made import page, said, scrapes, served

WHAT = "processes and threads"
OVERLOAD = {"rate": 366, "busy": 7.7, "queue": 0.0885, "threads": 8}
SLOWLY = {
    "http_server_request_read_time_seconds_total": 2.0,
    "http_server_response_write_time_seconds_total": 1.0,
}
HELD = {
    "cpython_wakeup_delay_seconds_sum": 0.2,
    "cpython_wakeup_delay_seconds_count": 10.0,
}
SOON = HELD | {"cpython_wakeup_delay_seconds_sum": 0.002}


def test_an_overload_is_advised_on_where_nothing_stands_against_it() -> None:
    """So that what follows shows the guard, and not something else."""
    assert said(served(**OVERLOAD))[WHAT].decided


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"host": (1.9, 2)}, "others use a part"),
        ({"host": None}, "how busy the host's CPUs are"),
        ({"queue": None}, "stamp"),
        ({"threads": None}, "how many threads"),
        ({"busy": 2.0, "threads": 80, "queue": 0.2}, "threads are free"),
        ({"rate": 2.0, "busy": 7.7}, "too few"),
        ({"waits": (0.05, 0.2, 0.4, 0.6)}, "grows"),
        ({"waits": (0.6, 0.4, 0.2, 0.05)}, "falls"),
        ({"gauges": {"gunicorn_worker_limit": 4}}, "of one process"),
        ({"busy": 30}, "contradict"),
        ({"thread_cpu": 1.9}, "contradict"),
        ({"each": 0.02, "host": (1.5, 2)}, "contradict"),
        ({"processes": 4, "each": 0.003, "thread_cpu": 1.0, "host": (1.2, 8)}, "busiest"),
        ({"gauges": {'pgbouncer_client_count{state="waiting"}': 3}}, "PgBouncer"),
        (
            {
                "gauges": {
                    'sqlalchemy_connection_count{db_client_connection_state="used"}': 5,
                    "sqlalchemy_connection_idle_max": 5,
                }
            },
            "SQLAlchemy",
        ),
        ({"each": 0.0022, "thread_cpu": 0.1}, "not for requests"),
        ({"more": SLOWLY}, "clients that send or take slowly"),
        ({"more": HELD}, "as where an extension keeps it"),
        ({"more": {"system_cgroup_cpu_throttled_time_seconds_total": 0.3}}, "CPU limit"),
    ],
)
def test_nothing_is_advised(changes, why) -> None:
    """It says why, and what would decide it."""
    found = said(served(**(OVERLOAD | changes)))[WHAT]
    assert not found.decided
    assert why in found.text
    assert found.decides
    assert not found.remedy


def test_two_scrapes_do_not_tell_whether_waiting_grows() -> None:
    """So there is no number of threads for an overload."""
    both = served(**OVERLOAD)
    found = said([both[0], both[-1]])
    assert "whether the waiting grows" in found[WHAT].text
    assert found["queue"].verdict == "requests wait"


def test_a_growing_queue_is_called_that() -> None:
    """Whatever the number of threads would be."""
    found = said(served(**OVERLOAD, waits=(0.05, 0.2, 0.4, 0.6)))
    assert found["queue"].verdict == "requests wait, and it grows"


def test_a_contended_host_is_not_called_waiting() -> None:
    """14 % of the time was CPU time, and it waited for CPUs all the same."""
    found = said(served(rate=100, busy=7.5, queue=0.05, each=0.005, threads=8, host=(1.99, 2)))
    assert not found["CPU or waiting"].decided
    assert not found["interpreter (GIL)"].decided


def test_writing_that_waits_for_the_interpreter_is_no_slow_client() -> None:
    """Half of the time of requests was spent writing 5 bytes: by the clock, not by the client."""
    more = {
        "http_server_request_read_time_seconds_total": 0.0,
        "http_server_response_write_time_seconds_total": 2.16,
    }
    slow = {"rate": 169, "busy": 4.0, "queue": 0.02, "threads": 8, "more": more}
    assert not said(served(**slow, each=0.0056))["slow clients"].decided
    assert said(served(**slow, each=0.001))["slow clients"].verdict == "they hold threads"


@pytest.mark.parametrize(
    ("more", "each", "verdict"),
    [
        (SOON, 0.0004, "is no limit"),
        (HELD, 0.0004, "is a limit"),
        ({}, 0.0004, "not decided"),
        (SOON, 0.0017, "not decided"),
    ],
)
def test_the_interpreter_may_be_held_by_what_does_not_compute(more, each, verdict) -> None:
    """Low CPU alone says nothing of it: what wakes must be seen to wake soon."""
    found = said(served(**(OVERLOAD | {"each": each, "more": more})))
    assert found["interpreter (GIL)"].verdict == verdict


def test_slow_clients_are_not_called_long_requests() -> None:
    """The long ones hold the threads, and for their sake nothing is to be rewritten."""
    more = SLOWLY | {"http_server_slow_requests_total": 3.0}
    gauges = {"http_server_active_requests_oldest_seconds": 1.0}
    window = served(rate=20, busy=3.9, queue=0.3, threads=4, more=more, gauges=gauges)
    found = said(window)["long requests"]
    assert (found.verdict, found.remedy) == ("hold the threads", "see slow clients")


def test_cpu_is_looked_at_before_utilisation() -> None:
    """4 of 8 threads are busy, and a core is used up."""
    found = said(served(rate=169, busy=4.0, queue=0.02, each=0.0056, threads=8))
    assert found[WHAT].decided
    assert found["CPU or waiting"].verdict == "CPU-bound"


def test_a_relay_that_adds_up_says_what_it_can() -> None:
    """The busiest process uses the mean at least: that is enough for a verdict, or it is not."""
    some = said(served(rate=100, busy=3, queue=0, each=0.009, processes=2, threads=8))
    most = said(served(rate=180, busy=3, queue=0, each=0.009, processes=2, threads=8))
    assert not some["CPU or waiting"].decided
    assert "worker" in some["CPU or waiting"].decides
    assert most["CPU or waiting"].verdict == "CPU-bound"


def workers(cpu: tuple[float, ...], **gauges: float) -> list[Scrape]:
    """Return a relay's window with a label for each of its workers."""
    count = len(cpu)
    rises, shown = {}, {"server_process_count": float(count)}
    shown['system_cpu_logical_count{worker="0"}'] = 2.0
    shown['system_cpu_logical_count{worker="1"}'] = 2.0
    for number, used in enumerate(cpu):
        label = f'worker="{number}"'
        rises[f'process_cpu_time_seconds_total{{cpu_mode="user",{label}}}'] = used
        rises[f"http_server_requests_total{{{label}}}"] = 50.0
        rises[f"http_server_busy_time_seconds_total{{{label}}}"] = 2.0
        rises[f"http_server_thread_cpu_time_seconds_total{{{label}}}"] = used
        for mode, seconds in (("idle", 0.5), ("user", 1.5)):
            labels = f'cpu_mode="{mode}",{label}'
            rises[f"system_cpu_time_seconds_total{{{labels}}}"] = seconds
        shown[f"gunicorn_thread_limit{{{label}}}"] = 4.0
        shown[f"gunicorn_worker_limit{{{label}}}"] = float(count)
        shown[f'listener_backlog_length{{address="a",{label}}}'] = 6.0
        shown[f'listener_backlog_limit{{address="a",{label}}}'] = 10.0
    return scrapes(cumulative=rises, gauges=shown | gauges, host=None)


def test_labels_tell_processes_apart() -> None:
    """Theirs are added up; what is of the host or of one socket is not."""
    found = said(workers((0.9, 0.1)))
    numbers = {n.name: n.value for s in found.values() for n in s.numbers}
    assert found["CPU or waiting"].verdict == "CPU-bound"
    assert numbers["CPU of the busiest process"] == pytest.approx(0.9)
    assert numbers["threads"] == 8
    assert numbers["connections that wait"] == 6
    assert found["backlog"].verdict == "fills"
    quiet = said(workers((0.3, 0.2)))
    assert quiet["next limit"].decided
    numbers = {n.name: n.value for n in quiet["next limit"].numbers}
    bears = numbers["load that CPUs of the host bear, to this load"]
    assert bears == pytest.approx((2 - (1.5 - 0.5)) / 0.5)


def test_unevenly_loaded_processes_are_not_called_a_full_host() -> None:
    """One of three uses its core up, and the host has CPUs left."""
    window = workers((0.9, 0.1, 0.1))
    more = served(rate=150, busy=6, queue=0.1, threads=12)
    joined = [
        Scrape(a.at, a.time, a.values | {k: v for k, v in b.values.items() if "queue" in k}, None)
        for a, b in zip(window, more, strict=True)
    ]
    found = said(joined)[WHAT]
    assert not found.decided
    assert "equally" in found.text


def test_the_processes_clocks_say_what_was_reported() -> None:
    """A relay's page may have covered less than what lies between two readings."""
    found = served(rate=100, busy=2, queue=0.0, threads=8)
    late = [
        read_page(
            page({"process_uptime_seconds": 60.0 + 8 * quarter / 4}), at=each.at, time=each.time
        )
        for quarter, each in enumerate(found)
    ]
    name = "process.uptime"
    mixed = [
        Scrape(a.at, a.time, a.values | {name: b.values[name]}, a.host)
        for a, b in zip(found, late, strict=True)
    ]
    numbers = {n.name: n.value for s in advise(mixed) for n in s.numbers}
    assert numbers["requests a second"] == pytest.approx(1000 / 8)


def test_a_page_that_stands_still() -> None:
    """Nothing was reported in between."""
    still = served(rate=100, busy=2, queue=0.0, threads=8)[0]
    twice = [still, Scrape(still.at + 5, still.time + 5, still.values, still.host)]
    assert all(not each.decided for each in advise(twice))
    assert "reported nothing" in said(twice)[WHAT].text


def test_requests_that_begin_within_the_window_count_from_zero() -> None:
    """The middleware was there, and nothing had ended; had it not been, they would be unknown."""
    window = served(**OVERLOAD)
    first = {k: v for k, v in window[0].values.items() if k != "http.server.requests"}
    none = {k: v for k, v in first.items() if not k.startswith("http.server.")}
    found = said([Scrape(window[0].at, window[0].time, first, window[0].host), *window[1:]])
    numbers = {number.name: number.value for each in found.values() for number in each.numbers}
    assert numbers["requests"] == pytest.approx(1000 + 3660)
    found = said([Scrape(window[0].at, window[0].time, none, window[0].host), *window[1:]])
    assert "do not tell of requests" in found[WHAT].text


def test_a_restart() -> None:
    """What has fallen is named."""
    window = served(**OVERLOAD)
    found = said([*window[1:], Scrape(70, 70, window[0].values, None)])
    assert "http.server.requests" in found[WHAT].text
    assert not any(each.decided for each in found.values())


@pytest.mark.parametrize("count", [0, 1])
def test_less_than_two_scrapes(count) -> None:
    """There is no window, and nothing is said."""
    for each in advise(served(**OVERLOAD)[:count]):
        assert not each.decided
        assert not each.numbers
        assert each.decides


def test_moments_that_do_not_rise() -> None:
    """They are no window."""
    window = served(**OVERLOAD)
    assert not any(each.decided for each in advise(list(reversed(window))))
