"""What has to come back: all that an adapter's loss report does not name, and that alone.

The report is that of ``sampler check``: which metrics of a snapshot lose what.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import sampler
from sampler.agent import HistogramValue
from sampler.cli.unsupported import affected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sampler import Series, Snapshot


@dataclass(frozen=True)
class Row:
    """What is known of one series."""

    kind: str
    unit: str
    help: str
    value: Any

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Row):
            return NotImplemented
        about = (self.kind, self.unit, self.help) == (other.kind, other.unit, other.help)
        return about and alike(self.value, other.value)

    __hash__ = None  # type: ignore[assignment]


def alike(one: Any, other: Any) -> bool:
    """Tell whether values are the same; histograms are if they tell the same counts."""
    if not (isinstance(one, HistogramValue) and isinstance(other, HistogramValue)):
        return bool(one == other)
    return (
        (one.count, one.sum, one.scale) == (other.count, other.sum, other.scale)
        and one.resampled(other.bounds).counts == other.counts
        and other.resampled(one.bounds).counts == one.counts
    )


def pulled(made: Any) -> Snapshot:
    """Return what one sampler yields, as a consumer gets it; nothing of it is refused."""
    registry = sampler.Registry()
    registry.register(made)
    with sampler.Collector(registry, name="judge", interval=10) as collector:
        snapshot = collector.collect()
        assert not snapshot.failures
        assert not any(each.refused for each in collector.statistics())
    return snapshot


def rows(entries: Iterable[tuple[Series, Any]], prefix: str = "") -> dict[Any, Row]:
    """Return entries by name and labels; of those with other beginnings of names, nothing."""
    return {
        (s.name.removeprefix(prefix), tuple(sorted(s.labels.items()))): Row(
            s.kind, s.unit, s.help, value
        )
        for s, value in entries
        if s.name.startswith(prefix)
    }


def with_a_double_sum(value: HistogramValue) -> HistogramValue:
    """Return a histogram with its sum as a double."""
    total = None if value.sum is None else float(value.sum)
    return HistogramValue(value.count, total, value.buckets, value.scale, value.zero_threshold)


def whole_doubles(row: Row, series: Series) -> Row:
    """Return what is left of a number, or a histogram's, as doubles."""
    del series
    value = row.value
    if isinstance(value, HistogramValue):
        counts = [int(float(count)) for count in value.counts]
        total = None if value.sum is None else float(value.sum)
        buckets = tuple(zip(value.bounds, counts, strict=True))
        count = int(float(value.count))
        shape = value.scale, value.zero_threshold
        return replace(row, value=HistogramValue(count, total, buckets, *shape))
    return replace(row, value=float(value))


def judge(
    adapter: Any,
    snapshot: Snapshot,
    found: Mapping[Any, Row],
    spread: Callable[[Series, Any], Mapping[Any, Row]],
    instead: Mapping[str, Callable[[Any, Series], Any]],
) -> set[str]:
    """Compare what came back with what an adapter says of its losses.

    Args:
        adapter: whose loss report it is.
        snapshot: what it was given.
        found: what came back.
        spread: the rows of ``found`` that a series and its row become.
        instead: by a word of the report, what comes back instead of a row; None: nothing.

    Returns:
        The words of the report, but for times, which are not compared here.
    """
    report = {word: set(metrics) for word, metrics, _ in affected(adapter, snapshot)}
    report.pop("timestamps", None)
    changed: dict[str, set[str]] = {word: set() for word in report}
    expected: dict[Any, Row] = {}
    for series, value in snapshot:
        row: Any = Row(series.kind, series.unit, series.help, value)
        for word, metrics in report.items():
            if series.name in metrics:
                lost = instead[word](row, series)
                if lost != row:
                    changed[word].add(series.name)
                row = lost
        expected |= spread(series, row)
    other = {
        key: (expected.get(key), found.get(key))
        for key in expected.keys() | found.keys()
        if expected.get(key) != found.get(key)
    }
    assert not other, f"expected, found: {other}"
    assert changed == report, f"losses occur {changed}, and the report names {report}"
    return set(report)
