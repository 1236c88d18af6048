"""How much a configuration may hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sampler._contract.declaration import short

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_TEXT = 16_384
"""Longest text, in characters, with variables filled in."""
MAX_KEY = 1_000
"""Longest key, in characters."""
MAX_ITEMS = 1_000
"""Most items of one list or keys of one table."""
MAX_VALUES = 10_000
"""Most items and keys of a whole configuration."""
MAX_DEPTH = 8
"""Deepest nesting of tables and lists; a configuration needs four."""
MAX_DOTS = 2_000_000
"""Most dots, squared for each line and added: tomllib needs that time for dotted keys."""
LOWEST, HIGHEST = -(2**63), 2**63 - 1
"""The range of integers."""


def line_fault(text: str) -> str | None:
    """Say at which line of a file there are too many dots, or return None."""
    dots = 0
    for number, line in enumerate(text.split("\n"), 1):
        dots += line.count(".") ** 2
        if dots > MAX_DOTS:
            return f"too many dots, at line {number}"
    return None


def faults(table: dict[str, Any]) -> Iterator[str]:
    """Yield a sentence, behind its key, for all that is too large, too deep or not allowed."""
    waiting: list[tuple[str, Any, int]] = [("", table, 0)]
    values = 0
    while waiting:
        where, value, depth = waiting.pop()
        if not isinstance(value, dict | list):
            if fault := scalar_fault(value):
                yield f"{where}: has {fault}"
            continue
        if fault := size_fault(value):
            yield f"{where or 'at the top'}: has {fault}"
            continue
        if depth == MAX_DEPTH:
            yield f"{where}: is nested deeper than {MAX_DEPTH} tables or lists"
            continue
        values += len(value)
        if values > MAX_VALUES:
            yield f"more than {MAX_VALUES:,} keys and items"
            return
        if isinstance(value, list):
            waiting += [(where, each, depth + 1) for each in reversed(value)]
            continue
        prefix = f"{where}." if where else ""
        for key in value:
            if len(key) > MAX_KEY or not key.isprintable():
                yield f"{where or 'at the top'}: {short(key)} is not a key: keys are short words"
                return
        waiting += [(f"{prefix}{k}", each, depth + 1) for k, each in reversed(value.items())]


def size_fault(value: dict[Any, Any] | list[Any] | tuple[Any, ...]) -> str | None:
    """Say that a list or table is too long, or return None; the text follows "has"."""
    return f"more than {MAX_ITEMS:,} items" if len(value) > MAX_ITEMS else None


def scalar_fault(value: Any) -> str | None:
    """Say what no text or integer may have, or return None; the text follows "has"."""
    if isinstance(value, int):
        return None if LOWEST <= value <= HIGHEST else "an integer of more than 64 bits"
    return text_fault(value) if isinstance(value, str) else None


def text_fault(text: str) -> str | None:
    """Say what no text may have, or return None; the text follows "has"."""
    if len(text) > MAX_TEXT:
        return f"more than {MAX_TEXT:,} characters"
    return "a NUL character" if "\0" in text else None


def name_fault(name: str) -> str | None:
    """Say that a name cannot be written as UTF-8, or return None."""
    try:
        name.encode()
    except UnicodeEncodeError:  # from an environment variable
        return "is not UTF-8 text"
    return None
