"""Copies of instruments: pickled or copied, each is the registered instrument of its process.

It is found by the group's name and constant labels, and by its own name and label values. In the
process that made it, and its forked children, it is the same object even if its registry is not
the default one.
"""

from __future__ import annotations

from itertools import count
from os import urandom
from typing import TYPE_CHECKING

from sampler._instruments.labelled import Labelled
from sampler._instruments.roster import rosters

if TYPE_CHECKING:
    from typing import Any

    from sampler._instruments.home import Home
    from sampler._instruments.roster import Roster

_PROCESS = urandom(16)
"""This process, and those that are forked from it."""
_known: dict[int, Roster] = {}
"""Groups that have been pickled, by number."""
_numbers = count()


def reduced(instrument: Any) -> tuple[Any, ...]:
    """Return how a copy of an instrument is found.

    Raises:
        TypeError: it belongs to no group.
    """
    home: Home | None = instrument._home
    if home is None:
        name = type(instrument).__name__
        raise TypeError(f"cannot copy a {name} that no group has made: nobody would read the copy")
    texts = surplus = None
    if instrument is not home.instrument:
        texts = instrument.texts
        surplus = instrument in home.instrument._surplus.values()
    return _instrument, (*_reference(home.group), home.name, texts, surplus)


def reduced_group(roster: Roster) -> tuple[Any, ...]:
    """Return how a copy of a group is found."""
    return _group, _reference(roster)


def _reference(roster: Roster) -> tuple[Any, ...]:
    number = next((n for n, each in _known.items() if each is roster), None)
    if number is None:
        number = next(_numbers)
        _known[number] = roster
    return _PROCESS, number, roster.name, tuple(roster.labels.items()), roster.place.module


def _instrument(*reference: Any) -> Any:
    *of_group, name, texts, surplus = reference
    roster = _roster(*of_group)
    if name not in roster.instruments:
        what = f"its group {roster.name!r} has no {name!r} in this process"
        raise LookupError(f"cannot copy the instrument '{roster.name}.{name}': {what}")
    instrument, _ = roster.instruments[name]
    if texts is None:
        return instrument
    labelled = isinstance(instrument, Labelled)
    if not (labelled and (surplus or len(instrument.names) == len(texts))):
        what = "it has other labels in this process"
        raise LookupError(f"cannot copy the instrument '{roster.name}.{name}': {what}")
    return instrument._overflow() if surplus else instrument.labels(*texts)


def _group(*reference: Any) -> Any:
    return _roster(*reference).group


def _roster(
    process: bytes, number: int, name: str, labels: tuple[tuple[str, str], ...], module: str
) -> Roster:
    if process == _PROCESS and number in _known:
        return _known[number]
    from sampler._registry import registry

    found = rosters(name, dict(labels))
    if not found and module not in {"", "__main__"}:
        __import__(module)  # which makes it
        found = rosters(name, dict(labels))
    for each in found:
        if each.registry is registry.default:
            return each
    if len(found) == 1:
        return found[0]
    what = "this process has no such group: make it when its module is imported"
    raise LookupError(f"cannot copy an instrument of the group {name!r}: {what}")
