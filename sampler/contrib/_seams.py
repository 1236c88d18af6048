"""Where a package that has no hook is met: objects noted as they are made, methods followed.

Whatever is put in a method's place calls the original with what it was given, returns what that
returned, and lets through what it raised. Maintainers of a package need none of this.
"""

from __future__ import annotations

import gc
import os
import threading
from collections import Counter
from functools import wraps
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from weakref import ref

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ("Counted", "Noted", "around")

K = TypeVar("K")
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
        keep: called with each new object; what it returns is kept with it, and outlives it. It
            must not refer to the object. What it raises is as if it had returned None.

    Attributes:
        lock: for whoever adds up what is kept; new in a forked child.
        gone: what was kept with objects that are gone. A forked child begins with none, and
            with no objects, which are its parent's.
    """

    def __init__(self, cls: type, keep: Callable[[Any], K]) -> None:
        self._keep = keep
        self._known: dict[int, tuple[ref[Any], K | None]] = {}
        self._begin()
        around(cls, "__init__", self._noting)
        for each in gc.get_referrers(*_family(cls)):
            if issubclass(type(each), cls):
                self._note(each)
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self.lock = threading.Lock()
        self.gone: list[K] = []
        self._known.clear()

    def living(self) -> list[tuple[Any, K]]:
        """Return the objects there are, each with what is kept with it."""
        found = ((each(), kept) for each, kept in self._known.copy().values())
        return [(each, kept) for each, kept in found if each is not None and kept is not None]

    def _noting(self, original: Callable[..., None]) -> Callable[..., None]:
        def noting(made: Any, *args: Any, **kwargs: Any) -> None:
            original(made, *args, **kwargs)
            self._note(made)

        return noting

    def _note(self, each: Any) -> None:
        key = id(each)
        if key in self._known:
            return
        try:
            kept = self._keep(each)
            self._known[key] = ref(each, lambda _: self._forget(key)), kept
        except Exception:  # noqa: S110 - of another version: not known, and the program goes on
            pass

    def _forget(self, key: int) -> None:
        # At whatever moment the garbage collector chooses: no lock may be taken.
        _, kept = self._known.pop(key, (None, None))
        if kept is not None:
            self.gone.append(kept)


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
        self._past: dict[str, Counter[str]] = {}
        self._counts = attrgetter(counts)
        super().__init__(cls, lambda each: [*attrgetter(name, counts)(each)])

    def _begin(self) -> None:
        super()._begin()
        self._past.clear()

    def totals(self) -> tuple[list[Any], dict[str, Counter[str]]]:
        """Return the objects there are, and for each name that ever was what was counted."""
        with self.lock:
            living = self.living()
            past = [self.gone.pop() for _ in tuple(self.gone)]
            for each, kept in living:
                if kept[1] is not (now := self._counts(each)):
                    past.append(kept.copy())
                    kept[1] = now
            for name, counts in past:
                self._past.setdefault(name, Counter()).update(dict(counts))  # at once: it changes
            totals = {name: counts.copy() for name, counts in self._past.items()}
            for _, (name, counts) in living:
                totals.setdefault(name, Counter()).update(dict(counts))
        return [each for each, _ in living], totals


def _family(cls: type) -> list[type]:
    below: list[type] = cls.__subclasses__()
    return [cls, *(one for each in below for one in _family(each))]
