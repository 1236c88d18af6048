"""The sections of the screen: each has a line that says it in short, and rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sampler.cli.top.figures import amount, clean, fitted, joined, moment, number, span

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TITLE, PLAIN, BAD, DIM, CHOSEN = "title", "plain", "bad", "dim", "chosen"


class Line(NamedTuple):
    """One line of the screen.

    Attributes:
        text: what it says.
        style: one of :data:`TITLE`, :data:`PLAIN`, :data:`BAD`, :data:`DIM` and :data:`CHOSEN`.
    """

    text: str
    style: str = PLAIN


class Section(NamedTuple):
    """One section.

    Attributes:
        key: the letter that opens and closes it.
        name: what it is called.
        summary: its rows in short.
        rows: its rows, the worst first.
        heading: names of its columns; empty: it has none.
        bad: there is trouble in it.
    """

    key: str
    name: str
    summary: str
    rows: list[Line]
    heading: str = ""
    bad: bool = False


def sections(now: Mapping[str, Any], width: int, *, plain: bool) -> list[Section]:
    """Return all sections above the series."""
    made = [_trouble(now, width, plain=plain)]
    if now["web"] is not None:
        made.append(_web(now, width))
    made += [
        _adapters(now, width, plain=plain),
        _samplers(now, width, plain=plain),
        _processes(now, width, plain=plain),
    ]
    return made


def _trouble(now: Mapping[str, Any], width: int, *, plain: bool) -> Section:
    rows = []
    for each in now["trouble"]:
        since = f", since {moment(each['since'], now['zone'])}" if each["since"] else ""
        rows.append(Line(clean(f"{each['where']}{since}: {each['what']}", plain=plain), BAD))
        rows.append(Line(clean(f"  {each['remedy']}", plain=plain), DIM))
    del width
    count = len(now["trouble"])
    return Section("t", "trouble", str(count) if count else "none", rows, bad=count > 0)


def _web(now: Mapping[str, Any], width: int) -> Section:
    web = now["web"]
    queue, took = web["queue_time"], web["duration"]
    figures = [
        amount(web["requests_per_second"], "{request}", rate=True),
        f"{number(web['active'])} active",
        f"errors {number(web['errors_per_second'])}/s",
        _load(web["utilization"], web["busy"]),
        joined(["took", *(f"{name} {_seconds(took[name])}" for name in took)], " "),
        "" if queue["p95"] is None else f"waited p95 {_seconds(queue['p95'])}",
    ]
    rows = [Line(text) for text in _broken(figures[2:], width)]
    rows += [Line(f"advice: {each['cause']}: {each['says']}") for each in now["advice"]]
    bad = bool(web["errors_per_second"])
    return Section("w", "web", joined(figures[:2]), rows, bad=bad)


def _load(used: float | None, busy: float | None) -> str:
    """Return how busy the servers are: of what they can do at once; without a limit, at once."""
    if used is not None:
        return f"used {used:.0%}"
    return "" if busy is None else f"busy {number(busy)} at once"


def _broken(figures: Sequence[str], width: int) -> list[str]:
    """Return figures in as many lines as they need."""
    lines = [""]
    for each in filter(None, figures):
        longer = joined((lines[-1], each))
        if len(longer) > width:
            lines.append(each)
        else:
            lines[-1] = longer
    return lines


def _adapters(now: Mapping[str, Any], width: int, *, plain: bool) -> Section:
    wide = width >= 78
    head = fitted("name", 12) + " " + fitted("collected", 9, right=True)
    head += fitted("delivered", 10, right=True)
    if wide:
        head += fitted("unconf.", 9, right=True)
    head += fitted("dropped", 9, right=True) + fitted("queued", 8, right=True) + "  last"
    rows, failing = [], 0
    for each in now["adapters"]:
        dropped = sum(each["dropped"].values())
        bad = _failing(each)
        failing += bad
        text = fitted(clean(each["name"], plain=plain), 12, plain=plain) + " "
        text += fitted(number(each["collected"] + each["recovered"]), 9, right=True)
        text += fitted(number(each["delivered"]), 10, right=True)
        if wide:
            text += fitted(number(each["unconfirmed"]), 9, right=True)
        text += fitted(number(dropped), 9, right=True)
        text += fitted(number(each["queued"]), 8, right=True)
        last = each["last_error"] if bad else _last(each, now["zone"])
        rows.append(Line(f"{text}  {clean(last or '', plain=plain)}", _style(bad)))
    summary = joined((str(len(rows)), f"{failing} failing" if failing else ""), ", ")
    return Section("a", "adapters", summary, rows, head, bad=failing > 0)


def _failing(adapter: Mapping[str, Any]) -> bool:
    failed, delivered = adapter["last_error_time"], adapter["last_delivery_time"]
    return failed is not None and (delivered is None or delivered < failed)


def _last(adapter: Mapping[str, Any], zone: str) -> str:
    if adapter["last_delivery_time"] is not None:
        return f"delivered {moment(adapter['last_delivery_time'], zone)}"
    return str(adapter["endpoint"])


def _samplers(now: Mapping[str, Any], width: int, *, plain: bool) -> Section:
    room = 24 if width >= 78 else 16
    head = fitted("name", room) + fitted("series", 7, right=True)
    head += fitted("took", 9, right=True) + fitted("refused", 9, right=True)
    head += fitted("failed", 8, right=True) + "  last failure"
    ordered = sorted(now["samplers"], key=_badness, reverse=True)
    rows, paused, failing = [], 0, 0
    for each in ordered:
        bad = each["paused"] or each["failing"]
        paused += each["paused"]
        failing += bad and not each["paused"]
        text = fitted(clean(each["name"], plain=plain), room, plain=plain)
        text += fitted(number(each["series"]), 7, right=True)
        text += fitted(_seconds(each["duration"]), 9, right=True)
        text += fitted(number(sum(each["refused"].values())), 9, right=True)
        text += fitted(number(each["failures"]), 8, right=True)
        why = each["last_failure"] or ""
        if each["paused"]:
            left = each["paused_for"]  # None: it is another process that pauses
            why = f"paused{'' if left is None else f' {span(left)}'}: {why}"
        rows.append(Line(f"{text}  {clean(why, plain=plain)}", _style(bad)))
    count = now.get("samplers_count", len(rows))
    parts = (str(count), _some(paused, "paused"), _some(failing, "failing"))
    return Section("s", "samplers", joined(parts, ", "), rows, head, bad=paused + failing > 0)


def _some(count: int, what: str) -> str:
    return f"{count} {what}" if count else ""


def _badness(sampler: Mapping[str, Any]) -> tuple[object, ...]:
    return (
        sampler["paused"],
        sampler["failing"],
        sampler["failures"],
        sum(sampler["refused"].values()),
        sampler["duration"] or 0.0,
    )


def _processes(now: Mapping[str, Any], width: int, *, plain: bool) -> Section:
    del width
    head = fitted("instance", 16) + fitted("pid", 9, right=True) + "  " + fitted("role", 12)
    head += fitted("up", 9, right=True) + "  last report"
    rows, silent = [], 0
    ordered = sorted(now["processes"], key=lambda each: each["state"] == "reports")
    for each in ordered:
        bad = each["state"] != "reports"
        silent += bad
        text = fitted(clean(each["instance"], plain=plain), 16, plain=plain)
        text += fitted(number_of_process(each["pid"]), 9, right=True)
        text += "  " + fitted(clean(each["role"], plain=plain), 12, plain=plain)
        text += fitted(span(max(0.0, now["time"] - each["start"])), 9, right=True)
        last = each["last_report"]
        said = "none yet" if last is None else moment(last, now["zone"])
        state = clean(each["state"], plain=plain) if bad else ""
        rows.append(Line(f"{text}  {said} {state}".rstrip(), _style(bad)))
    count = now.get("processes_count", len(rows))
    summary = joined((str(count), f"{silent} silent" if silent else ""), ", ")
    return Section("p", "processes", summary, rows, head, bad=silent > 0)


def number_of_process(pid: int | None) -> str:
    """Return a process's number, or what stands for one that nobody tells."""
    return "?" if pid is None else str(pid)


def _style(bad: object) -> str:
    return BAD if bad else PLAIN


def _seconds(value: float | None) -> str:
    return "-" if value is None else span(value)
