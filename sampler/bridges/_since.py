"""Totals from the moment on at which this process began to tell them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from sampler.bridges._turn import Turn

_GROWING = ("counter", "histogram")


class Since:
    """Samples of what one process at a time tells, by whose turn it is.

    Who takes over has been pulled before, without these series: all that was counted would be an
    increase (C-16), once more. So it tells what came since.

    Args:
        turn: this process'.
        failures: returns how often reading has failed so far: of what it lacks nobody knows how
            much was counted before.
    """

    def __init__(self, turn: Turn, failures: Callable[[], int]) -> None:
        self._turn = turn
        self._failures = failures
        self._waited = False
        self._base: dict[Any, Any] = {}

    def read(self, rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
        """Yield samples, while it is this process' turn; nothing is read before."""
        if not self._turn.is_mine():
            self._waited = True
            return
        taking_over, self._waited = self._waited, False
        base = self._base
        if taking_over:
            before, rows = self._failures(), list(rows)
            if self._failures() != before:
                self._waited = True
                rows = [row for row in rows if row[3].get("kind") not in _GROWING]
        for row in rows:
            name, value, labels, described = row
            grows = described.get("kind") in _GROWING and value is not None
            if not grows or not (taking_over or base):
                yield row
                continue
            key = name, *sorted((labels or {}).items())
            if taking_over:
                base[key] = value
            if key in base and (since := _less(value, base[key])) is not None:
                yield name, since, labels, described
            else:  # new, or begun anew
                base.pop(key, None)
                yield row

    def end(self) -> None:
        """Give the turn back."""
        self._turn.end()


def _less(value: Any, base: Any) -> Any:
    """Return what came since; None: it began anew, or cannot be compared."""
    try:
        if not isinstance(value, dict):
            return value - base if value >= base else None
        bounds = value["buckets"]
        if bounds.keys() != base["buckets"].keys() or value["count"] < base["count"]:
            return None
        buckets = {bound: count - base["buckets"][bound] for bound, count in bounds.items()}
        total = value.get("sum")
        since = None if total is None else total - base["sum"]
        return {**value, "count": value["count"] - base["count"], "sum": since, "buckets": buckets}
    except (TypeError, KeyError):
        return None
