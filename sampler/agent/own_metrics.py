"""How much of the agent's own account an adapter gets: ``self_metrics``.

A page keeps its zeros, which ``increase()`` needs. A store makes a file or a series of each name
that ever comes, so it gets what has moved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sampler._contract.names import is_reserved
from sampler._contract.snapshot import ABSENT, Block, with_blocks
from sampler.agent.config.settings import ALL, NONE, SELF_METRICS

if TYPE_CHECKING:
    from sampler._contract.snapshot import Series, Snapshot


def default_of(adapter: Any) -> str:
    """Return how much an adapter gets where the configuration does not say it."""
    wanted = getattr(adapter, "self_metrics", ALL)
    return wanted if wanted in SELF_METRICS else ALL


class OwnMetrics:
    """Leaves out of one adapter's snapshots what it does not get of the agent's own account.

    Args:
        wanted: ``all``, ``changes`` or ``none``.
    """

    def __init__(self, wanted: str) -> None:
        self._wanted = wanted
        self._moved: dict[Series, None] = {}
        """Series that are not 0, or were not."""
        self._shown: dict[str, tuple[Series, ...]] = {}
        self._last: tuple[Snapshot, Snapshot] | None = None

    def of(self, snapshot: Snapshot) -> Snapshot:
        """Return what the adapter gets; of one snapshot always the same."""
        if self._wanted == ALL or not any(is_reserved(b.sampler) for b in snapshot.blocks):
            return snapshot
        if self._last is None or self._last[0] is not snapshot:
            self._last = snapshot, self._made(snapshot)
        return self._last[1]

    def _made(self, snapshot: Snapshot) -> Snapshot:
        own = [block for block in snapshot.blocks if is_reserved(block.sampler)]
        live = {series for block in own for series in block.series}
        self._moved = {series: None for series in self._moved if series in live}
        blocks = [
            self._changed(each) if is_reserved(each.sampler) else each
            for each in snapshot.blocks
            if self._wanted != NONE or not is_reserved(each.sampler)
        ]
        return with_blocks(snapshot, tuple(blocks))

    def _changed(self, block: Block) -> Block:
        for each, value in zip(block.series, block.values, strict=True):
            if value is not ABSENT and value != 0:
                self._moved[each] = None
        places = [i for i, each in enumerate(block.series) if each in self._moved]
        series = tuple(block.series[i] for i in places)
        if self._shown.get(block.sampler) != series:
            self._shown[block.sampler] = series
        series = self._shown[block.sampler]  # the same object until the set of series changes
        return Block(block.sampler, series, [block.values[i] for i in places], block.time)
