"""Windows made of known figures, as pages that are then read."""

from __future__ import annotations

from typing import Any

from sampler.advise import Host, Scrape, advise, read_page

QUARTERS = 4


def page(values: dict[str, float]) -> str:
    """Return a page of these lines."""
    return "".join(f"{name} {value!r}\n" for name, value in values.items())


def scrapes(
    *,
    seconds: float = 10.0,
    cumulative: dict[str, float] | None = None,
    gauges: dict[str, float] | None = None,
    host: tuple[float, int] | None = (0.2, 2),
    waits: tuple[float, ...] | None = None,
    ages: bool = True,
) -> list[Scrape]:
    """Return five scrapes of a window.

    Args:
        seconds: its length.
        cumulative: by how much each rises in a second; all have risen before.
        gauges: that stay.
        host: CPUs in use, and how many there are.
        waits: mean seconds of waiting in each quarter; None: it is in ``cumulative``.
        ages: whether the page tells of the process' age.
    """
    rises, found, waited = dict(cumulative or {}), [], 100.0
    count = "http_server_queue_duration_seconds_count"
    for quarter in range(QUARTERS + 1):
        passed = seconds * quarter / QUARTERS
        values = {name: 1000.0 + rise * passed for name, rise in rises.items()}
        values |= gauges or {}
        if ages:
            values["process_uptime_seconds"] = 60.0 + passed
        if waits is not None:
            if quarter:
                waited += waits[quarter - 1] * rises[count] * seconds / QUARTERS
            values["http_server_queue_duration_seconds_sum"] = waited
        times = None
        if host is not None:
            used, cpus = host
            times = Host(500 + used * passed, 900 + (cpus - used) * passed, cpus)
        found.append(read_page(page(values), at=50 + passed, time=1e9 + passed, host=times))
    return found


def served(
    *,
    rate: float,
    busy: float,
    queue: float | None = None,
    each: float = 0.0004,
    processes: int = 1,
    threads: int | None = None,
    thread_cpu: float | None = None,
    more: dict[str, float] | None = None,
    gauges: dict[str, float] | None = None,
    **other: Any,
) -> list[Scrape]:
    """Return a window of a server that serves.

    Args:
        rate: requests a second.
        busy: requests at once in the application.
        queue: mean seconds of waiting by stamps; None: there are no stamps.
        each: CPU seconds of a request.
        processes: how many; from two on the page is a relay's.
        threads: of all processes; None: no server tells.
        thread_cpu: CPUs of serving threads; None: all that processes use.
        more: further cumulative lines.
        gauges: further gauges.
        other: as for :func:`scrapes`.
    """
    cpu = rate * each
    rises = {
        'http_server_requests_total{http_response_status_class="2xx"}': rate,
        "http_server_busy_time_seconds_total": busy,
        "http_server_slow_requests_total": 0.0,
        "http_server_thread_cpu_time_seconds_total": cpu if thread_cpu is None else thread_cpu,
        'process_cpu_time_seconds_total{cpu_mode="user"}': cpu * 0.75,
        'process_cpu_time_seconds_total{cpu_mode="system"}': cpu * 0.25,
    }
    if queue is not None:
        rises["http_server_queue_duration_seconds_count"] = rate
        rises["http_server_queue_duration_seconds_sum"] = rate * queue
    shown = dict(gauges or {})
    if processes > 1:
        shown["server_process_count"] = processes
    if threads is not None:
        shown["gunicorn_thread_limit"] = threads
    host = other.pop("host", (cpu + 0.1, 2))
    return scrapes(cumulative=rises | (more or {}), gauges=shown, host=host, **other)


def said(window: list[Scrape]) -> dict[str, Any]:
    """Return the statements of a window by what they are about."""
    return {each.about: each for each in advise(window)}


def figure(statement: Any, name: str) -> float:
    """Return a number of a statement by its name."""
    (found,) = [number.value for number in statement.numbers if number.name == name]
    return found
