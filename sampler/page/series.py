"""What is said of series: all of them in a table, or one with all that is known of it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sampler.agent import running_adapters
from sampler.page.history import points_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sampler.agent import Series
    from sampler.page.history import Row
    from sampler.page.recorder import Recorder


def series_table(recorder: Recorder) -> dict[str, Any]:
    """Return the series that are kept."""
    history = recorder.history
    catalogue = history.catalogue
    table = [_described(number, each, sampler) for number, each, sampler in history.described()]
    return {"catalogue": catalogue, "series": table, "omitted": history.omitted}


def one(recorder: Recorder, number: int, kind: str, rows: Sequence[Row]) -> dict[str, Any]:
    """Return all that is known of one series, with its last values."""
    found = next(each for each in recorder.history.described() if each[0] == number)
    _, series, sampler = found
    points = points_of(rows, number, kind)
    if isinstance(points, dict):
        values: list[Any] = [list(each) for each in zip(*points.values(), strict=True)]
    else:
        values = points
    last = [[row.time, value] for row, value in zip(rows, values, strict=True)]
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
        "last": last[-60:],
        "called": called(recorder, series),
    }


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
        "scope": series.scope,
    }
