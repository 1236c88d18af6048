"""One page, read: the values that statements use, and the moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from sampler.advise._names import KEYS, READ

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Labels = Mapping[str, str]
    Series = tuple[tuple[Labels, float], ...]
    Values = Mapping[str, Series]

MOST = 2.0**63
"""The largest value."""
MOST_SERIES = 100_000
"""Values that one scrape keeps; what is beyond is not read, and counted as refused."""


@attrs.frozen
class Host:
    """CPU time of the whole host, read by the command where the page is of this host.

    Attributes:
        busy: seconds of all CPUs that were not idle, since the boot.
        idle: seconds of all CPUs that were.
        cpus: logical CPUs.
    """

    busy: float
    idle: float
    cpus: int


@attrs.frozen
class Scrape:
    """What a page said at one moment.

    Attributes:
        at: the moment, in seconds of a clock that only rises.
        time: the same in epoch seconds, for people.
        values: labels, as the page has them, and value of each series, by the metric's full name;
            of histograms by that and ``.sum`` or ``.count``.
        host: of the host, or None.
        refused: values that are none: no number, below zero, past 2**63, or a series' second one.
    """

    at: float
    time: float
    values: Values = attrs.field(repr=False)
    host: Host | None = None
    refused: int = 0


class PageError(Exception):
    """A page that is torn: its last line has no end."""


def read_page(text: str, *, at: float, time: float, host: Host | None = None) -> Scrape:
    """Read a page in Prometheus' text format 0.0.4.

    Args:
        text: the page; metrics that no statement uses are passed over.
        at: when it was made, in seconds of a clock that only rises.
        time: the same in epoch seconds.
        host: of the host at that moment.

    Raises:
        PageError: the page is not whole.
    """
    if text and not text.endswith("\n"):
        raise PageError("the page is torn: its last line has no end")
    return made(_series(text), at=at, time=time, host=host)


def made(
    series: Iterator[tuple[str, Labels, Any] | None],
    *,
    at: float,
    time: float,
    host: Host | None,
) -> Scrape:
    """Return a scrape of what is read from a page or a file, without what is no value."""
    found: dict[str, dict[tuple[tuple[str, str], ...], tuple[Labels, float]]] = {}
    refused = kept = 0
    for each in series:
        if each is None:
            refused += 1
            continue
        name, labels, value = each
        key = tuple(sorted(labels.items()))
        known = found.setdefault(name, {}) if name in KEYS else {}
        number = _number(value)
        if name not in KEYS or number is None or key in known or kept >= MOST_SERIES:
            refused += 1
            continue
        kept += 1
        known[key] = labels, number
    values = {name: tuple(known.values()) for name, known in found.items() if known}
    return Scrape(at, time, values, host, refused)


def _number(value: Any) -> float | None:
    """Return a value if it can be one."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if sound(number) else None


def sound(value: float) -> bool:
    """Tell whether a value can be one: none of what is read is below zero, or past 2**63."""
    return 0 <= value <= MOST


def _series(text: str) -> Iterator[tuple[str, Labels, Any] | None]:
    for line in text.split("\n"):
        brace = line.find("{")
        name = line[: brace if brace >= 0 else line.find(" ")]
        metric = READ.get(name)
        if metric is None:
            continue
        rest = line[len(name) :]
        labels: dict[str, str] = {}
        if brace >= 0:
            found = _labels(rest)
            if found is None:
                yield None
                continue
            labels, rest = found
        words = rest.split()
        yield metric, labels, words[0] if words and "_" not in words[0] else None


def _labels(text: str) -> tuple[dict[str, str], str] | None:
    """Return what stands between braces, and what follows; None: they do not end."""
    labels: dict[str, str] = {}
    at = 1
    while not text.startswith("}", at):
        begin = text.find('="', at)
        if begin < 0:
            return None
        end = _quote(text, begin + 2)
        if end < 0:
            return None
        labels[text[at:begin].lstrip(", ")] = _plain(text[begin + 2 : end])
        at = end + 1
        if text.startswith(",", at):
            at += 1
    return labels, text[at + 1 :]


def _quote(text: str, at: int) -> int:
    """Return where the next quote is that no backslash stands before; -1: nowhere."""
    while (end := text.find('"', at)) >= 0:
        if (len(text[at:end]) - len(text[at:end].rstrip("\\"))) % 2 == 0:
            return end
        at = end + 1
    return -1


def _plain(text: str) -> str:
    parts = text.split("\\\\")
    return "\\".join(part.replace('\\"', '"').replace("\\n", "\n") for part in parts)
