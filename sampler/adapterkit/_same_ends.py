"""Where two tuples of series differ: few come or go at once, and the rest stays in order."""

from __future__ import annotations

from itertools import compress, count
from operator import is_not
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sampler.agent import Series


def same_ends(before: Sequence[Series], after: Sequence[Series]) -> tuple[int, int]:
    """Return how many series are the same objects at the beginning, and how many at the end."""
    shorter = min(len(before), len(after))
    first = next(compress(count(), map(is_not, before, after)), shorter)
    differing = compress(count(), map(is_not, reversed(before), reversed(after)))
    return first, min(next(differing, shorter), shorter - first)
