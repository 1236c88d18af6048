"""The screen as lines, for any size from 60x15 on. No terminal, no clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sampler.cli.top.figures import (
    amount,
    bars,
    cells,
    clean,
    cut,
    ended,
    fitted,
    joined,
    moment,
    span,
)
from sampler.cli.top.model import POINTS
from sampler.cli.top.sections import BAD, CHOSEN, DIM, PLAIN, TITLE, Line, Section, sections

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sampler.cli.top.model import Model, Series

LEAST_SERIES = 5
"""Rows that series have at least, before sections get theirs."""
_MOST_ROWS = {"trouble": 6, "web": 4, "adapters": 6, "samplers": 6, "processes": 5}
_KEYS = "q quit  / search  up/down move  t w a s p: open and close"


class State:
    """What the user has chosen.

    Attributes:
        closed: letters of the sections that are closed.
        first: place of the first series that is shown.
        chosen: place of the one that is chosen.
        typing: what is typed behind ``/``; None: nothing is.
        trouble: why nobody answers; empty: somebody does.
    """

    def __init__(self) -> None:
        self.closed: set[str] = set()
        self.first = self.chosen = 0
        self.typing: str | None = None
        self.trouble = ""


class View:
    """Lays the screen out.

    Args:
        plain: ASCII only.

    Attributes:
        shown: the series whose rows are on the screen that was made last.
    """

    def __init__(self, *, plain: bool = False) -> None:
        self.shown: list[Series] = []
        self._plain = plain

    def lines(self, model: Model, state: State, width: int, height: int) -> list[Line]:
        """Return exactly ``height`` lines of at most ``width`` cells."""
        lines = [self._head(model, state, width)]
        if model.now:
            body = sections(model.now, width, plain=self._plain)
            lines += self._sections(body, state, height - 2 - 1 - LEAST_SERIES)
            lines += self._series(model, state, width, height - 1 - len(lines))
        lines = lines[: height - 1]
        lines += [Line("")] * (height - 1 - len(lines))
        lines.append(self._foot(model, state, width))
        return [Line(ended(text, width, plain=self._plain), style) for text, style in lines]

    def table(self, model: Model, width: int) -> list[Line]:
        """Return everything, for a pipe."""
        lines = [self._head(model, State(), width)]
        for each in sections(model.now, width, plain=self._plain):
            lines += [Line(""), _title(each, closed=False), *_rows(each)]
        self.shown = list(model.found)
        lines += [Line(""), self._series_title(model)]
        lines += [Line(self._row(each, model.values, width)) for each in self.shown]
        return lines

    def _head(self, model: Model, state: State, width: int) -> Line:
        now = model.now
        if not now:
            return Line(clean(state.trouble or "asking", plain=self._plain), BAD)
        who = now["identity"]
        name = f"{who['service']} on {who['host']}, {who['instance']} ({who['pid']})"
        left = clean(f"sampler top: {name}", plain=self._plain)
        when = f"{moment(now['time'], now['zone'])} {now['zone']}"
        parts = [f"every {now['interval']:g} s", f"up {span(now['uptime'])}", when]
        while len(parts) > 1 and cells(left) + cells(joined(parts)) + 2 > width:
            del parts[0]
        right = joined(parts)
        if state.trouble:
            return Line(clean(f"{when}: {state.trouble}", plain=self._plain), BAD)
        room = width - cells(right) - 2
        return Line(f"{fitted(left, room, plain=self._plain)}  {right}", TITLE)

    def _sections(self, body: Sequence[Section], state: State, room: int) -> list[Line]:
        """Open as many sections as there is room for, the first ones first."""
        room -= len(body)  # each has a line
        lines = []
        for each in body:
            wanted = _rows(each)[: _MOST_ROWS[each.name] + bool(each.heading)]
            if each.key in state.closed or not each.rows:
                wanted = []
            if len(wanted) > room:
                least = 2 if each.heading else 1
                wanted = wanted[:room] if room >= least else []
            room -= len(wanted)
            lines += [_title(each, closed=not wanted), *wanted]
        return lines

    def _series(self, model: Model, state: State, width: int, room: int) -> list[Line]:
        found, rows = model.found, max(0, room - 1)
        state.chosen = max(0, min(state.chosen, len(found) - 1))
        state.first = max(0, min(state.first, state.chosen, len(found) - rows))
        state.first = max(state.first, state.chosen - rows + 1)
        self.shown = found[state.first : state.first + rows]
        lines = [self._series_title(model)]
        for place, each in enumerate(self.shown, state.first):
            style = CHOSEN if place == state.chosen else PLAIN
            lines.append(Line(fitted(self._row(each, model.values, width), width), style))
        return lines

    def _series_title(self, model: Model) -> Line:
        count, omitted = len(model.found), model.now.get("omitted", 0)
        text = f"SERIES  {count}"
        if model.wanted:
            wanted = clean(model.wanted, plain=self._plain)
            text = f"SERIES  {count} of {model.series_count} with {wanted!r}"
        if omitted:
            text += f", and {omitted} that are not kept"
        return Line(text, TITLE)

    def _row(self, series: Series, values: Mapping[str, Any], width: int) -> str:
        points = values.get(str(series.number), ())
        if isinstance(points, dict):
            drawn = points["p95"]
            value = f"p50 {_last(points['p50'], series)} p95 {_last(points['p95'], series)}"
        else:
            drawn, value = points, _last(points, series)
        sized = 26 if width >= 78 else 20
        room = max(6, min(POINTS, (width - sized - 30) // 2))
        left = max(10, width - sized - room - 3)
        text = _named(series, left, plain=self._plain)
        graph = bars(drawn, room, plain=self._plain)
        return f"{fitted(text, left, plain=self._plain)}  {graph} {value}"

    def _foot(self, model: Model, state: State, width: int) -> Line:
        del model
        if state.typing is not None:
            return Line(clean(f"/{state.typing}", plain=self._plain) + "_", TITLE)
        return Line(_KEYS[:width], DIM)


def _named(series: Series, width: int, *, plain: bool) -> str:
    """Return a series' name and, as far as there is room, the labels that tell it apart."""
    for labels in series.labels:
        text = f"{series.name} {labels}".rstrip()
        if cells(text) <= width:
            return text
    labels = series.labels[-1]
    named = max(width // 2, width - cells(labels) - 1) if labels else width
    name = cut(series.name, named, plain=plain)
    return ended(f"{name} {labels}".rstrip(), width, plain=plain)


def _title(section: Section, *, closed: bool) -> Line:
    mark = "+" if closed and section.rows else " "
    text = f"{section.name.upper()}  {section.summary} {mark}".rstrip()
    return Line(text, BAD if section.bad else TITLE)


def _rows(section: Section) -> list[Line]:
    heading = [Line(section.heading, DIM)] if section.heading and section.rows else []
    return [*heading, *section.rows]


def _last(points: Sequence[float | None], series: Series) -> str:
    value = next((each for each in reversed(points) if each is not None), None)
    return amount(value, series.unit, rate=series.kind == "counter")
