"""The names of series: a path, or a path and tags.

statsd 0.9 deletes characters that a name may not have, and splits at ``:``, ``|`` and ``@``, so
none of these is ever written. Tags are DogStatsD's ``|#key:value``; the npm daemon reads these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from sampler.adapterkit.dotted_paths import Alphabet, series_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sampler.agent import Series

_KEYS = {"name": "name_"}
"""The daemon's Graphite backend reserves ``name``."""
BOUND = "le"

_TAG_VALUES = Alphabet("_.-")
"""DogStatsD reserves ``:`` in tags, which Graphite allows."""


@attrs.frozen
class Name:
    """One name on the wire.

    Attributes:
        path: written before the value.
        tags: written after the type, ``|#`` included; or nothing.
    """

    path: str
    tags: str = ""

    @property
    def size(self) -> int:
        """Number of bytes; both are ASCII."""
        return len(self.path) + len(self.tags)


class Namer:
    """Names series for one destination.

    Args:
        prefix: what every name begins with, without placeholders; may be empty.
        tags: labels become tags instead of path segments.
        buckets: histograms become a counter per bucket, with the label ``le``; a program's own
            label ``le`` becomes ``le_``.
    """

    def __init__(self, prefix: str, *, tags: bool, buckets: bool) -> None:
        self._prefix = prefix
        self._tags = tags
        self._keys = {**_KEYS, BOUND: f"{BOUND}_"} if buckets else _KEYS if tags else {}

    def name(self, name: str, labels: Mapping[str, str], suffix: str = "") -> Name:
        """Return the name of a series, or of the part of a histogram that ``suffix`` names."""
        return self._name(name, labels, suffix, {})

    def bucket(self, series: Series, upper: float | None) -> Name:
        """Return the name of one bucket; None: of the bucket above all bounds."""
        bound = "inf" if upper is None else repr(float(upper)).replace("+", "")
        return self._name(series.name, series.labels, "bucket", {BOUND: bound})

    def _name(
        self, name: str, given: Mapping[str, str], suffix: str, more: dict[str, str]
    ) -> Name:
        labels = {self._keys.get(key, key): text for key, text in given.items()}
        if not self._tags:
            # A segment has no dot. A bound has no "_", so that can stand for the dot.
            flat = {key: text.replace(".", "_") for key, text in more.items()}
            return Name(self._path(series_path(name, {**labels, **flat}, suffix)))
        pairs = [f"{key}:{_TAG_VALUES.write(text)}" for key, text in {**labels, **more}.items()]
        path = self._path(".".join(filter(None, (name, suffix))))
        return Name(path, f"|#{','.join(pairs)}" if pairs else "")

    def _path(self, path: str) -> str:
        return f"{self._prefix}.{path}" if self._prefix else path
