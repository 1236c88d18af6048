"""Where a package that has no hook is met: objects noted as they are made, methods followed.

Whatever is put in a method's place calls the original with what it was given, returns what that
returned, and lets through what it raised. Maintainers of a package need none of this.
"""

from __future__ import annotations

import gc
import os
from collections import Counter
from functools import wraps
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from weakref import ref

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ("Counted", "Noted", "around")

K = TypeVar("K")
_MOST = 1_000
"""Objects that are noted before the first ones of them that are gone are forgotten."""
_replaced: dict[tuple[type, str], tuple[Any, Any]] = {}


def around(owner: type, name: str, make: Callable[[Any], Any]) -> None:
    """Put ``make(original)`` in the place of a method; again, it takes its own place.

    Args:
        owner: a class; its objects that exist already have the new method, too.
        name: of the method.
        make: gets the method, returns its replacement.

    Raises:
        AttributeError: the class, of another version, has no such method.
    """
    original = getattr(owner, name)
    ours, before = _replaced.get((owner, name), (None, None))
    original = before if original is ours else original
    made = wraps(original)(make(original))
    _replaced[owner, name] = made, original
    setattr(owner, name, made)


class Noted(Generic[K]):
    """The objects of a class and of its subclasses, by weak references.

    Those that exist already are found by one walk over what the garbage collector knows (some 30
    ms for a million objects); later ones are noted after their ``__init__``.

    Args:
        cls: the class.
        keep: called with each new object; what it returns is kept with it, and must not refer to
            it. An object for which it raises is not noted.
    """

    def __init__(self, cls: type, keep: Callable[[Any], K]) -> None:
        self._keep = keep
        self._begin()
        around(cls, "__init__", self._noting)
        for each in gc.get_referrers(*_family(cls)):
            if issubclass(type(each), cls):
                self._note(each)
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        """Begin with no objects: a forked child's are its parent's."""
        self._noted: list[tuple[ref[Any], K]] = []
        self._most = _MOST
        # Whoever has popped its item may tidy. A lock would be gevent's where gevent patches.
        self._turn = [True]

    def living(self) -> list[tuple[Any, K]]:
        """Return the objects there are, each with what is kept with it."""
        found = ((each(), kept) for each, kept in self._noted.copy())
        # The walk may find what was just being made, and is noted again: by id it is one.
        return [*{id(each): (each, kept) for each, kept in found if each is not None}.values()]

    def _noting(self, original: Callable[..., None]) -> Callable[..., None]:
        def noting(made: Any, *args: Any, **kwargs: Any) -> None:
            original(made, *args, **kwargs)
            self._note(made)

        return noting

    def _note(self, each: Any) -> None:
        try:
            self._noted.append((ref(each), self._keep(each)))
            if len(self._noted) > self._most and self._turn.pop():  # as nobody may ever read
                try:
                    self._tidy()
                finally:
                    self._turn.append(True)
        except Exception:  # noqa: S110 - of another version, or not our turn: the program goes on
            pass

    def _tidy(self) -> None:
        """Drop what is noted of objects that are gone."""
        read = [(noted, noted[0]() is None) for noted in self._noted.copy()]
        self._fold([kept for (_, kept), gone in read if gone])
        self._noted[: len(read)] = [noted for noted, gone in read if not gone]
        self._most = 2 * len(self._noted) + _MOST

    def _fold(self, gone: list[K]) -> None:
        """Take what was kept with objects that are gone."""


class Counted(Noted[list[Any]]):
    """Objects that count in a dictionary of their own; the totals of a name outlive them.

    Where an object begins another dictionary, as when its counts are taken away, what the old one
    held is kept, if it is seen by :meth:`totals` before the next one is begun.

    Args:
        cls: the class.
        name: its attribute with the name.
        counts: its attribute with the dictionary.
    """

    def __init__(self, cls: type, name: str, counts: str) -> None:
        self._counts = attrgetter(counts)
        super().__init__(cls, lambda each: [*attrgetter(name, counts)(each)])

    def _begin(self) -> None:
        super()._begin()
        self._past: dict[str, Counter[str]] = {}
        self._last: dict[str, Counter[str]] | None = None

    def _fold(self, gone: list[list[Any]]) -> None:
        for name, counts in gone:
            self._past.setdefault(name, Counter()).update(dict(counts))  # at once: it changes

    def totals(self) -> dict[str, Counter[str]]:
        """Return what was counted, for each name that ever was.

        Two threads that ask at once get the same: who comes second, the last that was read.
        """
        while not self._turn or not (turn := self._take()):
            if self._last is not None:
                return self._last
        try:
            self._last = self._read()
            return self._last
        finally:
            self._turn.append(turn)

    def _take(self) -> bool:
        try:
            return self._turn.pop()
        except IndexError:
            return False

    def _read(self) -> dict[str, Counter[str]]:
        living = self.living()  # they cannot go while they are held here
        self._tidy()
        for each, kept in living:
            if kept[1] is not (now := self._counts(each)):
                self._fold([kept])
                kept[1] = now
        totals = {name: counts.copy() for name, counts in self._past.items()}
        for _, (name, counts) in living:
            totals.setdefault(name, Counter()).update(dict(counts))
        return totals


def _family(cls: type) -> list[type]:
    below: list[type] = cls.__subclasses__()
    return [cls, *(one for each in below for one in _family(each))]
