"""What the load is: both the program that makes it and the judge know it."""

from __future__ import annotations

SAMPLERS, SERIES = 100, 100
INTERVAL = 1.0
PREFIX = "soak"


def weight(i: int) -> int:
    """Return by how much counter ``i`` of a sampler grows with each pull."""
    return 1 + i % 7
