"""Posts every pull of a program's numbers as JSON lines over HTTP."""

from __future__ import annotations

import json
from time import monotonic
from typing import TYPE_CHECKING, Any

import attrs
from sampler.adapterkit import http
from sampler.agent import (
    DELIVERED,
    MAX_BATCH,
    Batch,
    HistogramValue,
    Rejected,
    Unavailable,
    option,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampler.agent import Outcome, Since, Snapshot

__all__ = ["MyPackage"]


@attrs.define
class MyPackage:
    """Post every pull as JSON lines over HTTP."""

    stamped = True  # each line has its time: a late one is still worth sending
    url: str = option("http://127.0.0.1:8080", "Where to post to.")

    def encode(self, snapshot: Snapshot, since: Since) -> Iterator[Batch]:
        """Turn a snapshot into batches of bytes, without any I/O."""
        lines: list[bytes] = []
        size = 0
        for block in snapshot.blocks:  # one for each sampler
            for series, value in block:
                told: Any = value
                if isinstance(value, HistogramValue):
                    told = {"count": value.count, "sum": value.sum}
                entry: dict[str, Any] = {"name": series.name, "value": told}
                entry |= {"labels": dict(series.labels), "time": block.time}
                entry |= snapshot.identity
                line = json.dumps(entry).encode() + b"\n"
                if size + len(line) > MAX_BATCH:
                    yield Batch((b"".join(lines),), samples=len(lines))
                    lines, size = [], 0
                lines.append(line)
                size += len(line)
        yield Batch((b"".join(lines),), samples=len(lines))

    def send(self, batch: Batch, timeout: float) -> Outcome:
        """Deliver a batch, and say what became of it."""
        try:
            with http.connect(self.url, monotonic() + timeout) as peer:
                if not batch.frames:  # only asks whether the endpoint answers
                    return DELIVERED
                body = b"".join(batch.frames)
                reply = peer.request("POST", "/", {}, body)
        except (OSError, ValueError) as error:
            raise Unavailable(f"{self.url}: {error}") from None
        if reply.status == 429 or reply.status >= 500:  # later, please
            told = f"{self.url} answers {reply.status}"
            raise Unavailable(told, reply.retry_after)
        if reply.status >= 300:  # never
            told = f"{self.url} answers {reply.status}: {reply.text}"
            raise Rejected("rejected", message=told)
        return DELIVERED
