"""Snapshots of a fake clock for the recorder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sampler.agent import Block, Series, Snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence

BEGAN = 1_700_000_000.0


class Clock:
    """Time that passes when a test says so."""

    def __init__(self, now: float) -> None:
        self.now = now

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now


def series_of(count: int, kind: str = "gauge", sampler: str = "shop") -> tuple[Series, ...]:
    """Return series of one metric."""
    return tuple(Series(f"{sampler}.x", {"n": str(n)}, kind) for n in range(count))


def snapshot(time: float, *blocks: tuple[Sequence[Series], Sequence[Any]]) -> Snapshot:
    """Return a snapshot with these series and values, read when it was pulled."""
    made = tuple(_block(tuple_of(series), values, time) for series, values in blocks)
    return Snapshot(made, time, BEGAN, {}, (), 10.0)


def _block(series: tuple[Series, ...], values: Sequence[Any], time: float) -> Block:
    return Block(series[0].name.rpartition(".")[0], series, [*values], time)


def tuple_of(series: Sequence[Series]) -> tuple[Series, ...]:
    """Return the same object where it is a tuple."""
    return series if isinstance(series, tuple) else tuple(series)
