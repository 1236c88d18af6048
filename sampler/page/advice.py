"""What ``sampler.advise`` says of the last minutes: it gets what it would read of a page."""

from __future__ import annotations

import math
from collections import deque
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from sampler.advise import Scrape, _next_limit, advise
from sampler.advise._load import load_of
from sampler.advise._names import KEYS, label_name
from sampler.advise._window import Window
from sampler.agent import HistogramValue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sampler.agent import Series, Snapshot

SPACING = 9.5
"""Seconds between two snapshots that are looked at."""
MOST = 31
"""Snapshots that are looked at: five minutes, at the default interval."""
MAX_SERIES = 2000
"""Series of a snapshot that are looked at."""
_HTTP = "http.server."


class Advice:
    """Keeps what ``advise`` reads of snapshots, and asks it when somebody looks."""

    def __init__(self) -> None:
        self._kept: deque[tuple[float, list[tuple[Series, Any]]]] = deque(maxlen=MOST)
        self._made: tuple[float, list[dict[str, Any]], float | None] = (0.0, [], None)

    def note(self, snapshot: Snapshot) -> None:
        """Keep what is read of a snapshot, unless it comes soon after another."""
        newest = self._kept[-1][0] if self._kept else -math.inf
        if 0 <= snapshot.time - newest < SPACING:
            return
        if snapshot.time < newest:  # the clock was set back
            self._kept.clear()
        found = [
            (series, value)
            for block in snapshot.blocks
            for series, value in block
            if series.metric.name in _READ
        ]
        # A relay has pulled before its workers have reported: a window of that knows no rates.
        if self._kept or any(each.metric.name.startswith(_HTTP) for each, _ in found):
            self._kept.append((snapshot.time, found[:MAX_SERIES]))

    def statements(self) -> tuple[list[dict[str, Any]], float | None]:
        """Return what is said, and the utilisation of the threads that serve.

        Nothing is said where no application publishes its requests.
        """
        kept = _of_the_same_processes(self._kept.copy())
        if len(kept) < 2:
            return [], None
        if kept[-1][0] != self._made[0]:
            scrapes = [_scrape(time, entries) for time, entries in kept]
            said = [
                {
                    "cause": each.about,
                    "confidence": each.verdict,
                    "says": "; ".join(filter(None, (each.text, each.remedy))),
                }
                for each in advise(scrapes)
                if each.decided and (each.remedy or each.about == _next_limit.ABOUT)
            ]
            used = load_of(Window(scrapes))["utilisation"]
            self._made = kept[-1][0], said, used
        return self._made[1], self._made[2]


def _of_the_same_processes(
    kept: Sequence[tuple[float, list[tuple[Series, Any]]]],
) -> list[tuple[float, list[tuple[Series, Any]]]]:
    """Return the newest of these that tell of as many processes as the last one.

    What more or fewer have counted would be taken for more or less load.
    """
    found = list(kept)
    wanted = _processes(found[-1][1]) if found else None
    alike = takewhile(lambda each: _processes(each[1]) == wanted, reversed(found))
    return list(alike)[::-1]


def _processes(entries: list[tuple[Series, Any]]) -> tuple[int, object]:
    """Return how many ages of processes are told, and how many processes a relay says."""
    ages = sum(series.metric.name == "process.uptime" for series, _ in entries)
    count = (v for series, v in entries if series.metric.name == "server.process.count")
    return ages, next(count, None)


def _parts(name: str) -> str:
    for part in (".sum", ".count"):
        if name.endswith(part) and name not in _GAUGES:
            return name.removesuffix(part)
    return name


_GAUGES = frozenset(name for name in KEYS if f"{name.removesuffix('.count')}.sum" not in KEYS)
_READ = frozenset(map(_parts, KEYS))


def _scrape(time: float, entries: list[tuple[Series, Any]]) -> Scrape:
    values: dict[str, list[tuple[dict[str, str], float]]] = {}
    for series, value in entries:
        name = series.metric.name
        labels = {label_name(key): text for key, text in series.labels.items()}
        if isinstance(value, HistogramValue):
            values.setdefault(f"{name}.count", []).append((labels, float(value.count)))
            if value.sum is not None:
                values.setdefault(f"{name}.sum", []).append((labels, float(value.sum)))
        elif name in KEYS:
            values.setdefault(name, []).append((labels, float(value)))
    return Scrape(time, time, {name: tuple(each) for name, each in values.items()})
