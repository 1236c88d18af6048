"""Entries by metric: for formats that say once what the series of a metric have in common."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sampler._contract.snapshot import Value
    from sampler.agent import Metric, Series

__all__ = ["families"]


def families(
    entries: Iterable[tuple[Series, Value]],
) -> Iterator[tuple[Metric, list[tuple[Series, Value]]]]:
    """Yield each metric with its entries, in the order of the snapshot.

    A metric whose series do not stand together comes more than once: entries keep their order.

    Args:
        entries: of a snapshot or a block.
    """
    for metric, group in groupby(entries, lambda entry: entry[0].metric):
        yield metric, list(group)
