"""What is said of series: all of them in a table, or one with all that is known of it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sampler.agent import ABSENT, HistogramValue, running_adapters
from sampler.page.points import Points
from sampler.page.ranks import rank_of

if TYPE_CHECKING:
    from sampler.agent import Series
    from sampler.page.recorder import Recorder

LAST = 60
"""Points that a series' own page has."""


def series_table(recorder: Recorder) -> dict[str, Any]:
    """Return the series that are kept."""
    history = recorder.history
    catalogue, index = history.catalogue, history.index
    table = [_described(number, *each) for number, each in index.items()]
    return {"catalogue": catalogue, "series": table, "omitted": history.omitted}


def one(recorder: Recorder, number: int, kind: str) -> dict[str, Any]:
    """Return all that is known of one series, with its last values."""
    series, sampler = recorder.history.index[number]
    points = Points(recorder.history.rows(points=LAST + 1))
    values = points.of(number, kind)
    if isinstance(values, dict):
        values = [list(each) for each in zip(*values.values(), strict=True)]
    last = [list(each) for each in zip(points.times, values, strict=True)]
    return {
        "series": _described(number, series, sampler),
        "declaration": {
            "name": series.name,
            "kind": series.kind,
            "unit": series.unit,
            "help": series.help,
            "scope": series.scope,
            "merge": series.merge,
            "labels": sorted(series.labels),
            "start": series.start,
        },
        "last": last[-LAST:],
        "total": total(recorder, series),
        "called": called(recorder, series),
    }


def total(recorder: Recorder, series: Series) -> Any:
    """Return what a counter, or a histogram, has counted by the newest pull; None of a gauge."""
    _, snapshot, _ = recorder.newest
    for block in snapshot.blocks if snapshot is not None and series.cumulative else ():
        for each, value in zip(block.series, block.values, strict=True):
            if each is series and value is not ABSENT:
                return _counted(value)
    return None


def _counted(value: Any) -> Any:
    if isinstance(value, HistogramValue):
        return {"count": value.count, "sum": value.sum}
    return value


def called(recorder: Recorder, series: Series) -> dict[str, str]:
    """Return what each adapter's backend calls a series, as far as adapters tell."""
    names: dict[str, str] = {}
    agent = recorder.agent
    for name, adapter in running_adapters(agent).items() if agent is not None else ():
        tell = getattr(adapter, "called", None)
        if agent is not None and tell is not None:
            with suppress(Exception):  # foreign code; the page says nothing then
                names[name] = str(tell(series, agent.identity))
    return names


def _described(number: int, series: Series, sampler: str) -> dict[str, Any]:
    return {
        "id": number,
        "name": series.name,
        "labels": dict(series.labels),
        "kind": series.kind,
        "unit": series.unit,
        "help": series.help,
        "sampler": sampler,
        "rank": rank_of(sampler),
        "scope": series.scope,
    }
