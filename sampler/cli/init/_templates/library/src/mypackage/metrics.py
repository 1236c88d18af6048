"""The numbers of all pools, for whoever collects them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mypackage import pool as source

if TYPE_CHECKING:
    from collections.abc import Iterator


def sample() -> Iterator[tuple[str, int]]:
    """Yield totals, and the state of the pools there are. Any thread may call it."""
    with source.lock:  # and not while it yields
        checkouts = source.totals["checkouts"]
        states = [(pool.used, pool.size) for pool in source.pools]
    yield "checkouts", checkouts
    yield "things.used", sum(used for used, _ in states)
    yield "things.limit", sum(size for _, size in states)


SAMPLER: dict[str, Any] = {
    "name": "mypackage",
    "sample": sample,
    "start": lambda: source.began[0],
    "metrics": {
        "checkouts": {"kind": "counter", "help": "Things handed out."},
        "things.used": {"unit": "{thing}", "help": "In use.", "merge": "sum"},
        "things.limit": {"unit": "{thing}", "help": "There may be.", "merge": "sum"},
    },
}
