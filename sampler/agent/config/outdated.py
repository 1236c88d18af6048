"""Keys that another key replaces: they work as before, and whoever writes them is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sampler.agent.config.options import options

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def outdated(
    tables: Iterable[tuple[str, type, Mapping[str, Any]]], problems: list[str]
) -> tuple[str, ...]:
    """Return a sentence for each key that is given and has a successor.

    Args:
        tables: for each its name ("" at the top), the class that declares its keys, and the keys
            that are given.
        problems: gets a sentence for each key whose successor is given, too.
    """
    found = []
    for where, cls, given in tables:
        prefix = f"{where}." if where else ""
        for key, option in options(cls).items():
            if not option.replaced_by or key not in given:
                continue
            successor = f"{prefix}{option.replaced_by}"
            if option.replaced_by in given:
                problems.append(f"{prefix}{key}: {successor} replaces it: leave one of them out")
            else:
                found.append(f"{prefix}{key} is deprecated: write {successor} instead")
    return tuple(found)
