"""A failure of a suite: its message says which rule, what was wrong and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Broken(AssertionError):
    """What a suite tests breaks a rule.

    Attributes:
        clause: the rule's id.
        remedy: what to do.
    """

    def __init__(self, clause: str, message: str, remedy: str) -> None:
        super().__init__(f"{clause}: {message}; {remedy}")
        self.clause = clause
        self.remedy = remedy


def require(holds: object, clause: str, message: str, remedies: Mapping[str, str]) -> None:
    """Raise :class:`Broken` unless ``holds``."""
    if not holds:
        raise Broken(clause, message, remedies[clause])
