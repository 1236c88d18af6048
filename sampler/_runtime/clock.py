"""What a Collector asks for the time."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """What time it is, in seconds; the module ``time`` is one."""

    def time(self) -> float:
        """Return the time since the epoch."""
        ...

    def monotonic(self) -> float:
        """Return a time that never goes back."""
        ...
