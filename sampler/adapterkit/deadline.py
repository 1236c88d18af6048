"""Deadlines: moments of the monotonic clock at which an operation has to be over."""

from __future__ import annotations

from time import monotonic

__all__ = ["seconds_left"]


def seconds_left(deadline: float) -> float:
    """Return the seconds until a moment of :func:`time.monotonic`, always more than 0.

    Raises:
        TimeoutError: the moment has passed, or is NaN.
    """
    left = deadline - monotonic()
    if left > 0:
        return left
    raise TimeoutError("timed out")
