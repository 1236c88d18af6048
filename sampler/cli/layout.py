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
