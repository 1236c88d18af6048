"""All groups of this process: a forked child starts them over, and copies find theirs.

A copy, pickled or not, is the registered instrument of its process. It is found by the group's
name and constant labels, and by its own name and label values; in the process that made it, and
its forked children, it is the same object even if its registry is not the default one.
"""

from __future__ import annotations

from _weakref import ref  # weakref, without all of weakref

from sampler._instruments.free_threading import renew_lock
from sampler._runtime.fork import in_child

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Protocol

    from sampler._registry.registry import Registration, Registry

    class Group(Protocol):
        """What is found: a roster."""

        name: str
        registry: Registry
        registration: Registration
        labels: dict[str, Any]
        instruments: dict[str, tuple[Any, Mapping[str, object]]]
        group: Any

        def restart(self) -> None:
            """Start at zero."""
            ...

        def module(self) -> str:
            """Return the name of the module that made it."""
            ...


_groups: set[ref[Any]] = set()
"""Looked through by way of a copy, which alone is made in one step: a garbage collection that
begins while a tuple is made of them takes some out."""
_forks_watched = False
_process = b""
"""This process, and those that are forked from it."""
_copied: dict[int, Group] = {}
"""Groups that have been copied, by number."""


def remember(group: Group) -> None:
    """Have a forked child start the group at zero: what was counted belongs to the parent."""
    global _forks_watched  # noqa: PLW0603
    if not _forks_watched:
        _forks_watched = True
        in_child(_restart_all)
    _groups.add(ref(group, _groups.discard))


def registered(name: str, labels: Mapping[str, object]) -> list[Any]:
    """Return the groups of that name and constant labels that are registered now."""
    alive = [group for each in _groups.copy() if (group := each()) is not None]
    return [
        each
        for each in alive
        if each.name == name
        and each.labels == labels
        and any(known is each.registration for known in each.registry)
    ]


def reduced(group: Group, instrument: Any = None) -> tuple[Any, ...]:
    """Return how a copy of a group, or of one of its instruments, is found."""
    global _process  # noqa: PLW0603
    if not _process:
        from os import urandom

        _process = urandom(16)
    number = next((n for n, each in _copied.items() if each is group), None)
    if number is None:
        number = len(_copied)
        _copied[number] = group
    reference = _process, number, group.name, tuple(group.labels.items()), group.module()
    if instrument is None:
        return _group, reference
    home, texts, surplus = instrument._home, None, False
    if instrument is not home.instrument:
        texts = instrument.texts
        surplus = instrument in home.instrument._surplus.values()
    return _instrument, (*reference, home.name, texts, surplus)


def _group(*reference: Any) -> Any:
    return _found(*reference).group


def _instrument(*reference: Any) -> Any:
    *of_group, name, texts, surplus = reference
    group = _found(*of_group)
    if name not in group.instruments:
        what = "its group has none of that name in this process"
        raise LookupError(f"cannot copy the instrument '{group.name}.{name}': {what}")
    instrument, _ = group.instruments[name]
    if texts is None:
        return instrument
    if not surplus and len(getattr(instrument, "names", ())) != len(texts):
        what = "it has other labels in this process"
        raise LookupError(f"cannot copy the instrument '{group.name}.{name}': {what}")
    return instrument._overflow() if surplus else instrument.labels(*texts)


def _found(
    process: bytes, number: int, name: str, labels: tuple[tuple[str, str], ...], module: str
) -> Group:
    if process == _process and number in _copied:
        return _copied[number]
    from sampler._registry import registry

    found = registered(name, dict(labels))
    if not found and module not in {"", "__main__"}:
        __import__(module)  # which makes it
        found = registered(name, dict(labels))
    ours = [each for each in found if each.registry is registry.default]
    if not ours and len(found) != 1:
        what = "this process has no such group: make it when its module is imported"
        raise LookupError(f"cannot copy an instrument of the group {name!r}: {what}")
    group: Group = (ours or found)[0]
    return group


def _restart_all() -> None:
    renew_lock()
    for each in _groups.copy():
        if (group := each()) is not None:
            group.restart()
