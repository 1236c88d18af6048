"""The ``jsonlines`` adapter: its options, its lines, and the methods that the agent calls."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from sampler.adapterkit.dotted_paths import filled_in, placeholder_fault, segment
from sampler.adapterkit.halving import halved_lines
from sampler.adapterkit.line_file import append_lines, path_fault
from sampler.adapterkit.packing import Packing
from sampler.adapterkit.render_cache import NotRendered, RenderCache, iter_entries
from sampler.agent import ABSENT, DELIVERED, MAX_BATCH, Batch, HistogramValue, Unavailable, option

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sampler.agent import Outcome, Series, Since, Snapshot


def _path_fault(path: str) -> str | None:
    return path_fault(path) or placeholder_fault(path)


def written_to(path: str, identity: Mapping[str, str]) -> str:
    """Return a path with its placeholders filled in by names that a file may have."""
    return filled_in(path, {key: segment(text) for key, text in identity.items()})


@attrs.define(eq=False)
class JSONLines:
    """Append a JSON object for each entry to a file, or write it to a standard stream.

    For log shippers, and for questions that are asked later. Processes may share a file: lines are
    whole. A file that is rotated is left alone, and a new one begun.
    """

    stamped = True
    unsupported: ClassVar[Mapping[str, str]] = {
        "help": "left out: it is the same in each line",
        "precision": "all digits are written; readers that have doubles only round integers "
        "above 2**53",
    }
    path: str = option(
        "samples.jsonl",
        "The file, with {service}, {host}, {instance}, {pid} and {role} filled in; stdout or "
        "stderr.",
        check=_path_fault,
    )
    sync: bool = option(default=False, help="Have the disk confirm every batch.")
    _cache: RenderCache[str] = attrs.field(init=False, repr=False)
    _who: str = attrs.field(default="", init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._cache = RenderCache(_head)

    def encode(self, snapshot: Snapshot, since: Since) -> Iterator[Batch]:
        """Yield batches of at most 512 KiB."""
        del since
        path = written_to(self.path, snapshot.identity)
        who = json.dumps({k: v for k, v in snapshot.identity.items() if k != "uuid"})[1:-1]
        packing = Packing(MAX_BATCH)
        for block, entries in iter_entries(self._cache.of(snapshot)):
            end = f', "time": {block.time!r}{f", {who}" if who else ""}}}\n'
            lines, missing = [], []
            for place, (head, _, value) in enumerate(entries):
                if value is ABSENT:
                    missing.append((place, ""))
                    lines.append(b"")
                elif isinstance(head, NotRendered):
                    missing.append((place, head.reason))
                    lines.append(b"")
                else:
                    lines.append(f"{head}{_written(value)}{end}".encode())
            sizes = map(len, lines)
            for batch in packing.add(b"".join(lines), len(lines), missing, sizes):
                yield attrs.evolve(batch, note=path)
        for batch in packing.rest():
            yield attrs.evolve(batch, note=path)

    def send(self, batch: Batch, timeout: float) -> Outcome:
        """Append one batch.

        Raises:
            Unavailable: the file cannot be written; a resend is harmless.
        """
        if not batch.frames and "{" in self.path:
            _look_at_folder(str(Path(self.path).parent))
            return DELIVERED
        return append_lines(batch.note or self.path, batch.frames, timeout, sync=self.sync)

    def split(self, batch: Batch) -> tuple[Batch, Batch]:
        """Return the halves of a batch."""
        return halved_lines(batch)


def _look_at_folder(folder: str) -> None:
    """Raise Unavailable where no file can be made; a template is looked at when it is known."""
    if "{" not in folder and not os.access(folder, os.W_OK | os.X_OK):
        raise Unavailable(f"{folder}: no folder in which a file can be made")


def _head(series: Series) -> str:
    """Return a line up to the value."""
    told = {"name": series.name, "kind": series.kind, "unit": series.unit}
    told = {key: text for key, text in told.items() if text}
    labels = f', "labels": {json.dumps(dict(series.labels))}' if series.labels else ""
    return f'{json.dumps(told)[:-1]}{labels}, "value": '


def _written(value: Any) -> str:
    if isinstance(value, HistogramValue):
        told = {key: value[key] for key in value if key != "buckets"}
        return json.dumps({**told, "buckets": value.buckets})
    return repr(value)
