"""Snapshots to the text format 0.0.4.

One bad line loses every sample of a scrape, so nothing is written that Prometheus does not take.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

import attrs

from sampler.agent import ABSENT, Histogram
from sampler.agent.rendered import Refused, Rendered, Unencodable
from sampler_prometheus._names import family_name, label_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sampler.agent import Series, Snapshot

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_LABEL = str.maketrans({"\\": "\\\\", "\n": "\\n", '"': '\\"'})
_HELP = str.maketrans({"\\": "\\\\", "\n": "\\n"})


@attrs.frozen
class Page:
    """One snapshot as text.

    Attributes:
        body: the text, UTF-8.
        entries: entries of the snapshot.
        refused: reason to number of entries that are not in it.
    """

    body: bytes
    entries: int
    refused: Mapping[str, int]


@attrs.frozen
class Line:
    """What one series' lines begin with.

    Attributes:
        family: the name in HELP and TYPE.
        kind: ``counter``, ``gauge`` or ``histogram``.
        header: HELP, where there is one, and TYPE.
        start: name, labels and a space; of a histogram name and open labels, for more to come.
        labels: of a histogram: the labels, for its sum and count.
    """

    family: str
    kind: str
    header: str
    start: str
    labels: str = ""


class Text:
    """Writes pages. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._rendered: Rendered[Line] = Rendered(line, _names)
        self._last: tuple[Snapshot, Page] | None = None

    def render(self, snapshot: Snapshot) -> Page:
        """Return a snapshot as a page; scrapes that share a snapshot share the page."""
        with self._lock:
            if self._last is None or self._last[0] is not snapshot:
                self._last = snapshot, self._page(snapshot)
            return self._last[1]

    def _page(self, snapshot: Snapshot) -> Page:
        families: dict[str, list[str]] = {}
        refused: dict[str, int] = {}
        entries = 0
        for block, lines in self._rendered.of(snapshot):
            for begun, value in zip(lines, block.values, strict=True):
                if value is ABSENT:
                    continue
                entries += 1
                if isinstance(begun, Refused):
                    refused[begun.reason] = refused.get(begun.reason, 0) + 1
                    continue
                family = families.get(begun.family)
                if family is None:
                    family = families[begun.family] = [begun.header]
                if isinstance(value, Histogram):
                    family.extend(_histogram(begun, value))
                else:
                    family.append(f"{begun.start}{value!r}\n")
        body = "".join(text for family in families.values() for text in family)
        return Page(body.encode(), entries, refused)


def line(series: Series) -> Line:
    """Render what a series' lines begin with.

    Raises:
        Unencodable: ``collision``, two of its labels would have one name.
    """
    kind = series.kind
    family = family_name(series.name, kind, series.unit)
    labels = {label_name(name): text for name, text in series.labels.items()}
    if len(labels) < len(series.labels):
        raise Unencodable("collision")
    pairs = ",".join(f'{name}="{text.translate(_LABEL)}"' for name, text in labels.items())
    help_ = f"# HELP {family} {series.help.translate(_HELP)}\n" if series.help else ""
    header = f"{help_}# TYPE {family} {kind}\n"
    closed = f"{{{pairs}}}" if pairs else ""
    if kind == "histogram":
        opened = f"{family}_bucket{{{pairs},le=" if pairs else f"{family}_bucket{{le="
        return Line(family, kind, header, opened, closed)
    return Line(family, kind, header, f"{family}{closed} ")


def _histogram(begun: Line, value: Histogram) -> Iterator[str]:
    for upper, count in value.buckets:
        yield f'{begun.start}"{float(upper)!r}"}} {count}\n'
    yield f'{begun.start}"+Inf"}} {value.count}\n'
    if value.sum is not None:
        yield f"{begun.family}_sum{begun.labels} {value.sum!r}\n"
    yield f"{begun.family}_count{begun.labels} {value.count}\n"


def _names(begun: Line) -> Iterator[tuple[str, str | None]]:
    """Yield the names a series takes: its own, and those its family must have to itself."""
    yield begun.start, None
    owner = f"{begun.family} {begun.kind}"
    yield begun.family, owner
    if begun.kind == "histogram":
        for suffix in ("_bucket", "_sum", "_count"):
            yield begun.family + suffix, owner
