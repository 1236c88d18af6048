"""The paths below ``/live/``: what each answers, as JSON or as a file of the page."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from sampler.adapterkit.http_server import Answer, plain_answer
from sampler.page.files import file_answer
from sampler.page.history import points_of
from sampler.page.now import now
from sampler.page.recorder import Recorder
from sampler.page.series import one, series_table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sampler.adapterkit.http_server import Request
    from sampler.agent import Agent
    from sampler.page.history import Row

PREFIX = "/live"
JSON = "application/json; charset=utf-8"
_POINTS, _MOST_POINTS = 60, 3600
_SECONDS = 3600.0
_MOST_VALUES = 500_000
"""Numbers of one answer, at most."""


class QueryError(ValueError):
    """A query that asks for nothing; the text says why."""


def recorder_of(agent: Agent | None) -> Recorder | None:
    """Return what keeps the history of an agent; None: nothing does."""
    for each in agent.settings.adapters if agent is not None else ():
        if isinstance(each.adapter, Recorder):
            return each.adapter
    return None


def live_answers(agent: Agent | None, request: Request) -> Answer | None:
    """Return the answer to a request below ``/live/``; None: it is for another path.

    It never pulls, and takes milliseconds.

    Args:
        agent: whose page it is.
        request: the request.
    """
    path = request.path
    if path != PREFIX and not path.startswith(f"{PREFIX}/"):
        return None
    if request.method not in ("GET", "HEAD"):
        return plain_answer(405, fields=(("Allow", "GET, HEAD"),))
    name = path.removeprefix(f"{PREFIX}/")
    recorder = recorder_of(agent)
    if recorder is None:
        return _said(404, {"error": "no history is kept here: set live = true"})
    answer = _ANSWERS.get(name)
    if answer is None:
        return file_answer(path) or _said(404, {"error": "there is no such path"})
    try:
        return _said(200, answer(recorder, dict(parse_qsl(request.query))))
    except QueryError as error:
        return _said(400, {"error": str(error)})
    except LookupError as error:
        return _said(404, {"error": str(error.args[0])})


def _said(status: int, value: Any) -> Answer:
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return Answer(status, text.encode(), JSON, (("Cache-Control", "no-store"), *SAFE))


SAFE = (("X-Content-Type-Options", "nosniff"),)


def _now(recorder: Recorder, query: Mapping[str, str]) -> Any:
    del query
    return now(recorder)


def _series(recorder: Recorder, query: Mapping[str, str]) -> Any:
    del query
    return series_table(recorder)


def _values(recorder: Recorder, query: Mapping[str, str]) -> Any:
    points = _number(query, "points", _POINTS, _MOST_POINTS)
    rows = recorder.history.rows(points=points + 1)
    return _points(recorder, rows, _wanted(recorder, query), points)


def _history(recorder: Recorder, query: Mapping[str, str]) -> Any:
    if "ids" not in query:
        raise QueryError("ids: name the series, as ids=1,2")
    seconds = _number(query, "seconds", int(_SECONDS), int(_SECONDS))
    rows = recorder.history.rows(seconds=float(seconds))
    return _points(recorder, rows, _wanted(recorder, query), len(rows))


def _one(recorder: Recorder, query: Mapping[str, str]) -> Any:
    found = _wanted(recorder, {"ids": query.get("id", "")})
    ((number, kind),) = found.items()
    rows = recorder.history.rows()
    return one(recorder, number, kind, rows)


def _points(
    recorder: Recorder, rows: Sequence[Row], wanted: Mapping[int, str], points: int
) -> Any:
    if len(wanted) * max(1, len(rows)) > _MOST_VALUES:
        raise QueryError("too many numbers at once: name fewer ids, or fewer points")
    shown = rows[-points:]
    cut = len(rows) - len(shown)
    values = {str(n): _cut(points_of(rows, n, kind), cut) for n, kind in wanted.items()}
    return {
        "time": rows[-1].time if rows else 0.0,
        "catalogue": recorder.history.catalogue,
        "times": [row.time for row in shown],
        "values": values,
    }


def _cut(points: Any, cut: int) -> Any:
    if isinstance(points, dict):
        return {name: column[cut:] for name, column in points.items()}
    return points[cut:]


def _wanted(recorder: Recorder, query: Mapping[str, str]) -> dict[int, str]:
    """Return the series that a query names, each with its kind."""
    there = {number: each.kind for number, each in recorder.history.series()}
    if "ids" not in query:
        return there
    words = [word for word in query["ids"].split(",") if word]
    if not words or not all(word.isascii() and word.isdecimal() for word in words):
        raise QueryError("ids are numbers of series.json, separated by commas")
    numbers = [int(word[:18]) for word in words]
    for number in numbers:
        if number not in there:
            raise LookupError(f"there is no series {number} now: read series.json again")
    return {number: there[number] for number in numbers}


def _number(query: Mapping[str, str], key: str, default: int, most: int) -> int:
    text = query.get(key, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= most):
        raise QueryError(f"{key}: expected a number from 1 to {most}")
    return int(text)


_ANSWERS: dict[str, Callable[[Recorder, Mapping[str, str]], Any]] = {
    "now.json": _now,
    "series.json": _series,
    "values.json": _values,
    "history.json": _history,
    "one.json": _one,
}
