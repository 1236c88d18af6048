"""What gauges of many processes combine to, and with what they end (M-04)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sampler.relay.parts import SHARED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sampler._contract.snapshot import Value
    from sampler.relay.parts import Part
    from sampler.relay.places import Place

COMBINED: dict[str, Callable[[Sequence[Any]], Any]] = {"sum": sum, "max": max, "min": min}
"""By ``merge``, how values combine."""


def values_of(
    parts: Iterable[tuple[object, Part]],
) -> tuple[dict[Place, Value | None], dict[Place, Value]]:
    """Return the values of gauges.

    Args:
        parts: of all processes, each with its process.

    Returns:
        Those that are kept apart or that one process reports for all; and those that are merged,
        where there is a value.
    """
    apart: dict[Place, Value | None] = {}
    alike: dict[tuple[str, tuple[Place, ...]], list[Sequence[Any]]] = {}
    for process, part in parts:
        for how, column in part.gauges.items():
            if how in COMBINED:
                alike.setdefault((how, column.places), []).append(column.last)
                continue
            pairs = zip(column.places, column.last, strict=True)
            if how == SHARED:
                apart.update(pair for pair in pairs if pair[0].elected(process))
            else:
                apart.update(pairs)
    merged: dict[Place, Any] = {}
    for (how, places), rows in alike.items():
        combine = COMBINED[how]
        for place, values in zip(places, zip(*rows, strict=True), strict=True):
            present = values if None not in values else [v for v in values if v is not None]
            if present:
                value = combine(present)
                merged[place] = combine((merged[place], value)) if place in merged else value
    return apart, merged


def last_of(part: Part) -> dict[Place, Value | None]:
    """Return with what the merged gauges of a part end if no other process has them.

    A sum over no process is 0. There is no highest or lowest of none: it ends with its last value.
    """
    found: dict[Place, Value | None] = {}
    for how, column in part.gauges.items():
        if how == "sum":
            found.update(dict.fromkeys(column.places, 0))
        elif how in COMBINED:
            found.update(zip(column.places, column.last, strict=True))
    return found
