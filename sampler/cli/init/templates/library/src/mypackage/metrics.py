"""The numbers of all pools, for whoever collects them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mypackage.pool import lock, pools, totals

if TYPE_CHECKING:
    from collections.abc import Iterator


def sample() -> Iterator[tuple[str, int]]:
    """Yield totals, and the state of the pools there are. Any thread may call it."""
    with lock:  # and not while it yields
        checkouts = totals["checkouts"]
        states = [(pool.used, pool.size) for pool in pools]
    yield "checkouts", checkouts
    yield "things.used", sum(used for used, _ in states)
    yield "things.limit", sum(size for _, size in states)


SAMPLER: dict[str, Any] = {
    "name": "mypackage",
    "sample": sample,
    "metrics": {
        "checkouts": {"kind": "counter", "help": "Things handed out."},
        "things.used": {"unit": "{thing}", "help": "In use.", "merge": "sum"},
        "things.limit": {"unit": "{thing}", "help": "There may be.", "merge": "sum"},
    },
}
