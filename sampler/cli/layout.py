"""Text for a terminal of 80 columns."""

from __future__ import annotations

import textwrap

WIDTH = 80


def wrapped(line: str, indent: int) -> str:
    """Break a line between words, so that paths, names and commands stay whole.

    Args:
        line: what to print; its own indentation stays.
        indent: spaces before every line but the first.
    """
    return textwrap.fill(
        line,
        WIDTH,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def counted(number: int, one: str, many: str = "") -> str:
    """Return ``1 metric`` or ``2 metrics``.

    Args:
        number: how many.
        one: the noun for 1.
        many: the noun for any other number; default: with an ``s``.
    """
    return f"{number} {one if number == 1 else many or f'{one}s'}"
