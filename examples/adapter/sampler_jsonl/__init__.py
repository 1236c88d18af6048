"""A third-party adapter: JSON lines in a file. The agent schedules, queues and retries."""

import json
import os
from collections.abc import Iterator

import attrs

from sampler.agent import (
    DELIVERED,
    Batch,
    HistogramValue,
    Outcome,
    Since,
    Snapshot,
    Unavailable,
    option,
)


@attrs.define
class JSONLines:
    """Append one JSON object per entry to a file."""

    path: str = option("samples.jsonl", "The file to append to.")
    sync: bool = option(default=True, help="Have the disk confirm every batch.")

    def encode(self, snapshot: Snapshot, since: Since) -> Iterator[Batch]:
        """Yield one batch per sampler; ``since`` is for adapters that send differences."""
        for block in snapshot.blocks:
            lines = []
            for series, value in block:
                if isinstance(value, HistogramValue):
                    value = {"count": value.count, "sum": value.sum, "buckets": value.buckets}
                entry = {"name": series.name, "labels": series.labels, "value": value}
                lines.append(json.dumps({**entry, "time": block.time, **snapshot.identity}))
            text = "".join(line + "\n" for line in lines)
            yield Batch((text.encode(),), samples=len(lines))

    def send(self, batch: Batch, timeout: float) -> Outcome:
        """Append the batch; while the disk is full, the agent sends it again later."""
        try:
            with open(self.path, "ab") as file:
                before = file.tell()
                try:
                    file.write(b"".join(batch.frames))
                    file.flush()
                    if self.sync:
                        os.fsync(file.fileno())
                except OSError:
                    file.truncate(before)  # the whole batch is sent again
                    raise
        except OSError as error:
            raise Unavailable(f"{self.path}: {error.strerror}") from None
        return DELIVERED
