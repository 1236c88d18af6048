"""What is said: a verdict with its numbers, or that there is none and what would decide it."""

from __future__ import annotations

import attrs

UNDECIDED = "not decided"
"""The verdict where there is none."""


@attrs.frozen
class Number:
    """A number that a statement rests on.

    Attributes:
        name: what it is, in words.
        value: finite.
        unit: in UCUM.
        metrics: full names of the metrics that it comes from.
    """

    name: str
    value: float
    unit: str
    metrics: tuple[str, ...]


@attrs.frozen
class Statement:
    """One thing that is said of a window.

    Attributes:
        about: the question, in a word or two.
        verdict: in a few words; :data:`UNDECIDED` where there is none.
        text: why, in a sentence or two.
        numbers: what it rests on.
        remedy: what to do; empty where nothing is to be done.
        decides: where it is undecided: what would decide it.
    """

    about: str
    verdict: str
    text: str
    numbers: tuple[Number, ...] = ()
    remedy: str = ""
    decides: str = ""

    @property
    def decided(self) -> bool:
        """Whether it has a verdict."""
        return self.verdict != UNDECIDED


def undecided(about: str, text: str, decides: str, numbers: tuple[Number, ...] = ()) -> Statement:
    """Return a statement without a verdict."""
    return Statement(about, UNDECIDED, text, numbers, decides=decides)
