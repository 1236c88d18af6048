"""Which sampler each series belongs to, where two samplers could yield the same one (S-25, C-12).

Two samplers can do so only if one name is the other, or begins with it and a dot. Nothing is kept
of other samplers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampler._contract.values import RefusedSample

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sampler._contract.snapshot import Series


class Owners:
    """The series of samplers that are rivals, of one consumer; an owner is any object."""

    def __init__(self) -> None:
        self._owners: dict[tuple[str, tuple[tuple[str, str], ...]], object] = {}
        self._kinds: dict[str, tuple[object, str, str]] = {}

    def check(self, series: Series, owner: object) -> None:
        """Check that a series is, or can become, one of this owner's.

        Raises:
            RefusedSample: another sampler has it, or has its full name with another kind or unit.
        """
        if self._owners.get(_key(series), owner) is not owner:
            raise RefusedSample("S-25", "duplicate", f"{series} is another sampler's")
        holder, kind, unit = self._kinds.get(series.name, (owner, series.kind, series.unit))
        if holder is not owner and (
            kind != series.kind or (unit and series.unit and unit != series.unit)
        ):
            what = f"{series.name} is a {kind} in {unit!r} of another sampler"
            raise RefusedSample("S-26", "description", what)

    def claim(self, before: Iterable[Series], now: Iterable[Series], owner: object) -> None:
        """Give an owner its series, and take from it those that have ended."""
        kept = {_key(series) for series in now}
        for series in before:
            if (key := _key(series)) not in kept and self._owners.get(key) is owner:
                del self._owners[key]
        names = {name for name, _ in kept}
        for name in [n for n, held in self._kinds.items() if held[0] is owner and n not in names]:
            del self._kinds[name]
        for series in now:
            self._owners.setdefault(_key(series), owner)
            self._kinds.setdefault(series.name, (owner, series.kind, series.unit))


def rivals(names: Iterable[str]) -> set[str]:
    """Return the names of samplers of which two could yield the same series."""
    single: set[str] = set()
    found: set[str] = set()
    for name in names:
        (found if name in single else single).add(name)
    for name in single:
        head = name
        while "." in head:
            head = head.rpartition(".")[0]
            if head in single:
                found |= {head, name}
    return found


def _key(series: Series) -> tuple[str, tuple[tuple[str, str], ...]]:
    return series.name, tuple(series.labels.items())
