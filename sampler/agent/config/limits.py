"""How much a configuration may hold, whatever it says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sampler._contract.declaration import short

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_TEXT = 16_384
"""Characters of a text, variables filled in."""
MAX_KEY = 1_000
"""Characters of a key."""
MAX_ITEMS = 1_000
"""Entries of one list or table."""
MAX_VALUES = 10_000
"""Entries of all of them."""
MAX_DEPTH = 8
"""Tables and lists within each other; what there is to say needs four."""
MAX_DOTS = 2_000_000
"""Dots of each line of TOML, squared, of all lines: as long takes a key that is made of them."""
LOWEST, HIGHEST = -(2**63), 2**63 - 1
"""Integers that any number may be."""


def line_fault(text: str) -> str | None:
    """Say which line of a file is too much of keys within keys, or return None."""
    dots = 0
    for number, line in enumerate(text.split("\n"), 1):
        dots += line.count(".") ** 2
        if dots > MAX_DOTS:
            return f"too many dots, at line {number}"
    return None


def faults(table: dict[str, Any]) -> Iterator[str]:
    """Yield what is too large, too deep or no text anywhere in a configuration, by key."""
    waiting: list[tuple[str, Any, int]] = [("", table, 0)]
    values = 0
    while waiting:
        where, value, depth = waiting.pop()
        if not isinstance(value, dict | list):
            if fault := scalar_fault(value):
                yield f"{where}: {fault}"
            continue
        if fault := size_fault(value):
            yield f"{where or 'at the top'}: {fault}"
            continue
        if depth == MAX_DEPTH:
            yield f"{where}: more than {MAX_DEPTH} tables or lists within each other"
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
                yield f"{where or 'at the top'}: {short(key)} is no key: keys are short words"
                return
        waiting += [(f"{prefix}{k}", each, depth + 1) for k, each in reversed(value.items())]


def size_fault(value: dict[Any, Any] | list[Any] | tuple[Any, ...]) -> str | None:
    """Say that a list or table has too many entries, or return None."""
    return f"more than {MAX_ITEMS:,} entries" if len(value) > MAX_ITEMS else None


def scalar_fault(value: Any) -> str | None:
    """Say what is wrong with a text or an integer whatever it stands for, or return None."""
    if isinstance(value, int):
        return None if LOWEST <= value <= HIGHEST else "an integer beyond 64 bits"
    return text_fault(value) if isinstance(value, str) else None


def text_fault(text: str) -> str | None:
    """Say why no key may have this text, or return None."""
    if len(text) > MAX_TEXT:
        return f"more than {MAX_TEXT:,} characters"
    return "a text with a NUL character" if "\0" in text else None


def name_fault(name: str) -> str | None:
    """Say that a name cannot be written as UTF-8, or return None."""
    try:
        name.encode()
    except UnicodeEncodeError:  # a variable of the environment
        return "no UTF-8 text"
    return None
