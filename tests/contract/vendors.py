"""Another vendor's registry for tests, installed as a distribution of its own, and its faults."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GROUP = "sampler.registries"
VENDOR = Path(__file__).with_name("other_vendor.py").read_text()
"""The source of its module."""


def broken(vendor: Any, iterate: Callable[[], Any]) -> None:
    """Have the vendor's registry do something else when it is iterated."""
    vendor.Registry.__iter__ = lambda self: iterate()


def endless() -> Iterator[object]:
    """Yield objects for ever."""
    while True:
        yield object()
