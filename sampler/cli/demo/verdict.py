"""Whether the demo's receivers hold what was collected."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs

from sampler.adapterkit.dotted_paths import series_path
from sampler.agent import DELIVERED, Batch, HistogramValue

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sampler.agent import Balance, Outcome, Series, Since, Snapshot
    from sampler.cli.demo.receivers import GraphiteReceiver, Scraper, StatsDReceiver

PREFIX = "demo"


class Recorder:
    """An adapter that keeps every value: the other adapters' receivers are compared with it.

    Attributes:
        first: each series' first value, or 0 when its first value counts whole.
        last: each series' newest value.
        pulls: snapshots seen.
    """

    def __init__(self) -> None:
        self.pulls: int = 0
        self.first: dict[Series, float | HistogramValue] = {}
        self.last: dict[Series, float | HistogramValue] = {}

    def encode(self, snapshot: Snapshot, since: Since) -> Iterator[Batch]:
        """Keep every entry's value."""
        del since
        for series, value in snapshot:
            if series not in self.last:
                whole = series.start is not None and series.start >= snapshot.start
                self.first[series] = 0 if whole else value
            self.last[series] = value
        self.pulls += 1
        yield Batch((), len(snapshot))

    def send(self, batch: Batch, timeout: float) -> Outcome:
        """Send nothing."""
        del batch, timeout
        return DELIVERED


@attrs.frozen
class Verdict:
    """One adapter's balance beside its receiver's count.

    Attributes:
        adapter: the adapter's name.
        balance: what the adapter did with its entries.
        counted: what the receiver counted, in words.
        faults: where the two differ.
    """

    adapter: str
    balance: Balance
    counted: str
    faults: tuple[str, ...]


def graphite(balance: Balance, receiver: GraphiteReceiver, recorder: Recorder) -> Verdict:
    """Compare entry counts, and every path's last value."""
    faults = _ledger(balance)
    if receiver.entries != balance.delivered:
        faults.append(f"received {receiver.entries} entries, delivered {balance.delivered}")
    for series, value in recorder.last.items():
        for name, number in _numbers(series, value):
            faults += _differs(name, receiver.last.get(name), number)
    counted = f"received {receiver.entries} entries, in {receiver.lines} lines"
    return Verdict("graphite", balance, counted, (*faults, *_bad(receiver.bad)))


def prometheus(balance: Balance, scraper: Scraper) -> Verdict:
    """Compare entry counts."""
    faults = _ledger(balance)
    if scraper.entries != balance.delivered:
        faults.append(f"scraped {scraper.entries} entries, delivered {balance.delivered}")
    counted = f"received {scraper.entries} entries, in {scraper.scrapes} scrapes"
    return Verdict("prometheus", balance, counted, (*faults, *_bad(scraper.bad)))


def statsd(balance: Balance, receiver: StatsDReceiver, recorder: Recorder) -> Verdict:
    """Compare each gauge's last value, and each counter's sum with last value minus first."""
    faults = _ledger(balance)
    gauges = counters = 0
    for series, value in recorder.last.items():
        for name, number in _numbers(series, value):
            if series.cumulative:
                counters += 1
                baseline = dict(_numbers(series, recorder.first[series])).get(name, 0)
                faults += _differs(name, receiver.sums.get(name, 0), number - baseline)
            else:
                gauges += 1
                faults += _differs(name, receiver.gauges.get(name), number)
    lines = f"received {receiver.lines} lines"
    counted = f"{lines}: {gauges} last gauges, {counters} sums of differences"
    return Verdict("statsd", balance, counted, (*faults, *_bad(receiver.bad)))


def _numbers(series: Series, value: float | HistogramValue) -> Iterator[tuple[str, float]]:
    if isinstance(value, HistogramValue):
        yield _name(series, "count"), value.count
        yield _name(series, "sum"), value.sum or 0.0
    else:
        yield _name(series), value


def _name(series: Series, suffix: str = "") -> str:
    return f"{PREFIX}.{series_path(series.name, series.labels, suffix)}"


def _ledger(balance: Balance) -> list[str]:
    faults = [] if balance.holds else ["its ledger does not balance"]
    lost: Mapping[str, int] = {reason: n for reason, n in balance.dropped.items() if n}
    if lost or balance.queued:
        faults.append(f"dropped {dict(lost)}, queued {balance.queued}")
    return faults


def _differs(name: str, received: float | None, collected: float) -> list[str]:
    if received is not None and math.isclose(received, collected, rel_tol=1e-9, abs_tol=1e-9):
        exact = not isinstance(collected, int) or received == collected
        if exact:
            return []
    return [f"{name}: received {received!r}, collected {collected!r}"]


def _bad(lines: int) -> tuple[str, ...]:
    return (f"{lines} lines could not be read",) if lines else ()
