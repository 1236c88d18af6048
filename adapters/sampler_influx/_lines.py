"""Lines of InfluxDB: a measurement, its tags, its fields and a time; one line for each entry."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sampler.adapterkit.dotted_paths import Alphabet
from sampler.adapterkit.identity_labels import beside_own, filled_in_labels
from sampler.adapterkit.packing import Packing
from sampler.adapterkit.render_cache import NotRendered, RenderCache, Unencodable, iter_entries
from sampler.adapterkit.shared_bounds import at_shared_bounds
from sampler.agent import ABSENT, HistogramValue

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sampler.agent import Batch, Series, Snapshot

RESERVED = frozenset({"count", "sum", "time", "value"})
"""Names of fields, and what InfluxDB calls the time."""
_ESCAPED = str.maketrans({",": "\\,", "=": "\\=", " ": "\\ "})
_UNFIT = re.compile(r"[\x00-\x1f\x7f\\]|-[a-z2-7]{26}\Z")
"""What a tag cannot have, a backslash included: at its end it would take the next comma away. And
what such a text becomes, so that no two texts are one."""
_TEXTS = Alphabet("_-")
_LONGEST = 60_000
"""Bytes of tags: InfluxDB takes less than 65,536 for all that names a series."""


class LineEncoder:
    """Encodes for one destination.

    Args:
        tags: templates of the tags that every series gets.
        limit: most bytes of a batch.
    """

    def __init__(self, tags: Mapping[str, str], limit: int) -> None:
        self._templates = tags
        self._limit = limit
        self._common: dict[str, str] = {}
        self._begin({})

    def batches(self, snapshot: Snapshot) -> Iterator[Batch]:
        """Yield batches of whole lines, in the snapshot's order."""
        common = filled_in_labels(self._templates, snapshot.identity)
        if common != self._common:
            self._begin(common)
        packing = Packing(self._limit)
        for block, entries in iter_entries(self._cache.of(snapshot)):
            end = f" {max(0, int(block.time * 1e6)) * 1000}\n"
            lines: list[bytes] = []
            missing: list[tuple[int, str]] = []
            for place, (head, series, value) in enumerate(entries):
                line = b""
                if value is ABSENT:
                    missing.append((place, ""))
                elif isinstance(head, NotRendered):
                    missing.append((place, head.reason))
                else:
                    line = f"{head}{_fields(series, value)}{end}".encode()
                    if len(line) > self._limit:
                        missing.append((place, "too_long"))
                        line = b""
                lines.append(line)
            yield from packing.add(b"".join(lines), len(lines), missing, map(len, lines))
        yield from packing.rest()

    def _begin(self, common: dict[str, str]) -> None:
        """Begin with other tags: nothing that was kept can be used."""
        self._common = common
        self._cache: RenderCache[str] = RenderCache(lambda series: _head(series, common))


def tag_name(label: str) -> str:
    """Return the name of a tag: that of a field gets a trailing ``_``."""
    return f"{label}_" if label in RESERVED else label


def _head(series: Series, common: Mapping[str, str]) -> str:
    """Return a line up to its fields."""
    own = series.labels
    labels = beside_own(common, own, tag_name)
    pairs = (f"{key}={_text(value)}" for key, value in sorted(labels.items()))
    head = ",".join((series.name, *pairs))
    if len(head.encode()) > _LONGEST:
        raise Unencodable("too_long")
    return f"{head} "


def _text(value: str) -> str:
    value = _TEXTS.write(value) if _UNFIT.search(value) else value
    return value.translate(_ESCAPED)


def _fields(series: Series, value: Any) -> str:
    """Return the fields of a value, as floats: a field has one type for ever."""
    if not isinstance(value, HistogramValue):
        return f"value={float(value)!r}"
    value = at_shared_bounds(value, series)
    fields = [f"count={float(value.count)!r}"]
    if value.sum is not None:
        fields.append(f"sum={float(value.sum)!r}")
    fields += [f"le_{upper!r}={float(at)!r}" for upper, at in value.buckets]
    return ",".join(fields)
