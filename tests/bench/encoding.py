"""Carbon's pickles alone: a snapshot is there already, and nothing is sent. Every value is new."""

from __future__ import annotations

import pickle
import struct
from typing import TYPE_CHECKING, Any

from tests.bench import population, pulls

if TYPE_CHECKING:
    from tests.bench.pulls import Operation

BATCH = 500
"""Points of a message, as carbon's own relay has them."""


def ours(size: int) -> Operation:
    """Ours, with quantiles of each histogram."""
    encoder = _Encoder(size)
    return encoder.encode, encoder.pull


def dumps(size: int) -> Operation:
    """Build a list of the same points, and pickle it; paths and numbers are there."""
    encoder = _Encoder(size)
    encoder.pull()
    points = [
        point
        for frame in encoder.encode()
        for point in pickle.loads(frame[struct.calcsize("!L") :])
    ]
    paths, numbers = [path for path, _ in points], [number for _, (_, number) in points]
    now = points[0][1][0]

    def renew() -> None:
        for at, number in enumerate(numbers):
            new = population.drawn.random() * 100
            numbers[at] = new if isinstance(number, float) else number + 1

    def build() -> list[bytes]:
        made = [(path, (now, number)) for path, number in zip(paths, numbers, strict=True)]
        bodies = (
            pickle.dumps(made[first : first + BATCH], protocol=2)
            for first in range(0, len(made), BATCH)
        )
        return [struct.pack("!L", len(body)) + body for body in bodies]

    return build, renew


class _Encoder:
    """An adapter, and the snapshot that it is to encode."""

    def __init__(self, size: int) -> None:
        from sampler import Collector
        from sampler_graphite import Graphite

        registry, changes = population.ours(size)
        self._collector = Collector(registry, deadline=60.0)
        self._adapter: Any = Graphite(protocol="pickle")
        self._change = population.changing(changes, pulls.ALL)
        self._since: dict[Any, Any] = {}
        self._snapshot = self._collector.collect()

    def pull(self) -> None:
        """Let every value be new."""
        self._since.update(entry for entry in self._snapshot if entry[0].cumulative)
        self._change()
        self._snapshot = self._collector.collect()

    def encode(self) -> list[bytes]:
        """Return the messages."""
        batches = self._adapter.encode(self._snapshot, self._since)
        return [frame for batch in batches for frame in batch.frames]
