"""Samplers that installed distributions announce: loaded once they are imported, or if wanted."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import partial
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING

from sampler._contract.declaration import Declaration, short
from sampler._contract.snapshot import Failure
from sampler._registry.announcements import (
    SAMPLERS,
    Announcement,
    announcements,
    misnamed,
    without_clashes,
)
from sampler._registry.imports_under_way import load, note_overrun, stuck
from sampler._runtime import fork
from sampler._runtime.log import log
from sampler._runtime.native import allocate_lock
from sampler._runtime.printable import did_you_mean
from sampler._runtime.threads import Thread
from sampler._runtime.worker import Job, Worker
from sampler.exceptions import SamplerError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from typing import Any, Protocol

    class Published(Protocol):
        """What discovery needs of a registration."""

        name: str
        origin: str

    class Publisher(Protocol):
        """What discovery needs of a registry."""

        reserved: bool

        def register(self, sampler: Mapping[str, Any]) -> Published:
            """Publish a sampler."""
            ...

        def __iter__(self) -> Iterator[Published]: ...

        def __contains__(self, name: object) -> bool: ...


DEADLINE = 5.0
"""Seconds that one import may take."""
NOT_ANNOUNCED = "no installed package announces it; it must be registered by the program itself"
_STANDS_IN = "stands_in"
_NO_FAULTS = ("missing", _STANDS_IN)
_REGISTERED = "another owner has registered that name already, which {} makes room for"
_STUCK = "its import, which was begun earlier, has not ended"
_lock = allocate_lock()


def _renew_lock() -> None:
    global _lock  # noqa: PLW0603 - it may have been held at the fork
    _lock = allocate_lock()


fork.in_child(_renew_lock)


class Discovery:
    """Publishes announced samplers in a registry, and goes on as the program imports packages.

    Args:
        registry: where they are published.
        wants: tells whether an announced sampler is wanted, by its name; default: all are.
        report: told what could not be published by :meth:`look_again`, in a thread of its own.
    """

    def __init__(
        self,
        registry: Publisher,
        wants: Callable[[str], bool] | None = None,
        report: Callable[[Sequence[Failure]], object] | None = None,
    ) -> None:
        self._registry = registry
        self._wants = wants
        self._report = report
        # Replaced, never changed: readers need no lock.
        self._waiting: tuple[Announcement, ...] = ()
        self._failures: Mapping[str, Failure] = {}

    @property
    def uncollected(self) -> list[Failure]:
        """What is announced, or named, and could not be published, as far as it is a fault."""
        return [each for each in self._failures.values() if each.reason not in _NO_FAULTS]

    def look(self, names: Collection[str] = (), deadline: float = DEADLINE) -> tuple[Failure, ...]:
        """Read what is installed; publish what is named, and what the program has imported.

        Args:
            names: names of entry points, or references ``"package.module:OBJECT"``.
            deadline: seconds that one import may take.

        Returns:
            One failure for each sampler that could not be published.
        """
        standing, left_out = without_clashes(announcements(SAMPLERS, fresh=True))
        found = {each.name: each for each in standing}
        wanted: dict[str, Announcement] = {}
        missing: list[Failure] = []
        for name in names:
            if ":" in name:
                wanted[name] = Announcement(EntryPoint(name, name, SAMPLERS))
            elif name in found:
                wanted[name] = found[name]
            elif name not in self._registry and all(name != each.name for each, _ in left_out):
                missing.append(Failure(name, "missing", _missing(name, self._registry, found)))
        waiting = [each for each in standing if self._may_come(each) and each.name not in wanted]
        wanted |= {each.name: each for each in waiting if each.is_due()}
        with _lock:
            self._waiting = tuple(each for each in waiting if each.name not in wanted)
        clashes = (_left_out(each, owner) for each, owner in left_out)
        failures = (*missing, *clashes, *_publish_all(self._registry, wanted.values(), deadline))
        self._failures = {each.sampler: each for each in failures}
        return failures

    def look_again(self) -> None:
        """Begin to publish what the program has imported since; a consumer calls it each round.

        The imports run on a thread of their own: no round waits for them. What cannot be
        published is reported once and not tried again.
        """
        if not self._waiting:
            return
        modules = sys.modules
        for each in self._waiting:
            if each.package in modules and each.is_due():
                self._begin()
                return

    def look_last(self, deadline: float) -> None:
        """Publish what the program has imported since, before the last round.

        Args:
            deadline: seconds that one import may take.
        """
        _, _, mine = self._take_due()
        if mine:
            self._publish(mine, deadline)

    def _begin(self) -> None:
        before, after, mine = self._take_due()
        if not mine:
            return
        try:
            Thread(self._publish, "sampler-discovery", (mine, DEADLINE)).start()
        except RuntimeError:  # no thread can start now: the next round tries again
            with _lock:
                if self._waiting is after:
                    self._waiting = before

    def _take_due(self) -> tuple[tuple[Announcement, ...], ...]:
        """Return what has waited, what waits from now on, and what does no more."""
        here = {each.name for each in self._waiting if each.is_due()}
        with _lock:
            before = self._waiting
            mine = tuple(each for each in before if each.name in here)
            self._waiting = after = tuple(each for each in before if each.name not in here)
        return before, after, mine

    def _publish(self, wanted: Iterable[Announcement], deadline: float) -> None:
        failures = _publish_all(self._registry, wanted, deadline)
        with _lock:
            self._failures = {**self._failures, **{each.sampler: each for each in failures}}
        if self._report is not None:
            self._report(failures)

    def _may_come(self, each: Announcement) -> bool:
        if each.by_name_only:
            return False
        return self._wants is None or self._wants(each.name)


def _left_out(each: Announcement, owner: Announcement) -> Failure:
    if each.stands_in:
        message = f"{each.package} publishes its own, {owner.name!r}, which {each} makes room for"
        return Failure(each.name, _STANDS_IN, message)
    return Failure(each.name, "duplicate", f"{owner} stands, {each} is left out: rename one")


def log_failures(failures: Iterable[Failure]) -> None:
    """Say which samplers are not collected, or not yet."""
    for failure in failures:
        if failure.reason == "missing":
            log.info(
                "sampler %r is not there yet: it is collected once it registers", failure.sampler
            )
        elif failure.reason == _STANDS_IN:
            log.info("sampler %r is left out: %s", failure.sampler, failure.message)
        elif failure.reason == "duplicate":
            log.warning("sampler %r is announced twice: %s", failure.sampler, failure.message)
        else:
            log.warning("sampler %r is not collected: %s", failure.sampler, failure.message)


def _publish_all(
    registry: Publisher, wanted: Iterable[Announcement], deadline: float
) -> tuple[Failure, ...]:
    """Load samplers, each within the deadline, and register them."""
    names = {each.name: each for each in wanted}
    taken = [each for each in names.values() if _is_taken(each, registry)]
    for each in taken:
        del names[each.name]
    failures = [Failure(each.name, _STANDS_IN, _REGISTERED.format(each)) for each in taken]
    failures += [Failure(name, "deadline", _STUCK) for name, each in names.items() if stuck(each)]
    loads = {name: each for name, each in names.items() if not stuck(each)}
    jobs = [Job(partial(load, each)) for each in loads.values()]
    with Worker("sampler-import", once=True) as worker:
        worker.run(jobs, deadline)
    for (name, each), job in zip(loads.items(), jobs, strict=True):
        note_overrun(each, job)
        if failure := _publish(registry, name, job, deadline):
            failures.append(failure)
    return tuple(failures)


def _is_taken(each: Announcement, registry: Publisher) -> bool:
    """Tell whether the package, or the program, has registered a sampler in place of ours."""
    return each.stands_in and each.module not in sys.modules and each.name in registry


def _publish(registry: Publisher, name: str, job: Job, deadline: float) -> Failure | None:
    if job.overran is not None:
        return Failure(name, "deadline", f"its import did not end within {deadline:g} s")
    if job.error is not None:
        return Failure(name, "import", _import_error(job))
    if not job.started:
        return Failure(name, "import", "no thread can start to import it")
    try:
        given: Any = job.result
        if not isinstance(given, Mapping):  # a group of instruments has a registration
            given = getattr(given, "registration", given)
        own = next((each for each in registry if each is given), None)
        sampler = given if isinstance(given, Mapping) else getattr(given, "sampler", given)
        called = own.name if own else Declaration(sampler, reserved=registry.reserved).name
        if wrong := misnamed(name, called):
            return Failure(name, "invalid", wrong)
        registration = own or registry.register(given)
        registration.origin = registration.origin or name
    except SamplerError as error:
        return Failure(name, "invalid", str(error))
    except Exception as error:  # a mapping with methods of its own
        return Failure(name, "invalid", f"its mapping cannot be read: {short(error)}")
    return None


def _import_error(job: Job) -> str:
    if isinstance(job.error, ModuleNotFoundError):
        return f"no module {job.error.name!r}: is its distribution installed?"
    return f"cannot be imported: {job.message}"


def _missing(name: str, registry: Publisher, found: Mapping[str, Announcement]) -> str:
    known = {*found, *(registration.name for registration in registry)}
    return f"{NOT_ANNOUNCED}{did_you_mean(name, sorted(known))}"
