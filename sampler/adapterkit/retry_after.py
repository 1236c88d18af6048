"""How long an HTTP server asks its clients to stay away."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime

__all__ = ["retry_after"]

_LONGEST = 64
"""Characters of a date: more than any of the three formats has."""


def retry_after(field: str | None, now: float) -> float | None:
    """Return the seconds that a ``Retry-After`` field asks for.

    Args:
        field: its text, seconds or a date (RFC 9110, 10.2.3); None: the header is absent.
        now: the current time, in epoch seconds.

    Returns:
        Seconds; None where the field cannot be read, or its date is past.
    """
    text = (field or "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    if len(text) > _LONGEST:
        return None
    try:
        date = parsedate_to_datetime(text)
        seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now
    except (TypeError, ValueError, IndexError, OverflowError):  # bad dates raise any of these
        return None
    return seconds if seconds > 0 else None
