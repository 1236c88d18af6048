"""Exemplars: single events that stand for what a counter or a bucket has counted."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


MAX_CHARACTERS = 128
"""Characters of an exemplar's names and values (OpenMetrics 1.0, "Exemplars")."""


class Exemplar:
    """One event, and where more is known about it, such as the id of its trace.

    Attributes:
        value: what was added or observed.
        labels: what it is found by; at most :data:`MAX_CHARACTERS` in all.
        time: epoch seconds.
        written: what an adapter has made of it, kept by that for the next page; empty at first.
    """

    __slots__ = ("labels", "time", "value", "written")

    def __init__(self, value: float, labels: Mapping[str, str], time: float) -> None:
        self.value: float = value
        self.labels: Mapping[str, str] = labels
        self.time: float = time
        self.written: str = ""

    def __repr__(self) -> str:
        return f"<Exemplar {self.value!r} {dict(self.labels)} at {self.time}>"
