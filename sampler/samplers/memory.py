"""The ``memory`` sampler: what one more process of this kind would cost.

Resident memory (``process.memory.usage``) counts what processes share in each of them. Of forked
workers the sum of the proportional sizes (``pss``) is what they take together, and ``unique``
(USS) is what another one would add: memory of P processes more = sum of ``pss`` + P x ``unique``.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import psutil

from sampler.samplers._metrics import metric

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MIN_INTERVAL = 30.0
"""Seconds for which consumers share a reading: the kernel walks all pages, 35 ms for 4 GiB."""


def sample() -> Iterator[tuple[Any, ...]]:
    """Yield one reading, without what this platform does not have or does not show."""
    try:
        full = psutil.Process(os.getpid()).memory_full_info()
    except (psutil.Error, OSError, AttributeError, NotImplementedError):
        return
    yield "pss", getattr(full, "pss", None)
    yield "unique", getattr(full, "uss", None)
    yield "swap", getattr(full, "swap", None)
    yield "peak", _peak()


def _peak() -> int | None:
    try:
        import resource
    except ImportError:
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


SAMPLER: dict[str, str | float | Callable[..., Any] | dict[str, Any]] = {
    "name": "memory",
    "sample": sample,
    "min_interval": MIN_INTERVAL,
    "metrics": {
        "pss": metric(
            "gauge", "By", "Memory, what is shared divided by those who share it.", merge="sum"
        ),
        "unique": metric("gauge", "By", "Memory that no other process has.", merge="sum"),
        "swap": metric("gauge", "By", "Memory that was moved to swap space.", merge="sum"),
        "peak": metric("gauge", "By", "The most physical memory it ever had.", merge="max"),
    },
}
"""The ``memory`` sampler."""
