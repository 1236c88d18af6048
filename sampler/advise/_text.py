"""Statements as text for people, and as values for JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from sampler.advise._statement import UNDECIDED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sampler.advise._statement import Number, Statement

_SIZES = ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))


def shown(number: Number) -> str:
    """Return a number with its unit, in a few digits; what is counted has its unit in its name."""
    value, unit = number.value, number.unit
    if unit == "s" and value < 1:
        return f"{value * 1000:.3g} ms"
    if unit == "By":
        for size, name in _SIZES:
            if value >= size:
                return f"{value / size:.4g} {name}"
    if unit in ("s", "By"):
        return f"{value:.4g} {unit}"
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def as_lines(statements: Iterable[Statement]) -> Iterator[str]:
    """Yield lines for people; indented ones belong to the line before them.

    What is not decided comes last, together where the reason is the same.
    """
    open_: dict[tuple[str, str], list[Statement]] = {}
    for statement in statements:
        if not statement.decided:
            open_.setdefault((statement.text, statement.decides), []).append(statement)
            continue
        yield f"{statement.about}: {statement.verdict}"
        yield f"  {statement.text}"
        yield from map(_line, statement.numbers)
        if statement.remedy:
            yield f"  do: {statement.remedy}"
    for (text, decides), same in open_.items():
        yield f"{', '.join(statement.about for statement in same)}: {UNDECIDED}"
        yield f"  {text}"
        yield from dict.fromkeys(_line(number) for each in same for number in each.numbers)
        yield f"  what would decide it: {decides}"


def _line(number: Number) -> str:
    return f"  {number.name}: {shown(number)} ({', '.join(number.metrics) or 'the scrapes'})"


def as_values(statements: Iterable[Statement]) -> list[dict[str, Any]]:
    """Return what JSON can hold."""
    return [attrs.asdict(each) | {"decided": each.decided} for each in statements]
