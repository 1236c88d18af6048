"""What foreign code says, in lines that a log's file and a terminal can take."""

from __future__ import annotations

LIMIT = 300
"""Characters of a line about an error."""


def said(error: BaseException) -> str:
    """Return an error's type and text. Runs foreign code."""
    try:
        return f"{type(error).__name__}: {error}"
    except BaseException:  # an author's own __str__
        return "an error that cannot be shown"


def printable(text: str) -> str:
    """Return a text with its control characters and lone surrogates escaped.

    A file of a log takes no lone surrogate, and a terminal obeys what it escapes.
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def line(text: str) -> str:
    """Return how a text begins, in one printable line of at most 300 characters."""
    begin = printable(text[: LIMIT + 1])
    return begin if len(begin) <= LIMIT else begin[: LIMIT - 3] + "..."


def told(error: BaseException) -> str:
    """Return what an error says, in one such line."""
    return line(said(error))
