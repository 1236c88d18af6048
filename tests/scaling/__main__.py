"""Measure one host, and then ten thousand as far as one machine can have them.

``uv run python -m tests.scaling --write`` takes seven minutes, five of which are 10,000 hosts of
50 series each: their pushes to a ring behind a real carbon-c-relay, and their pages, scraped by a
real Prometheus; ``tests/support/install_servers.sh`` installs both. Everything is on the loopback
interface, and ends by itself. ``--write`` puts the numbers into ``docs/scaling/results.json``.
"""

from __future__ import annotations

import argparse
import json
import platform
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench.mix import BOUNDS
from tests.bench.relay_crowd import INTERVAL, Crowd
from tests.scaling import report
from tests.scaling.population import SERIES, lines, page
from tests.scaling.servers import Endpoint, Ring, Store, used
from tests.support.machine import machine
from tests.support.waiting import wait_for

HOSTS, WORKERS = 10_000, 4
PUSHES = 30.0
"""Seconds of the interval in which each host pushes once."""
SCRAPES = (30, 45.0), (10, 35.0), (5, 30.0), (2, 20.0)
"""Intervals of scrapes, and how many seconds are measured."""


def host(seconds: float) -> dict[str, Any]:
    """Return what a relay costs its host: four workers of 50 series, pushed and scraped."""
    with tempfile.TemporaryDirectory() as folder:
        here = Crowd(Path(folder), BOUNDS, WORKERS, SERIES / 1_000)
        try:
            here.grow(WORKERS)
            wait_for(lambda: here.processes() == WORKERS, 60, pause=0.5)
            time.sleep(2 * INTERVAL)
            before, began = here.cpu(), time.monotonic()
            while time.monotonic() - began < seconds:
                here.page()
                time.sleep(INTERVAL)
            cpu, lasted = here.cpu() - before, time.monotonic() - began
            here.page()
            found = {"% of a core": cpu / lasted * 100, "MB": here.resident()}
            here.stop()
        finally:
            here.close()
    return {**found, "bytes of a push": len(lines()), "bytes of a page": len(page())}


def pushes(hosts: int) -> dict[str, Any]:
    """Return what the ring got when each host pushed at its moment, and when all did at once."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder, Endpoint("sinks") as sinks:
        ring = Ring(Path(folder), sinks.ports)
        with ring:
            for how in ("apart", "together"):
                sinks.told(PUSHES)
                before = used(ring.pid).cpu
                command = [str(ring.line_port), str(hosts), f"{PUSHES:g}", how]
                done = subprocess.run(
                    [sys.executable, "-m", "tests.scaling.pushes", *command],
                    check=True,
                    stdout=subprocess.PIPE,
                    timeout=300,
                )
                found[how] = json.loads(done.stdout)
                found[how]["cpu"] = used(ring.pid).cpu - before
                found[how]["arrived"] = _arrived(sinks, hosts * found[how]["lines"])
    return found


def _arrived(sinks: Endpoint, wanted: int) -> int:
    """Wait until all lines have come, or no more do; return how many."""
    total = quiet = 0
    while total < wanted and quiet < 10:
        time.sleep(0.5)
        more = sinks.told(PUSHES)["lines"]
        total, quiet = total + more, 0 if more else quiet + 1
    return total


def scrapes(hosts: int) -> dict[str, Any]:
    """Return what a Prometheus takes that scrapes all hosts, ever more often."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder, Endpoint("pages") as pages:
        store = Store(Path(folder), pages.ports[0], hosts)
        with store:
            for interval, seconds in SCRAPES:
                store.scrape_every(interval)
                time.sleep(interval + 5.0)
                try:
                    found[str(interval)] = _scraped(store, pages, hosts, interval, seconds)
                except OSError as error:  # it does not answer any more: that is the limit
                    found[str(interval)] = {"wanted a second": hosts / interval}
                    print(f"scrapes every {interval} s: {error}", file=sys.stderr)
                    break
                print(f"scrapes every {interval} s: {found[str(interval)]}", file=sys.stderr)
    return found


def _scraped(
    store: Store, pages: Endpoint, hosts: int, interval: int, seconds: float
) -> dict[str, Any]:
    appended = "prometheus_tsdb_head_samples_appended_total"
    samples, before = store.metrics()[appended], used(store.pid)
    began, served = time.monotonic(), pages.told(interval)["cpu"]
    time.sleep(seconds)
    lasted, after, told = time.monotonic() - began, used(store.pid), pages.told(interval)
    now = store.metrics()
    return {
        "wanted a second": hosts / interval,
        "scrapes a second": told["requests"] / lasted,
        "samples a second": (now[appended] - samples) / lasted,
        "parts": told["parts"],
        "cores": (after.cpu - before.cpu) / lasted,
        "cores of the pages": (told["cpu"] - served) / lasted,
        "MB": after.megabytes,
        "series": now["prometheus_tsdb_head_series"],
        "up": store.value("sum(up)"),
        "scrape p99": store.value("quantile(0.99, scrape_duration_seconds)"),
    }


def main() -> int:
    """Run."""
    parser = argparse.ArgumentParser(prog="python -m tests.scaling", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the results and the page")
    parser.add_argument("--page", action="store_true", help="only write the page's tables anew")
    parser.add_argument("--hosts", type=int, default=HOSTS)
    parser.add_argument("--only", default="", help="host, pushes or scrapes")
    options = parser.parse_args()
    if options.page:
        report.write()
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    kept: dict[str, Any] = json.loads(report.RESULTS.read_text()) if options.only else {}
    found: dict[str, Any] = {
        **kept,
        "machine": f"CPython {platform.python_version()}, {machine()}",
        "hosts": options.hosts,
        "series": SERIES,
    }
    parts = {
        "host": lambda: host(60.0),
        "pushes": lambda: pushes(options.hosts),
        "scrapes": lambda: scrapes(options.hosts),
    }
    for name, measure in parts.items():
        if options.only in ("", name):
            found[name] = measure()
            print(f"{name}: {json.dumps(found[name])}", file=sys.stderr)
    if options.write:
        report.RESULTS.parent.mkdir(exist_ok=True)
        report.RESULTS.write_text(json.dumps(_rounded(found), indent=1) + "\n")
        report.write()
    return 0


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    return float(f"{value:.4g}") if isinstance(value, float) else value


if __name__ == "__main__":
    sys.exit(main())
