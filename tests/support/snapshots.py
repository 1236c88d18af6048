"""Snapshots made by hand, for tests of what comes behind the Collector."""

from __future__ import annotations

from sampler.agent import ABSENT, Block, Series, Snapshot


class Feed:
    """One block whose series stay the same objects from snapshot to snapshot.

    Args:
        kinds: metric name to kind.
        start: epoch seconds at which the consumer began.
    """

    def __init__(self, kinds: dict[str, str], start: float = 1_000.0) -> None:
        self.start = start
        self.series = tuple(Series(f"feed.{name}", {}, kind) for name, kind in kinds.items())
        self.time = start

    def snapshot(self, *values: object) -> Snapshot:
        """Return the next snapshot; ``None`` stands for a value that could not be read."""
        self.time += 1.0
        read = [ABSENT if value is None else value for value in values]
        block = Block("feed", self.series, read, self.time)  # type: ignore[arg-type]
        return Snapshot((block,), self.time, self.start, {})
