"""Names for backends whose series are dotted paths, such as Graphite and StatsD.

A segment is the text between two dots. carbon, carbon-c-relay, graphite-web and statsd all keep
letters, digits, ``_`` and ``-`` unchanged, and nothing else, so :func:`segment` writes only these.
"""

from __future__ import annotations

import re
from string import Formatter
from typing import TYPE_CHECKING

from sampler._runtime.placeholders import (
    PLACEHOLDERS,
    UNKNOWN,
    filled_in,
    placeholder_fault,
    word_fault,
)
from sampler._runtime.safe_text import MARK_LENGTH, MAX_SEGMENT, Alphabet, mark, segment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = (
    "MAX_SEGMENT",
    "PLACEHOLDERS",
    "Alphabet",
    "expand_template",
    "filled_in",
    "label_segments",
    "placeholder_fault",
    "quantile_name",
    "segment",
    "series_path",
    "shape_fault",
    "template_fault",
)

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
_LITERAL = re.compile(r"[A-Za-z0-9_.-]*")
_LONGEST_KEY = 80


def label_segments(labels: Mapping[str, str]) -> str:
    """Return labels as one ``key-value`` segment each, keys sorted, joined by dots.

    A dot in a key is written ``__``, and a very long key is cut and ends in ``_``. No label name
    contains ``__`` or ``-`` or ends in ``_``, so the first ``-`` always ends the key.
    """
    return ".".join(_pair(key, labels[key]) for key in sorted(labels))


def series_path(name: str, labels: Mapping[str, str], suffix: str = "") -> str:
    """Return the path of a series without prefix: ``name[.suffix][.key-value]...``."""
    parts = (name, suffix, label_segments(labels))
    return ".".join(part for part in parts if part)


def expand_template(template: str, identity: Mapping[str, str]) -> str:
    """Fill a prefix template in.

    Args:
        template: one for which :func:`template_fault` returns None.
        identity: ``Snapshot.identity``; a missing value becomes ``unknown``.

    Returns:
        Safe segments joined by dots. Dots within a host name become ``_``, which no host name
        contains.
    """
    values = {key: segment(identity.get(key) or UNKNOWN) for key in PLACEHOLDERS}
    values["host"] = segment((identity.get("host") or UNKNOWN).replace(".", "_"))
    filled = template.format_map(values)
    return ".".join(p if len(p) <= MAX_SEGMENT else segment(p) for p in filled.split("."))


def template_fault(template: str) -> str | None:
    """Say what is wrong with a prefix template, or return None. It may be empty: no prefix."""
    return shape_fault(template, word_fault) if template else None


def shape_fault(template: str, field_fault: Callable[[str], str | None]) -> str | None:
    """Say what is wrong with a template of segments, or return None.

    Args:
        template: text with placeholders in braces.
        field_fault: says what is wrong with the text within braces, or returns None.
    """
    try:
        parts = list(Formatter().parse(template))
    except ValueError:
        return f"a brace is not closed, or not opened, in {template!r}"
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
        return f"an empty segment in {template!r}: write dots between words only"
    return None


def quantile_name(q: float) -> str:
    """Return the name of a quantile of a histogram, such as ``p50`` or ``p99_9``."""
    return f"p{q * 100:g}".replace(".", "_")


def _pair(key: str, value: str) -> str:
    word = key.replace(".", "__")
    if len(word) > _LONGEST_KEY:
        word = word[: _LONGEST_KEY - MARK_LENGTH] + mark(key).replace("-", "_") + "_"
    return f"{word}-{segment(value, MAX_SEGMENT - len(word) - 1)}"
