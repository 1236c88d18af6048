"""Objects with a lock that a forked child does not find held."""

from __future__ import annotations

from weakref import WeakSet

from sampler.adapterkit.threads import Lock, in_child


class Locked:
    """A base class: ``_lock`` is another one in a forked child.

    The thread that held it at the fork is not there, so it would be held for ever.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        _all.add(self)


_all: WeakSet[Locked] = WeakSet()


def _begin_anew() -> None:
    for each in list(_all):
        each._lock = Lock()  # noqa: SLF001 - its own


in_child(_begin_anew)
