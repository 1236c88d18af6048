"""What a series is called: a path, or a path and tags.

statsd 0.9 deletes what a name may not have and splits at ``:``, ``|`` and ``@``, so nothing of
that is ever written. Tags are DogStatsD's ``|#key:value``; the npm daemon reads them as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from sampler.adapterkit.dotted_paths import Alphabet, quantile_name, series_path

if TYPE_CHECKING:
    from sampler.agent import Series

_KEYS = {"name": "name_"}
"""The daemon's graphite backend keeps ``name`` for itself."""
BOUND = "le"

tag_value = Alphabet("_.-").write
"""Write a text as a tag's value."""


@attrs.frozen
class Name:
    """One name on the wire.

    Attributes:
        path: what stands before the value.
        tags: what stands behind the type, ``|#`` included; or nothing.
    """

    path: str
    tags: str = ""

    @property
    def size(self) -> int:
        """Bytes: both are ASCII."""
        return len(self.path) + len(self.tags)


class Namer:
    """Names series for one destination.

    Args:
        prefix: what every name begins with, filled in; may be empty.
        tags: labels become tags instead of path segments.
        buckets: histograms become counters by bucket, told apart by the label ``le``, and a
            program's own label ``le`` becomes ``le_``.
    """

    def __init__(self, prefix: str, *, tags: bool, buckets: bool) -> None:
        self._prefix = prefix
        self._tags = tags
        self._keys = {**_KEYS, BOUND: f"{BOUND}_"} if buckets else _KEYS if tags else {}

    def name(self, series: Series, suffix: str = "") -> Name:
        """Return the name of a series, or of the part of a histogram that ``suffix`` names."""
        return self._name(series, suffix, {})

    def bucket(self, series: Series, upper: float | None) -> Name:
        """Return the name of one bucket; None: of what lies above all bounds."""
        bound = "inf" if upper is None else repr(float(upper)).replace("+", "")
        return self._name(series, "bucket", {BOUND: bound})

    def _name(self, series: Series, suffix: str, more: dict[str, str]) -> Name:
        labels = {self._keys.get(key, key): text for key, text in series.labels.items()}
        if not self._tags:
            # A segment has no dot: no bound contains the "_" that stands for it.
            flat = {key: text.replace(".", "_") for key, text in more.items()}
            return Name(self._path(series_path(series.name, {**labels, **flat}, suffix)))
        pairs = [f"{key}:{tag_value(text)}" for key, text in {**labels, **more}.items()]
        path = self._path(".".join(filter(None, (series.name, suffix))))
        return Name(path, f"|#{','.join(pairs)}" if pairs else "")

    def _path(self, path: str) -> str:
        return f"{self._prefix}.{path}" if self._prefix else path


def parts(namer: Namer, series: Series, quantiles: tuple[float, ...]) -> tuple[Name, ...]:
    """Return a histogram's names: of ``count``, ``sum`` and each quantile."""
    words: Any = ("count", "sum", *map(quantile_name, quantiles))
    return tuple(namer.name(series, word) for word in words)
