"""A failure of a suite: the rule first, then what was wrong, then what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Broken(AssertionError):
    """A rule is broken by what a suite tests.

    Attributes:
        clause: the rule's id.
        remedy: what to do.
    """

    def __init__(self, clause: str, message: str, remedy: str) -> None:
        super().__init__(f"{clause}: {message}; {remedy}")
        self.clause = clause
        self.remedy = remedy


def require(holds: object, clause: str, message: str, remedies: Mapping[str, str]) -> None:
    """Raise :class:`Broken` unless something holds."""
    if not holds:
        raise Broken(clause, message, remedies[clause])
