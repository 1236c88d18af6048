"""Which format and which encoding a client wants (RFC 9110, Content Negotiation)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sampler_prometheus._text import OPENMETRICS, TEXT

if TYPE_CHECKING:
    from collections.abc import Iterator

_TYPES = ((TEXT, "text", "plain"), (OPENMETRICS, "application", "openmetrics-text"))
_QUALITY = re.compile(r"(0(\.\d{0,3})?|1(\.0{0,3})?)\Z")
_VERSION = re.compile(r"(0\.0\.1|1(\.\d+)*)\Z")
"""Versions of OpenMetrics in ``Accept``: a client that asks for 0.0.1 or 1.x can read 1.0."""
_RANGE = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")


class _Unreadable(ValueError):
    """A header that cannot be parsed."""


def content_type(accept: str | None) -> str:
    """Return the content type for an ``Accept`` header: the one with the higher quality.

    That is text 0.0.4 if both are equal, if none is acceptable, and if the header is absent or
    cannot be parsed.
    """
    try:
        wanted = list(_ranges(accept or "*/*"))
    except _Unreadable:
        return TEXT
    qualities = {kind: _quality(wanted, major, minor, kind) for kind, major, minor in _TYPES}
    return OPENMETRICS if qualities[OPENMETRICS] > qualities[TEXT] else TEXT


def wants_gzip(accept_encoding: str | None) -> bool:
    """Tell whether a client prefers a compressed body."""
    qualities: dict[str, float] = {}
    try:
        for word, parameters in _members(accept_encoding or ""):
            if not _TOKEN.match(word):
                return False
            qualities[word] = _q(parameters)
    except _Unreadable:
        return False
    gzip = qualities.get("gzip", qualities.get("x-gzip", qualities.get("*", 0.0)))
    return gzip > 0 and gzip >= qualities.get("identity", 0.0)


def _ranges(accept: str) -> Iterator[tuple[str, str, dict[str, str], float]]:
    for word, parameters in _members(accept):
        if not _RANGE.match(word):
            raise _Unreadable(word)
        major, _, minor = word.partition("/")
        yield major, minor, parameters, _q(parameters)


def _quality(
    wanted: list[tuple[str, str, dict[str, str], float]], major: str, minor: str, kind: str
) -> float:
    """Return the quality of one format: that of the most specific range that matches it."""
    best = (-1, 0.0)
    for its_major, its_minor, parameters, q in wanted:
        if its_major not in (major, "*") or its_minor not in (minor, "*"):
            continue
        version = parameters.get("version")
        if its_minor == "*":
            rank = 0 if its_major == "*" else 1
        elif version is None:
            rank = 2
        elif _speaks(kind, version):
            rank = 3
        else:
            continue
        best = max(best, (rank, q))
    # A wildcard does not ask for OpenMetrics: clients that can read it name it.
    return best[1] if best[0] > 1 or kind == TEXT else 0.0


def _speaks(kind: str, version: str) -> bool:
    return bool(_VERSION.match(version)) if kind == OPENMETRICS else version == "0.0.4"


def _members(header: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each member of a list and its parameters, names in lower case."""
    for member in header.split(","):
        word, *rest = (part.strip(" \t") for part in member.split(";"))
        if not word and not rest:
            continue
        parameters = {}
        for each in rest:
            name, equals, value = each.partition("=")
            if not equals and each:
                raise _Unreadable(each)
            parameters[name.strip().lower()] = value.strip().strip('"').lower()
        yield word.lower(), parameters


def _q(parameters: dict[str, str]) -> float:
    text = parameters.get("q", "1")
    if not _QUALITY.match(text):
        raise _Unreadable(text)
    return float(text)
