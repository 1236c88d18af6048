"""What foreign code says, in lines that a log's file and a terminal can take."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_LINE = 300
"""Characters of a line about an error."""
_MAX_WORD = 150
"""Characters of a word that is looked for: looking takes time with their square."""


def error_text(error: BaseException) -> str:
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


def one_line(text: str) -> str:
    """Return how a text begins, in one printable line of at most 300 characters."""
    begin = printable(text[: MAX_LINE + 1])
    return begin if len(begin) <= MAX_LINE else begin[: MAX_LINE - 3] + "..."


def error_line(error: BaseException) -> str:
    """Return what an error says, in one such line."""
    return one_line(error_text(error))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``" (did you mean 'x'?)"`` when something near is known, else nothing."""
    from difflib import get_close_matches

    near = get_close_matches(word, list(known), 1) if len(word) <= _MAX_WORD else ()
    return f" (did you mean {near[0]!r}?)" if near else ""
