"""The paths below ``/live/``: what each answers, as JSON or as a file of the page."""

from __future__ import annotations

from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from sampler.adapterkit.http_server import Answer, plain_answer
from sampler.adapterkit.threads import Lock
from sampler.agent import GiveWayTimer, running_adapters
from sampler.page.encoding import encoded
from sampler.page.files import file_answer
from sampler.page.now import now
from sampler.page.passed import LONGEST, passed
from sampler.page.points import Points
from sampler.page.recorder import Recorder
from sampler.page.series import one, series_table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sampler.adapterkit.http_server import Request
    from sampler.agent import Agent
    from sampler.page.history import Row

    _Make = Callable[[Recorder, Mapping[str, str]], Any]

PREFIX = "/live"
FRESH = 0.5
"""Seconds for which what is so now is told again; other answers are, until the next pull."""
MAX_KEPT = 2 * 2**20
"""Bytes of the answers that are kept so."""
SAFE = (("X-Content-Type-Options", "nosniff"),)
JSON = "application/json; charset=utf-8"
_POINTS, _MOST_POINTS = 60, 3600
_SECONDS = 3600.0
_MOST_VALUES = 350_000
"""Numbers of one answer, at most."""


class QueryError(ValueError):
    """A query that asks for nothing; the text says why."""


class LivePage:
    """Answers requests below ``/live/`` without a pull. Safe to use from any thread.

    What several viewers ask for at once is made once.

    Args:
        agent: whose page it is.
    """

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._lock = Lock()
        self._newest: object = None
        self._kept: dict[tuple[str, str], tuple[float, Answer]] = {}
        """What was answered since the newest pull, each with the moment until which it is true."""

    def wants(self, request: Request) -> bool:
        """Tell whether a request is for a path below ``/live/``."""
        return request.path == PREFIX or request.path.startswith(f"{PREFIX}/")

    def answers(self, requests: Sequence[Request]) -> list[Answer]:
        """Return an answer for each request, in milliseconds."""
        return [self.answer(request) for request in requests]

    def answer(self, request: Request) -> Answer:
        """Return the answer to one request."""
        if request.method not in ("GET", "HEAD"):
            return plain_answer(405, fields=(("Allow", "GET, HEAD"),))
        recorder = self._recorder
        if recorder is None:
            return _said(404, {"error": "no history is kept here: set live = true"})
        make = _ANSWERS.get(request.path.removeprefix(f"{PREFIX}/"))
        if make is None:
            found = file_answer(request.path)
            return found or _said(404, {"error": "there is no such path below /live/"})
        return self._shared(recorder, request, make)

    @property
    def _recorder(self) -> Recorder | None:
        """What keeps the history of the agent; None: nothing does."""
        adapters = running_adapters(self._agent).values()
        return next((each for each in adapters if isinstance(each, Recorder)), None)

    def _shared(self, recorder: Recorder, request: Request, make: _Make) -> Answer:
        key = request.path, request.query
        with self._lock:
            now, newest = monotonic(), recorder.newest
            if newest is not self._newest:
                self._newest, self._kept = newest, {}
            until, answer = self._kept.get(key, (0.0, None))
            if answer is None or until < now:
                answer = _made(recorder, request.query, make)
                self._keep(key, inf if make is not _now else now + FRESH, answer)
        return answer

    def _keep(self, key: tuple[str, str], until: float, answer: Answer) -> None:
        size = sum(len(each.body) for _, each in self._kept.values())
        if size + len(answer.body) <= MAX_KEPT:
            self._kept[key] = until, answer


def _made(recorder: Recorder, query: str, make: _Make) -> Answer:
    try:
        return _said(200, make(recorder, dict(parse_qsl(query, keep_blank_values=True))))
    except QueryError as error:
        return _said(400, {"error": str(error)})
    except LookupError as error:
        return _said(404, {"error": str(error.args[0])})


def _said(status: int, value: Any) -> Answer:
    return Answer(status, encoded(value), JSON, (("Cache-Control", "no-store"), *SAFE))


def _now(recorder: Recorder, query: Mapping[str, str]) -> Any:
    del query
    return now(recorder)


def _series(recorder: Recorder, query: Mapping[str, str]) -> Any:
    del query
    return series_table(recorder)


def _values(recorder: Recorder, query: Mapping[str, str]) -> Any:
    points = _number(query, "points", _POINTS, _MOST_POINTS)
    rows = recorder.history.rows(points=points + 1)
    return _points(recorder, rows, _wanted(recorder, query), max(0, len(rows) - points))


def _history(recorder: Recorder, query: Mapping[str, str]) -> Any:
    if "ids" not in query:
        raise QueryError("ids: name the series, as ids=1,2")
    seconds = _number(query, "seconds", int(_SECONDS), int(_SECONDS))
    rows = recorder.history.rows(seconds=float(seconds))
    return _points(recorder, rows, _wanted(recorder, query), 0)


def _one(recorder: Recorder, query: Mapping[str, str]) -> Any:
    ((number, kind),) = _wanted(recorder, {"ids": query.get("id", "")}).items()
    return one(recorder, number, kind)


def _points(recorder: Recorder, rows: Sequence[Row], wanted: Mapping[int, str], cut: int) -> Any:
    if len(wanted) * max(1, len(rows)) > _MOST_VALUES:
        raise QueryError("too many numbers at once: name fewer ids, or fewer points")
    points, turn = Points(rows, cut), GiveWayTimer()
    values = {}
    for number, kind in wanted.items():
        values[str(number)] = points.of(number, kind)
        turn.give_way_if_due()
    return {
        "time": rows[-1].time if rows else 0.0,
        "catalogue": recorder.history.catalogue,
        "times": points.times,
        "values": values,
    }


def _wanted(recorder: Recorder, query: Mapping[str, str]) -> dict[int, str]:
    """Return the series that a query names, each with its kind."""
    index = recorder.history.index
    if "ids" not in query:
        return {number: each.kind for number, (each, _) in index.items()}
    words = [word for word in query["ids"].split(",") if word]
    if not words or not all(word.isascii() and word.isdecimal() for word in words):
        raise QueryError("ids are numbers of series.json, separated by commas")
    numbers = [int(word[:18]) for word in words]
    if query.get("gone") == "skip":
        numbers = [number for number in numbers if number in index]
    for number in numbers:
        if number not in index:
            raise LookupError(f"there is no series {number} now: read series.json again")
    return {number: index[number][0].kind for number in numbers}


def _number(query: Mapping[str, str], key: str, default: int, most: int) -> int:
    text = query.get(key, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= most):
        raise QueryError(f"{key}: expected a number from 1 to {most}")
    return int(text)


def _passed(recorder: Recorder, query: Mapping[str, str]) -> Any:
    pattern = query.get("glob", "*")
    if len(pattern) > LONGEST:
        raise QueryError(f"glob: at most {LONGEST} characters")
    after = query.get("after", "0")
    if not (after.isascii() and after.isdecimal() and len(after) < 18):
        raise QueryError("after: expected the number of a pull")
    return passed(recorder, int(after), pattern)


_ANSWERS: dict[str, _Make] = {
    "now.json": _now,
    "series.json": _series,
    "values.json": _values,
    "history.json": _history,
    "one.json": _one,
    "passed.json": _passed,
}
