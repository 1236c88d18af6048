"""Turns snapshots into pages: text format 0.0.4, and OpenMetrics 1.0."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING
from weakref import ref

import attrs

from sampler.adapterkit.render_cache import RenderCache
from sampler.adapterkit.threads import Lock
from sampler.agent import ABSENT, GiveWayTimer
from sampler_prometheus._lines import SeriesRenderer
from sampler_prometheus._sheet import Sheet, lines_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sampler.agent import Snapshot
    from sampler_prometheus._lines import HistogramStart

TEXT = "text/plain; version=0.0.4; charset=utf-8"
"""Content type of the text format."""
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
"""Content type of OpenMetrics."""
_JOINED = 50_000
"""Characters that are joined and encoded at once: memory of that size is used again."""
_GZIP_LEVEL = 5
"""Higher levels take much longer, and pages get hardly smaller."""


@attrs.frozen
class RenderedText:
    """One snapshot in a text format.

    Attributes:
        parts: the text, UTF-8, in parts.
        entries: number of the snapshot's entries.
        refused: reason to number of entries that the text does not contain.
    """

    parts: tuple[bytes, ...]
    entries: int
    refused: Mapping[str, int]

    @property
    def body(self) -> bytes:
        """The text as one."""
        return b"".join(self.parts)

    def compressed(self) -> bytes:
        """Return the text as gzip compresses it."""
        return gzip.compress(self.body, _GZIP_LEVEL, mtime=0)  # others run meanwhile


class TextRenderer:
    """Renders snapshots. Safe to use from any thread.

    What it keeps of a page are its lines; the page itself lives as long as somebody has it.

    Args:
        group: labels that the receiver gives every series, instead of those of these names.
    """

    def __init__(self, group: Mapping[str, str] | None = None) -> None:
        self.group: Mapping[str, str] = dict(group or {})
        self._lock = Lock()
        self._renderer = SeriesRenderer(self.group)
        self._cache: RenderCache[str | HistogramStart] = RenderCache(
            self._renderer, family=self._renderer.family_of
        )
        self._sheet = Sheet()
        self._snapshot: Snapshot | None = None
        self._texts: dict[str, ref[RenderedText]] = {}
        self._compressed: dict[str, bytes] = {}

    def render(self, snapshot: Snapshot, kind: str = TEXT) -> RenderedText:
        """Return a snapshot as text; scrapes that share a snapshot share the text.

        Args:
            snapshot: what to render.
            kind: content type: :data:`TEXT` or :data:`OPENMETRICS`.
        """
        with self._lock:
            if self._snapshot is not snapshot:
                self._snapshot, self._texts, self._compressed = snapshot, {}, {}
            known = self._texts.get(kind)
            text = None if known is None else known()
            if text is None:
                text = self._joined(snapshot, openmetrics=kind == OPENMETRICS)
                self._texts[kind] = ref(text)
            return text

    def compressed(self, snapshot: Snapshot, kind: str) -> bytes:
        """Return the text as gzip compresses it; scrapes that share a snapshot share that."""
        text = self.render(snapshot, kind)
        with self._lock:
            found = self._compressed.get(kind) if self._snapshot is snapshot else None
        if found is None:
            found = text.compressed()
            with self._lock:
                if self._snapshot is snapshot:
                    self._compressed[kind] = found
        return found

    def _joined(self, snapshot: Snapshot, *, openmetrics: bool) -> RenderedText:
        turn = GiveWayTimer()
        families: dict[str, list[str]] = {}
        refused: dict[str, int] = {}
        for block, kept in self._sheet.of(self._cache.of(snapshot), turn):
            for place, reason in kept.refused.items():
                if block.values[place] is not ABSENT:
                    refused[reason] = refused.get(reason, 0) + 1
            items = self._sheet.items(kept, openmetrics=openmetrics)
            for metric, text in lines_of(block, kept, items, openmetrics=openmetrics):
                family = self._renderer.family(metric)
                if (lines := families.get(family.name)) is None:
                    header = family.openmetrics_header if openmetrics else family.text_header
                    lines = families[family.name] = [header]
                lines.append(text)
                turn.give_way_if_due()
        if openmetrics:
            families[""] = ["\n# EOF"]
        parts = list(_encoded(families.values(), turn))
        if parts:
            parts[0] = parts[0][1:]
            parts[-1] += b"\n"
        return RenderedText(tuple(parts), len(snapshot), refused)


def _encoded(families: Iterable[list[str]], turn: GiveWayTimer) -> Iterator[bytes]:
    """Yield the lines, each with a line feed before it."""
    texts: list[str] = []
    size = 0
    for lines in families:
        lines.reverse()
        while lines:  # each is freed as soon as it is encoded
            size += len(lines[-1])
            texts.append(lines.pop())
            if size > _JOINED:
                yield "".join(texts).encode()
                texts.clear()
                size = 0
                turn.give_way_if_due()
    if texts:
        yield "".join(texts).encode()
