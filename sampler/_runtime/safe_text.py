"""Text written in a small alphabet, so that two different texts never become equal.

The name of a file, a segment of a path or a label value may hold letters, digits and little more.
Text that must change keeps a readable stem and gets a mark: 128 bits of its SHA-256, so that
nobody can find two texts with one mark. Text that already ends in a mark gets another one, so the
mapping is injective.
"""

from __future__ import annotations

import base64
import hashlib
import re

MAX_SEGMENT = 200
"""Bytes; file systems allow 255 with carbon's ``.wsp``, graphite-web's tag tables 255."""
MARK_BITS = 128
MARK_LENGTH = 1 + -(-MARK_BITS // 5)
"""Bytes: ``-`` and base32, five bits a character."""
_MARK = re.compile(rf"-[a-z2-7]{{{MARK_LENGTH - 1}}}\Z")


class Alphabet:
    """Writes any text with letters, digits and a few more characters.

    Args:
        more: characters allowed beside letters and digits; ``_`` and ``-`` are among them.
    """

    def __init__(self, more: str) -> None:
        allowed = f"A-Za-z0-9{re.escape(more)}"
        self._more = more
        self._safe = re.compile(f"[{allowed}]+")
        self._unsafe = re.compile(f"[^{allowed}]+")

    def write(self, text: str, limit: int = MAX_SEGMENT) -> str:
        """Return ``text`` in at most ``limit`` bytes (at least 27, which a mark takes).

        Safe text is returned unchanged; different texts give different results.
        """
        if len(text) <= limit and self._safe.fullmatch(text) and not _MARK.search(text):
            return text
        stem = self._unsafe.sub("_", text).strip(self._more)
        return stem[: limit - MARK_LENGTH] + mark(text)


_SEGMENTS = Alphabet("_-")


def segment(text: str, limit: int = MAX_SEGMENT) -> str:
    """Return ``text`` as one path segment; see :meth:`Alphabet.write`."""
    return _SEGMENTS.write(text, limit)


def mark(text: str) -> str:
    """Return the mark of ``text``: ``-`` and 26 characters of its hash."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return "-" + base64.b32encode(digest[: MARK_BITS // 8]).decode().rstrip("=").lower()
