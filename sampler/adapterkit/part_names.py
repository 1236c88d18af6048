"""The names of a histogram's parts, such as its count and sum, kept as one.

Each part of a histogram has a name in a backend of its own, which no other series may have. These
names differ in one word only, so a *stem* stands for all of them: the name with :data:`PART` in
the place of that word. Another series can have one of them only if its own name ends in such a
word. It then shares a claim to the stem with others of that sort, and no histogram can have it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping

    from sampler.agent import Series

__all__ = ["PART", "PartFamily", "part_families"]

PART = "\0"
"""Stands for the word of a part; no name contains it."""


@attrs.frozen
class PartFamily:
    """The series that are named as a part of one histogram would be.

    Attributes:
        stems: the stem of that histogram, if there could be one.
    """

    stems: tuple[Hashable, ...] = ()

    @property
    def names(self) -> Iterable[tuple[Hashable, Hashable]]:
        """The stem, which all such series may claim, but no histogram with them."""
        return [(stem, None) for stem in self.stems]


_NONE = PartFamily()


def part_families(
    words: Iterable[str], stem: Callable[[str, Mapping[str, str]], Hashable]
) -> Callable[[Series], PartFamily]:
    """Return the function that a :class:`RenderCache` asks for families.

    Args:
        words: those of the parts.
        stem: returns the stem of a histogram with this name and these labels.
    """
    ends = frozenset(words)

    def family(series: Series) -> PartFamily:
        name, _, word = series.name.rpartition(".")
        if word in ends and series.kind != "histogram":
            return PartFamily((stem(name, series.labels),))
        return _NONE

    return family
