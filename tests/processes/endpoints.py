"""The three endpoints of a life, and what has arrived there.

Graphite is read as a store keeps it, one value for each path and second, in two ways: by the last
value of each path, and by the increases between values, where a lower one begins anew. StatsD's
increments are added up, and the page is asked when somebody wants to know.
"""

from __future__ import annotations

import re
import time
import urllib.request
from collections import defaultdict
from typing import TYPE_CHECKING

from tests.support.doubles import DatagramSink, LineSink
from tests.support.ports import HOST, free_port

if TYPE_CHECKING:
    from tests.processes.judge import Where

SOURCES = {
    "instrument": ("shop.requests", "shop_requests_total"),
    "pull": ("pool.checkouts", "pool_checkouts_total"),
    "histogram": ("shop.latency.count", "shop_latency_seconds_count"),
}
PLACES = ("graphite last", "graphite reset", "statsd", "page")
_REQUEST_LIMIT = 5.0  # seconds
_PID = re.compile(r"\.pool\.pid(\.|$)")


class Endpoints:
    """Graphite over TCP, StatsD over UDP, and the page of whoever listens.

    Attributes:
        graphite_port: where lines are taken.
        statsd_port: where datagrams are taken.
    """

    def __init__(self) -> None:
        self._graphite = LineSink()
        self._statsd = DatagramSink()
        self.graphite_port = self._graphite.port
        self.statsd_port = self._statsd.port
        self._page = free_port()
        self._lines = self._datagrams = 0  # read so far
        self._store: dict[str, dict[int, float]] = defaultdict(dict)
        self._increments: dict[str, float] = defaultdict(float)
        self._pids: dict[int, float] = {}

    def configuration(self, service: str, interval: float) -> str:
        """Return the file that delivers here."""
        prefix = 'prefix = "{service}.{host}.{instance}"'
        return f"""\
interval = {interval}
service = "{service}"
flush_timeout = 3

[samplers]
enable = ["shop", "pool"]

[adapters.graphite]
host = "{HOST}"
port = {self.graphite_port}
{prefix}

[adapters.statsd]
host = "{HOST}"
port = {self.statsd_port}
{prefix}

[adapters.prometheus]
listen = "{HOST}:{self._page}"
"""

    def arrived(self, *, page: bool) -> dict[Where, float]:
        """Return what has arrived since the beginning; nothing of a page that does not answer.

        Args:
            page: whether to ask it.
        """
        self._read()
        totals: dict[Where, float] = {}
        for source, (name, _) in SOURCES.items():
            stored = [
                [value for _, value in sorted(points.items())]
                for path, points in self._store.items()
                if path.endswith(name)
            ]
            totals[source, "graphite last"] = sum(values[-1] for values in stored)
            totals[source, "graphite reset"] = sum(map(_increases, stored))
            totals[source, "statsd"] = self._increments[name]
        text = self._ask() if page else ""
        for source, (_, name) in SOURCES.items():
            values = _on_page(text, name)
            if values:
                totals[source, "page"] = sum(values)
        return totals

    def answers(self) -> bool:
        """Say whether somebody serves the page."""
        return bool(self._ask())

    def reporting(self, since: float) -> set[int]:
        """Return the processes whose own number has come since a moment (epoch seconds)."""
        self._read()
        return {pid for pid, moment in self._pids.items() if moment >= since}

    def _read(self) -> None:
        lines, datagrams = self._graphite.lines, self._statsd.datagrams
        now = time.time()
        for line in lines[self._lines :]:
            path, value, moment = line.decode().split(" ")
            self._store[path][int(moment)] = float(value)
            if _PID.search(path):
                self._pids[int(float(value))] = now
        for datagram in datagrams[self._datagrams :]:
            for line in datagram.decode().splitlines():
                path, _, rest = line.rpartition(":")
                value, kind = rest.split("|")[:2]
                name = next((n for n, _ in SOURCES.values() if path.endswith(n)), "")
                if kind == "c" and name:
                    self._increments[name] += float(value)
        self._lines, self._datagrams = len(lines), len(datagrams)

    def _ask(self) -> str:
        url = f"http://{HOST}:{self._page}/metrics"
        try:
            with urllib.request.urlopen(url, timeout=_REQUEST_LIMIT) as answer:
                text: str = answer.read().decode()
                return text
        except OSError:
            return ""

    def close(self) -> None:
        """Close both."""
        self._graphite.close()
        self._statsd.close()


def _increases(values: list[float]) -> float:
    """Return what a function such as nonNegativeDerivative, with resets counted, adds up to."""
    total = before = 0.0
    for value in values:
        total += value - before if value >= before else value
        before = value
    return total


def _on_page(text: str, name: str) -> list[float]:
    found = re.findall(rf"^{name}(?:\{{[^}}]*\}})? (\S+)", text, re.MULTILINE)
    return [float(value) for value in found]
