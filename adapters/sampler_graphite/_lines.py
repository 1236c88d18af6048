"""Snapshots to lines of carbon's plaintext protocol.

Carbon closes the connection on a byte that is no UTF-8 and on a line of 16 384 bytes or more, and
answers either with the same end of stream as success: such lines must never be written.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeAlias

from sampler.agent import ABSENT, Batch
from sampler.agent.paths import MAX_SEGMENT, expand, marked, series_path
from sampler.agent.rendered import Refused, Rendered, Unencodable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampler.agent import Series, Snapshot

Prefix: TypeAlias = "str | tuple[str, str]"
"""``path`` and a space; two of them, of ``count`` and ``sum``, for a histogram."""

MAX_BATCH = 512 * 1024
MAX_PATH = 3000
"""Bytes: a path becomes a file's name, which with its folder has at most 4 096."""
MAX_TAGGED = 16_000
"""Bytes: a tagged file's name is a hash; the line, with value and time, has less than 16 384."""

_TAG_VALUE = re.compile(r"[A-Za-z0-9_.:-]+")
_NO_TAG_VALUE = re.compile(r"[^A-Za-z0-9_.:-]+")
_MARKED = re.compile(r"-[0-9a-f]{8}\Z")


class Lines:
    """Encodes for one destination.

    Args:
        template: of the prefix of every path.
        tags: labels become tags instead of path segments.
    """

    def __init__(self, template: str, *, tags: bool) -> None:
        self._template = template
        self._tags = tags
        self._prefix: str | None = None
        self._rendered: Rendered[Prefix] = Rendered(self._render, _names)

    def batches(self, snapshot: Snapshot) -> Iterator[Batch]:
        """Yield batches of whole entries in the snapshot's order."""
        prefix = expand(self._template, snapshot.identity)
        if prefix != self._prefix:
            self._prefix = prefix
            self._rendered = Rendered(self._render, _names)
        lines: list[str] = []
        size = samples = 0
        refused: dict[str, int] = {}
        for block, prefixes in self._rendered.of(snapshot):
            end = f" {int(block.time)}\n"
            for path, value in zip(prefixes, block.values, strict=True):
                if value is ABSENT:
                    continue
                if isinstance(path, str):
                    line = f"{path}{value!r}{end}"
                elif isinstance(path, Refused):
                    refused[path.reason] = refused.get(path.reason, 0) + 1
                    continue
                else:
                    line = _histogram(path, value, end)
                if size + len(line) > MAX_BATCH:
                    yield Batch(("".join(lines).encode(),), samples, refused)
                    lines, size, samples, refused = [], 0, 0, {}
                lines.append(line)
                size += len(line)
                samples += 1
        if samples or refused:
            yield Batch(("".join(lines).encode(),) if lines else (), samples, refused)

    def _render(self, series: Series) -> Prefix:
        if series.kind == "histogram":
            return self._path(series, "count"), self._path(series, "sum")
        return self._path(series)

    def _path(self, series: Series, suffix: str = "") -> str:
        if self._tags:
            path = ".".join(filter(None, (self._prefix, series.name, suffix)))
            path += "".join(f";{_key(k)}={tag_value(v)}" for k, v in series.labels.items())
        else:
            path = series_path(series.name, series.labels, suffix)
            path = f"{self._prefix}.{path}" if self._prefix else path
        if len(path) > (MAX_TAGGED if self._tags and series.labels else MAX_PATH):
            raise Unencodable("too_long")
        return path + " "


def tag_value(text: str) -> str:
    """Return ``text`` as a tag value: letters, digits, ``_ . : -``; changed as segments are."""
    if len(text) <= MAX_SEGMENT and _TAG_VALUE.fullmatch(text) and not _MARKED.search(text):
        return text
    return marked(text, _NO_TAG_VALUE.sub("_", text).strip("_.:-"))


def _key(name: str) -> str:
    return "name_" if name == "name" else name  # carbon keeps the path itself under "name"


def _names(prefix: Prefix) -> tuple[tuple[str, None], ...]:
    paths = (prefix,) if isinstance(prefix, str) else prefix
    return tuple((path, None) for path in paths)


def _histogram(paths: tuple[str, str], value: Any, end: str) -> str:
    count, total = paths
    text = f"{count}{value.count}{end}"
    return text if value.sum is None else f"{text}{total}{value.sum!r}{end}"
