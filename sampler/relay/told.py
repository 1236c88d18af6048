"""What the relay may have been told: nobody else delivers that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sampler.adapterkit.threads import Lock
from sampler.agent import ABSENT, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sampler._contract.snapshot import Value
    from sampler.agent import Block, Series
    from sampler.relay.tables import Slice

_KEPT = 16
"""Slices that are kept at least beyond those of two snapshots."""


class Told:
    """Notes each batch before it leaves. For any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._turn = 0
        self._blocks: dict[Slice, Block] = {}
        """What the relay may know of each slice, the latest last."""

    def withdraw(self, turn: int) -> dict[Series, Value]:
        """Let nothing leave that was collected before a turn, but for what may be there.

        Returns:
            By series, what the relay may have been told.
        """
        with self._lock:
            self._turn = turn
            return values_of((block, each) for each, block in self._blocks.items())

    def tell(
        self, turn: int, pairs: Sequence[tuple[Block, Slice]], slices: int
    ) -> dict[Slice, Block]:
        """Note that the relay may be told a batch; return what it may have been told before.

        Args:
            turn: in which the batch was collected.
            pairs: what is in it.
            slices: how many the snapshot has.

        Raises:
            Unavailable: others deliver what is in it.
        """
        with self._lock:
            before = self._blocks
            if turn < self._turn and any(before.get(each) is not block for block, each in pairs):
                raise Unavailable("others deliver this")
            self._blocks = before.copy()
            for block, each in pairs:
                self._blocks.pop(each, None)
                self._blocks[each] = block
            for each in list(self._blocks)[: -2 * slices - _KEPT]:
                del self._blocks[each]
            return before

    def untell(self, turn: int, before: dict[Slice, Block]) -> None:
        """Know that nothing of a batch has left, unless others leave it to the relay by now."""
        with self._lock:
            if turn >= self._turn:
                self._blocks = before


def values_of(pairs: Iterable[tuple[Block, Slice]]) -> dict[Series, Value]:
    """Return the values of slices by series; of the same series the later one."""
    found: dict[Series, Any] = {}
    for block, part in pairs:
        entries = zip(
            part.series[part.first : part.last],
            block.values[part.first : part.last],
            strict=True,
        )
        found.update(each for each in entries if each[1] is not ABSENT)
    return found
