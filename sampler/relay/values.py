"""What the schema of messages cannot say: names, labels in order, histograms that add up."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from sampler._contract.histogram import HistogramValue, histogram_at
from sampler._contract.names import GRAMMAR, is_name
from sampler.relay.messages import BadMessage

if TYPE_CHECKING:
    from sampler._contract.snapshot import Value
    from sampler.relay.messages import Histogram, Row, Shape, Table

_is_name = lru_cache(2**16)(is_name)
"""Many processes say the same."""


def check_table(table: Table) -> None:
    """Check the names, labels and beginnings of a table.

    Raises:
        BadMessage: one of them breaks the contract.
    """
    if not _is_name(table.sampler):
        raise BadMessage(f"TABLE: {table.sampler!r} is no name: {GRAMMAR}")
    for row in table.rows:
        names = [name for name, _ in row.labels]
        for name in (row.name, *names):
            if not _is_name(name):
                raise BadMessage(f"TABLE: {name!r} is no name: {GRAMMAR}")
        if any(one >= other for one, other in pairwise(names)):
            raise BadMessage(f"TABLE: the labels of {row.name} are not sorted")
        if row.merge is not None and row.kind != "gauge":
            raise BadMessage(f"TABLE: {row.name} has a merge, and is a {row.kind}")
        base_value(row)


def base_value(row: Row) -> Value | None:
    """Return where a series begins; None: at zero.

    Raises:
        BadMessage: it is not a value of its kind.
    """
    base: Any = row.base
    if base is None:
        return None
    number = type(base) in (int, float)
    if row.kind == "gauge" or number == (row.kind == "histogram") or (number and base < 0):
        raise BadMessage(f"TABLE: {row.name} cannot begin there")
    return base if number else histogram(base.value, shaped(base.shape))


def shaped(shape: Shape) -> HistogramValue:
    """Return a shape as a value without observations.

    Raises:
        BadMessage: its bounds do not rise.
    """
    bounds = shape.bounds
    if any(low >= high for low, high in pairwise(bounds)):
        raise BadMessage("the bounds of a histogram do not rise")
    none = (0,) * len(bounds)
    return histogram_at(bounds, none, 0, 0, shape.scale, shape.zero_threshold)


def check_histogram(value: Histogram, shape: HistogramValue) -> None:
    """Check that the counts of a histogram fit its shape.

    Raises:
        BadMessage: they do not.
    """
    counts = value.counts
    fits = len(counts) == len(shape.bounds)
    if not fits or (counts and (counts[-1] > value.count or list(counts) != sorted(counts))):
        raise BadMessage("the counts of a histogram do not fit")


def histogram(value: Histogram, shape: HistogramValue) -> HistogramValue:
    """Return a histogram of a shape.

    Raises:
        BadMessage: its counts do not fit.
    """
    check_histogram(value, shape)
    more = shape.scale, shape.zero_threshold
    return histogram_at(shape.bounds, value.counts, value.count, value.sum, *more)
