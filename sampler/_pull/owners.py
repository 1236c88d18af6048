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
    from sampler._pull.reading import Key


class Owners:
    """The series of samplers that are rivals, of one consumer; an owner is any object."""

    def __init__(self) -> None:
        self._owners: dict[Key, object] = {}
        self._said: dict[str, dict[int, tuple[str, str]]] = {}
        """By full name, what each owner says of it: kind and unit."""

    def check(self, series: Series, owner: object) -> None:
        """Check that a series is, or can become, one of this owner's.

        Raises:
            RefusedSample: another sampler has it, or has its full name with another kind or unit.
        """
        if self._owners.get(_key(series), owner) is not owner:
            raise RefusedSample("S-25", "duplicate", f"{series} is another sampler's")
        for other, (kind, unit) in self._said.get(series.name, {}).items():
            agrees = kind == series.kind and (unit == series.unit or not (unit and series.unit))
            if other != id(owner) and not agrees:
                what = f"{series.name} is a {kind} in {unit!r} of another sampler"
                raise RefusedSample("S-26", "description", what)

    def claim(self, before: Iterable[Series], now: Iterable[Series], owner: object) -> None:
        """Give an owner its series, and take from it those that have ended."""
        for series in before:
            if self._owners.get(_key(series)) is owner:
                del self._owners[_key(series)]
            said = self._said.get(series.name, {})
            said.pop(id(owner), None)
            if not said:
                self._said.pop(series.name, None)
        for series in now:
            self._owners.setdefault(_key(series), owner)
            self._said.setdefault(series.name, {})[id(owner)] = series.kind, series.unit


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


def _key(series: Series) -> Key:
    labels = series.labels
    return (series.name, *labels, *labels.values())
