"""Texts of foreign code, made safe for a log file and a terminal."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_LINE = 300
"""Characters of a line about an error, at most."""
_MAX_WORD = 150
"""Characters of a misspelt word, at most: the search takes time with their square."""


def error_text(error: BaseException) -> str:
    """Return an error's type and text. Runs foreign code."""
    try:
        return f"{type(error).__name__}: {error}"
    except BaseException:  # an author's own __str__
        return "an error that cannot be shown"


def printable(text: str) -> str:
    """Return a text with its control characters and lone surrogates escaped.

    A log file cannot store a lone surrogate, and a terminal obeys control characters.
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def one_line(text: str) -> str:
    """Return the beginning of a text in one printable line of at most 300 characters."""
    begin = printable(text[: MAX_LINE + 1])
    return begin if len(begin) <= MAX_LINE else begin[: MAX_LINE - 3] + "..."


def error_line(error: BaseException) -> str:
    """Return an error's type and text in one printable line of at most 300 characters."""
    return one_line(error_text(error))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``" (did you mean 'x'?)"`` if a similar word is known, else ``""``."""
    from difflib import get_close_matches

    near = get_close_matches(word, list(known), 1) if len(word) <= _MAX_WORD else ()
    return f" (did you mean {near[0]!r}?)" if near else ""


def counted(number: int, one: str, many: str = "") -> str:
    """Return ``1 metric`` or ``2 metrics``.

    Args:
        number: how many.
        one: the noun for 1.
        many: the noun for any other number; default: with an ``s``.
    """
    return f"{number} {one if number == 1 else many or f'{one}s'}"
