"""What is validated, and the start that it gives."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sampler._contract.declaration import seconds, short

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from sampler._contract.declaration import Declaration
    from sampler.validate._breach import Report

_SLACK = 1.0
"""Seconds by which a start may lie in the future, because clocks differ."""


class Subject:
    """A sampler under test.

    Args:
        sampler: the mapping.
        declaration: what it said at first.
        report: where breaches go.
        deadline: seconds that a call may take.

    Attributes:
        restarts_told: it has given a start, so it says when it starts over.
    """

    def __init__(
        self,
        sampler: Mapping[str, Any],
        declaration: Declaration,
        report: Report,
        deadline: float,
    ) -> None:
        self.sampler = sampler
        self.declaration = declaration
        self.report = report
        self.deadline = deadline
        self.restarts_told = False

    def start(self) -> Any:
        """Return what ``start`` gives; report what is not epoch seconds, or not yet."""
        said: Any = self.declaration.start
        if callable(said):
            try:
                said = said()
            except Exception as error:
                self.report.add("S-15", "start", f"'start' raised {short(error)}", error)
                raise
        if said is None:
            return None
        number = seconds(said)
        if number is None:
            message = f"'start' returned {short(said)}, not epoch seconds"
            self.report.add("S-10", "start", message, said)
            return said
        self.restarts_told = True
        if number > time.time() + _SLACK:
            self.report.add("S-10", "start", f"its start {number} lies in the future", said)
        return said

    def read_start(self) -> float | None:
        """Return what ``start`` gives as a number, or None."""
        return seconds(self.start())
