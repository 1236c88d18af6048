"""Snapshots to pages: text format 0.0.4, and OpenMetrics 1.0."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

import attrs

from sampler.agent import ABSENT, Histogram, at_shared_bounds
from sampler.agent.rendered import Refused, Rendered
from sampler_prometheus._lines import bound, line, names, sum_and_count

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sampler.agent import Snapshot
    from sampler_prometheus._lines import Line

TEXT = "text/plain; version=0.0.4; charset=utf-8"
"""Content type of the text format."""
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
"""Content type of OpenMetrics."""


@attrs.frozen
class Written:
    """One snapshot as text.

    Attributes:
        body: the text, UTF-8.
        entries: entries of the snapshot.
        refused: reason to number of entries that are not in it.
    """

    body: bytes
    entries: int
    refused: Mapping[str, int]


class Text:
    """Writes pages. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._rendered: Rendered[Line] = Rendered(line, names)
        self._snapshot: Snapshot | None = None
        self._pages: dict[str, Written] = {}

    def render(self, snapshot: Snapshot, kind: str = TEXT) -> Written:
        """Return a snapshot as a page; scrapes that share a snapshot share the page.

        Args:
            snapshot: what was pulled.
            kind: :data:`TEXT` or :data:`OPENMETRICS`.
        """
        with self._lock:
            if self._snapshot is not snapshot:
                self._snapshot, self._pages = snapshot, {}
            if kind not in self._pages:
                self._pages[kind] = self._write(snapshot, openmetrics=kind == OPENMETRICS)
            return self._pages[kind]

    def _write(self, snapshot: Snapshot, *, openmetrics: bool) -> Written:
        families: dict[str, list[str]] = {}
        refused: dict[str, int] = {}
        entries = 0
        for block, lines in self._rendered.of(snapshot):
            for begun, series, value in zip(lines, block.series, block.values, strict=True):
                if value is ABSENT:
                    continue
                entries += 1
                if isinstance(begun, Refused):
                    refused[begun.reason] = refused.get(begun.reason, 0) + 1
                    continue
                family = families.get(begun.family)
                if family is None:
                    header = begun.openmetrics if openmetrics else begun.text
                    family = families[begun.family] = [header]
                if isinstance(value, Histogram):
                    shown = at_shared_bounds(value, series)
                    family.extend(_histogram(begun, shown, openmetrics=openmetrics))
                else:
                    family.append(f"{begun.start}{value!r}\n")
        body = "".join(text for family in families.values() for text in family)
        return Written((body + "# EOF\n" if openmetrics else body).encode(), entries, refused)


def _histogram(begun: Line, value: Histogram, *, openmetrics: bool) -> Iterator[str]:
    for upper, count in value.buckets:
        yield f'{begun.start}"{bound(upper)}"}} {count}\n'
    yield f'{begun.start}"+Inf"}} {value.count}\n'
    if openmetrics and not sum_and_count(value):
        return
    if value.sum is not None:
        yield f"{begun.family}_sum{begun.labels} {value.sum!r}\n"
    yield f"{begun.family}_count{begun.labels} {value.count}\n"
