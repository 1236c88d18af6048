"""A registry of another vendor, as one consumer knows it."""

from __future__ import annotations

import time
from itertools import islice
from typing import TYPE_CHECKING

from sampler._contract.declaration import class_name, label_text, private_copy, seconds, short
from sampler._contract.names import plain_str
from sampler._registry.registry import Registration
from sampler._runtime import fork
from sampler._runtime.log import log
from sampler._runtime.native import allocate_lock
from sampler._runtime.printable import error_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, TypeAlias

    from sampler._registry.announcements import Announcement
    from sampler._runtime.worker import Job, JobBatch
    from sampler.types import Registered

    Key: TypeAlias = tuple[object, object]
    """What tells samplers apart: name and constant labels."""

MAX_REGISTRATIONS = 10_000
"""Registrations that one registry may yield: one that yields more may never end."""
_LONGEST_PAUSE = 300.0
"""Seconds until a registry that has missed its deadline is asked again, at most."""


class OtherRegistration:
    """A registration of another vendor's registry.

    Attributes:
        home: the registry that yields it.
        given: what that yields; it stays alive, so that its identity stays its own.
        sampler: a private copy of its mapping.
        time: epoch seconds at which it was registered.
        name: the sampler's name; empty where the mapping has none.
        origin: empty: discovery has not found it.
        key: name and constant labels.
    """

    __slots__ = ("given", "home", "key", "name", "origin", "sampler", "time")

    def __init__(
        self, home: object, given: object, sampler: Mapping[str, Any], moment: float
    ) -> None:
        self.home: object = home
        self.given: object = given
        self.sampler: Mapping[str, Any] = sampler
        self.time: float = moment
        name = sampler.get("name")
        self.name: str = plain_str(name) if isinstance(name, str) else ""
        self.origin: str = ""
        self.key: Key = self.name, _labels(sampler.get("labels"))
        if not self.name:  # the consumer says what is wrong with it
            self.key = "", id(given)


class _Rubbish:
    """What a registry yields that is no registration."""

    def __init__(self, given: object, why: str) -> None:
        self.given = given
        self.why = why


class _NotFoundError(Exception):
    """The announced object is not there."""


class _EndlessError(Exception):
    """The registry yields too much."""


class Given:
    """A registry that was given, in the place of an announcement of one."""

    def __init__(self, registry: Iterable[Registered]) -> None:
        self._registry = registry
        self.value = f"{class_name(registry)} at {id(registry):#x}"
        self.distribution = "the program"

    def is_due(self) -> bool:
        """Return True: it is here."""
        return True

    def load(self) -> Iterable[Registered]:
        """Return the registry."""
        return self._registry


class OtherRegistry:
    """A registry that a distribution announces, or that was given.

    Attributes:
        registrations: what it yielded when it last answered; nothing while it is not there.
    """

    def __init__(self, announcement: Announcement | Given) -> None:
        self.registrations: tuple[Registration | OtherRegistration, ...] = ()
        self._announcement = announcement
        self._known: dict[int, Registration | OtherRegistration | _Rubbish] = {}
        self._hung: JobBatch | None = None
        self._pauses = 0
        self._again_at = 0.0

    def can_be_asked(self, now: float) -> bool:
        """Tell whether it can be asked at the monotonic moment ``now``."""
        if not self._announcement.is_due():
            if self._known:
                self._forget()
                self._tell("vanished", "is not collected: its package is not imported any more")
            return False
        return now >= self._again_at and (self._hung is None or self._hung.returned)

    def read(self) -> dict[int, Registration | OtherRegistration | _Rubbish]:
        """Return what it yields, by identity. Runs foreign code."""
        try:
            registry = self._announcement.load()
        except Exception as error:
            raise _NotFoundError(error_line(error)) from None
        items = list(islice(iter(registry), MAX_REGISTRATIONS + 1))
        if len(items) > MAX_REGISTRATIONS:
            raise _EndlessError(f"it yields more than {MAX_REGISTRATIONS:,} registrations")
        read = {}
        for item in items:
            known = self._known.get(id(item))
            read[id(item)] = self._registration(item) if known is None else known
        return read

    def take(self, job: Job, deadline: float) -> None:
        """Take over the outcome of :meth:`read`; where it has failed, what was known stays.

        Args:
            job: the call.
            deadline: seconds that it had.
        """
        self._hung = job.overran
        if job.reason == "deadline":
            self._pause(deadline)
            self._tell("deadline", f"did not say within {deadline:g} s what is registered")
        elif isinstance(job.error, _NotFoundError):
            self._forget()
            self._pause(deadline)
            self._tell("import", f"is not collected: it cannot be found: {job.error}")
        elif isinstance(job.error, _EndlessError):
            self._pause(deadline)
            self._tell("endless", f"is not read: {job.error}")
        elif job.error is not None:
            self._tell("raised", f"did not say what is registered: {job.message}")
        elif not job.reason:
            self._known, self._pauses = job.result, 0
            self.registrations = tuple(
                each for each in self._known.values() if not isinstance(each, _Rubbish)
            )
            for each in self._known.values():
                if isinstance(each, _Rubbish):
                    self._tell("rubbish", f"yields what is no registration: {each.why}")

    def _registration(self, item: Any) -> Registration | OtherRegistration | _Rubbish:
        if isinstance(item, Registration):
            return item
        try:
            sampler, moment = private_copy(item.sampler), seconds(item.time)
            if not isinstance(sampler, dict):
                return _Rubbish(item, f"its 'sampler' is {short(sampler)}, no mapping")
            if moment is None:
                return _Rubbish(item, f"its 'time' is {short(item.time)}, not epoch seconds")
            return OtherRegistration(self, item, sampler, moment)
        except Exception as error:
            return _Rubbish(item, f"{short(item)}: {error_line(error)}")

    def _forget(self) -> None:
        self._known, self.registrations = {}, ()

    def _pause(self, deadline: float) -> None:
        pause = min(deadline * 2.0**self._pauses, _LONGEST_PAUSE)
        self._pauses = min(self._pauses + 1, 32)
        self._again_at = time.monotonic() + pause

    def _tell(self, about: str, message: str) -> None:
        each = self._announcement
        with _lock:
            if (each.value, about) in _told:
                return
            _told.add((each.value, about))
        log.warning("registry %r of %r %s", each.value, each.distribution, message)


_told: set[tuple[str, str]] = set()
"""What this process, or its parent, has logged of registries."""
_lock = allocate_lock()


def _renew_lock() -> None:
    global _lock  # noqa: PLW0603 - it may have been held at the fork
    _lock = allocate_lock()


fork.in_child(_renew_lock)


def _labels(labels: Any) -> object:
    """Return constant labels for comparison; another object than any other if they are none."""
    try:
        texts = {str(key): label_text(value) for key, value in dict(labels or {}).items()}
    except Exception:
        return object()
    return (
        object()
        if None in texts.values()
        else frozenset((key, text) for key, text in texts.items() if text)
    )
