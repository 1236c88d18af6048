"""Numbers, moments and texts in few cells of a terminal."""

from __future__ import annotations

import time
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

BARS, PLAIN_BARS = "▁▂▃▄▅▆▇█", "_.-=+*#@"
_STEPS = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_BYTES = ((2.0**50, "Pi"), (2.0**40, "Ti"), (2.0**30, "Gi"), (2.0**20, "Mi"), (2.0**10, "Ki"))
_LONG = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"))
_EPOCH = 1e9
"""Seconds from which on a gauge is a moment, and no duration."""


def number(value: float | None) -> str:
    """Return a number in at most seven cells."""
    if value is None:
        return "-"
    size = abs(value)
    if size >= 1e18:
        return f"{value:.0e}"
    for step, word in _STEPS:
        if size >= step:
            return f"{_three(value / step)}{word}"
    if value == int(value):
        return str(int(value))
    return _three(value) if size >= 1e-3 else f"{value:.1e}"


def amount(value: float | None, unit: str, *, rate: bool = False) -> str:
    """Return a number with its unit.

    Args:
        value: None where there is none.
        unit: in UCUM.
        rate: it is per second.
    """
    if value is None:
        return "-"
    if unit == "By":
        return _bytes(value) + ("/s" if rate else "")
    if unit == "s" and not rate:
        return span(value)
    word = unit.strip("{}") if unit.startswith("{") else unit
    word = "" if word == "1" else word
    if rate:
        return f"{number(value)} {word}/s" if word else f"{number(value)}/s"
    return f"{number(value)} {word}".rstrip()


def span(seconds: float) -> str:
    """Return a duration, or a moment, of seconds."""
    size = abs(seconds)
    if size >= _EPOCH:
        return time.strftime("%Y-%m-%d", time.gmtime(min(seconds, 1e11)))
    for step, word in _LONG:
        if size >= step:
            return f"{_three(seconds / step)} {word}"
    if size >= 1 or not size:
        return f"{_three(seconds)} s"
    return f"{_three(seconds * 1e3)} ms" if size >= 1e-3 else f"{_three(seconds * 1e6)} us"


def moment(epoch: float, zone: str) -> str:
    """Return a time of day where the server is.

    Args:
        epoch: epoch seconds.
        zone: the server's offset, as ``+01:00``.
    """
    return time.strftime("%H:%M:%S", time.gmtime(epoch + offset(zone)))


def offset(zone: str) -> float:
    """Return the seconds of an offset such as ``+01:00``."""
    try:
        sign = -1 if zone.startswith("-") else 1
        hours, _, minutes = zone[1:].partition(":")
        return sign * (int(hours) * 3600 + int(minutes or 0) * 60)
    except ValueError:
        return 0


def bars(values: Sequence[float | None], width: int, *, plain: bool = False) -> str:
    """Return the newest values as bars, between their lowest and highest."""
    marks = PLAIN_BARS if plain else BARS
    shown = values[-width:] if width > 0 else ()
    there = [value for value in shown if value is not None]
    low, high = min(there, default=0.0), max(there, default=0.0)
    scale = (len(marks) - 1) / (high - low) if high > low else 0.0
    flat = marks[0] if not high else marks[len(marks) // 2 - 1]
    text = "".join(
        " " if value is None else marks[round((value - low) * scale)] if scale else flat
        for value in shown
    )
    return text.rjust(width)


def clean(text: str, *, plain: bool = False) -> str:
    """Return a text of strangers as a terminal may have it: what is not printable is a dot.

    Args:
        text: the text.
        plain: ASCII only.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if _shows(c) and (c < "\x7f" or not plain) else "·?"[plain] for c in text)


def cells(text: str) -> int:
    """Return how many cells a text takes."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def cut(text: str, width: int, *, plain: bool = False) -> str:
    """Return a text of at most so many cells; where it is longer, its middle is left out."""
    if cells(text) <= width:
        return text
    dots = "~" if plain else "…"
    if width <= 1:
        return dots[:width]
    head = _begin(text, (width - 1) // 2)
    tail = _begin(text[::-1], width - 1 - cells(head))[::-1]
    return f"{head}{dots}{tail}"


def ended(text: str, width: int, *, plain: bool = False) -> str:
    """Return a text of at most so many cells; where it is longer, its end is left out."""
    if cells(text) <= width:
        return text
    return _begin(text, width - 1) + ("~" if plain else "…")


def fitted(text: str, width: int, *, plain: bool = False, right: bool = False) -> str:
    """Return a text of exactly so many cells."""
    short = cut(text, width, plain=plain)
    room = " " * max(0, width - cells(short))
    return f"{room}{short}" if right else f"{short}{room}"


def joined(parts: Iterable[str], between: str = "  ") -> str:
    """Return the parts that say something, with spaces between them."""
    return between.join(filter(None, parts))


def _three(value: float) -> str:
    """Return three digits of a number, or more before its point."""
    return f"{value:.3g}" if abs(value) < 999.5 else f"{value:.0f}"


def _begin(text: str, width: int) -> str:
    taken = 0
    for place, char in enumerate(text):
        taken += cells(char)
        if taken > width:
            return text[:place]
    return text


def _shows(char: str) -> bool:
    """Tell whether a character takes cells of its own, from left to right."""
    return (
        char.isprintable()
        and not unicodedata.combining(char)
        and unicodedata.bidirectional(char) not in {"R", "AL", "AN"}
    )


def _bytes(value: float) -> str:
    for step, word in _BYTES:
        if abs(value) >= step:
            return f"{_three(value / step)} {word}B"
    return f"{_three(value)} B"
