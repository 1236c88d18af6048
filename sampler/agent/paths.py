"""Names for backends whose series are dotted paths: Graphite, StatsD.

A segment is what stands between two dots. Only letters, digits, ``_`` and ``-`` survive carbon,
carbon-c-relay, graphite-web and statsd alike, so nothing else is ever written. Text that must
change keeps a readable stem and gets a mark: 128 bits of its SHA-256, so that nobody can find two
texts with one mark. Text that already ends like that gets one, too: the mapping is injective.
"""

from __future__ import annotations

import base64
import hashlib
import re
from string import Formatter
from typing import TYPE_CHECKING

from sampler.agent.catalogue import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_SEGMENT = 200
"""Bytes; file systems allow 255 with carbon's ``.wsp``, graphite-web's tag tables 255."""
PLACEHOLDERS = ("service", "host", "instance", "pid", "role")
"""What a prefix template may name: keys of ``Snapshot.identity``."""

_MARK_BITS = 128
_MARK_LENGTH = 1 + -(-_MARK_BITS // 5)
"""Bytes: ``-`` and base32, five bits a character."""
_MARK = re.compile(rf"-[a-z2-7]{{{_MARK_LENGTH - 1}}}\Z")
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
_LITERAL = re.compile(r"[A-Za-z0-9_.-]*")
_LONGEST_KEY = 80
_UNKNOWN = "unknown"


class Alphabet:
    """How any text is written with letters, digits and a few more characters.

    Args:
        more: what may stand beside letters and digits; has ``_`` and ``-``.
    """

    def __init__(self, more: str) -> None:
        allowed = f"A-Za-z0-9{re.escape(more)}"
        self._more = more
        self._safe = re.compile(f"[{allowed}]+")
        self._unsafe = re.compile(f"[^{allowed}]+")

    def write(self, text: str, limit: int = MAX_SEGMENT) -> str:
        """Return ``text`` in at most ``limit`` bytes (at least 27, which a mark takes).

        Safe text is unchanged; of two different texts the results differ.
        """
        if len(text) <= limit and self._safe.fullmatch(text) and not _MARK.search(text):
            return text
        stem = self._unsafe.sub("_", text).strip(self._more)
        return stem[: limit - _MARK_LENGTH] + _mark(text)


_SEGMENTS = Alphabet("_-")


def segment(text: str, limit: int = MAX_SEGMENT) -> str:
    """Return ``text`` as one path segment; see :meth:`Alphabet.write`."""
    return _SEGMENTS.write(text, limit)


def label_segments(labels: Mapping[str, str]) -> str:
    """Return labels as one ``key-value`` segment each, keys sorted, joined by dots.

    A dot in a key is written ``__`` and a very long key ends in ``_``: the grammar of label
    names keeps both free, and ``-``, so the first ``-`` always ends the key.
    """
    return ".".join(_pair(key, labels[key]) for key in sorted(labels))


def series_path(name: str, labels: Mapping[str, str], suffix: str = "") -> str:
    """Return a series' path without prefix: ``name[.suffix][.key-value]...``."""
    parts = (name, suffix, label_segments(labels))
    return ".".join(part for part in parts if part)


def expand(template: str, identity: Mapping[str, str]) -> str:
    """Fill a prefix template in.

    Args:
        template: text that :func:`template_fault` has nothing to say about.
        identity: ``Snapshot.identity``; what it lacks reads ``unknown``.

    Returns:
        Safe segments joined by dots; a host's own dots read ``_``, which hosts have not.
    """
    values = {key: segment(identity.get(key) or _UNKNOWN) for key in PLACEHOLDERS}
    values["host"] = segment((identity.get("host") or _UNKNOWN).replace(".", "_"))
    filled = template.format_map(values)
    return ".".join(p if len(p) <= MAX_SEGMENT else segment(p) for p in filled.split("."))


def template_fault(template: str) -> str | None:
    """Say what is wrong with a prefix template, or return None. Empty means no prefix."""
    return shape_fault(template, _placeholder_fault) if template else None


def shape_fault(template: str, field_fault: Callable[[str], str | None]) -> str | None:
    """Say what is wrong with a template of segments, or return None.

    Args:
        template: text with placeholders in braces.
        field_fault: says what is wrong with what stands in braces, or returns None.
    """
    try:
        parts = list(Formatter().parse(template))
    except ValueError:
        return f"a brace without its partner in {template!r}"
    shape = ""
    for literal, field, spec, conversion in parts:
        if not _LITERAL.fullmatch(literal):
            wrong = _UNSAFE.findall(literal.replace(".", ""))[0]
            return f"{wrong!r} is not allowed: use letters, digits, '_', '-' and '.'"
        shape += literal
        if field is None:
            continue
        if fault := field_fault(f"{field}:{spec}" if spec or conversion else field):
            return fault
        shape += "x"
    if "" in shape.split("."):
        return f"an empty segment in {template!r}: dots only between words"
    return None


def quantile_name(q: float) -> str:
    """Return what a quantile's part of a histogram is called: ``p50``, ``p99_9``."""
    return f"p{q * 100:g}".replace(".", "_")


def _placeholder_fault(field: str) -> str | None:
    if field in PLACEHOLDERS:
        return None
    known = ", ".join(f"{{{key}}}" for key in PLACEHOLDERS)
    return f"unknown placeholder {{{field}}}{did_you_mean(field, PLACEHOLDERS)} (known: {known})"


def _pair(key: str, value: str) -> str:
    word = key.replace(".", "__")
    if len(word) > _LONGEST_KEY:
        word = word[: _LONGEST_KEY - _MARK_LENGTH] + _mark(key).replace("-", "_") + "_"
    return f"{word}-{segment(value, MAX_SEGMENT - len(word) - 1)}"


def _mark(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return "-" + base64.b32encode(digest[: _MARK_BITS // 8]).decode().rstrip("=").lower()
