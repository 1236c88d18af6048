"""Waiting for a condition, never for a time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def wait_for(
    condition: Callable[[], T],
    limit: float = 10.0,
    what: str = "the condition",
    pause: float = 0.02,
) -> T:
    """Poll `condition` until it returns something true, and return that.

    Between two looks are `pause` seconds.

    Raises AssertionError, naming `what` and the last value, after `limit` seconds.
    """
    deadline = time.monotonic() + limit
    while not (value := condition()):
        if time.monotonic() >= deadline:
            raise AssertionError(f"waited {limit:g} s in vain for {what}; last: {value!r}")
        time.sleep(pause)
    return value
