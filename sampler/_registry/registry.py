"""Where samplers are published and consumers find them."""

from __future__ import annotations

import time

from sampler._contract.declaration import Bounded, Declaration, private_copy, private_description
from sampler._registry import shared_read
from sampler._registry.comparison import clash, equal, reloaded
from sampler._registry.shared_read import SharedRead
from sampler._runtime import fork
from sampler._runtime.native import RLock
from sampler.exceptions import InvalidSampler, SamplerConflict, SamplerError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import TracebackType
    from typing import Any, Self

    from sampler._contract.snapshot import Failure
    from sampler._runtime.abandoned import HungBatch
    from sampler.types import Clock


class SamplerState:
    """What the consumers of one registration share.

    Attributes:
        given: the mapping that was registered.
        read: a private copy of it, as it was then (R-01).
        declaration: what it said.
        bounded: it bounds its samples itself, as a group of instruments does.
        shared_read: the read that all callers share within ``min_interval``; None without it.
        withdrawn: it was unregistered.
    """

    __slots__ = (
        "_hung",
        "bounded",
        "declaration",
        "given",
        "read",
        "shared_read",
        "withdrawn",
    )

    def __init__(
        self,
        sampler: Mapping[str, Any],
        clock: Clock,
        *,
        reserved: bool = False,
        shares: bool = True,
    ) -> None:
        self.given: Mapping[str, Any] = sampler
        self.read: dict[str, Any] = private_copy(sampler)
        try:
            self.declaration: Declaration = Declaration(self.read, reserved=reserved)
        except InvalidSampler as invalid:
            raise InvalidSampler(sampler, invalid.faults) from None
        self.bounded: bool = type(sampler) is Bounded
        self.withdrawn: bool = False
        self.shared_read: SharedRead | None = None
        said = self.declaration
        if shares and said.min_interval is not None and said.sample is not None:
            self.shared_read = SharedRead(said.sample, said.start, said.min_interval, clock)
        self._hung: list[HungBatch] = []

    def shown(self) -> dict[str, Any]:
        """Return the mapping for consumers: with the shared read behind ``sample`` (R-13)."""
        shown: dict[str, Any] = private_copy(self.read)
        if self.shared_read is None:
            return shown
        shown["sample"] = self.shared_read.sample
        if callable(shown.get("start")):
            shown["start"] = self.shared_read.start
        return shown

    def equals(self, other: SamplerState) -> bool:
        """Tell whether both mappings said the same (R-03). May run an author's ``__eq__``."""
        return equal(self.read, self.declaration, other.read, other.declaration)

    def abandon(self, batch: HungBatch) -> None:
        """Note a call of the shared ``sample`` that a consumer abandoned."""
        if self.declaration.sample is not None:
            with _lock:
                self._hung.append(batch)

    def hangs_for(self, seconds: float) -> bool:
        """Tell whether a call of the shared ``sample`` has run for longer than that (C-09)."""
        if not self._hung:
            return False
        with _lock:
            self._hung = [each for each in self._hung if not each.returned]
            return any(time.monotonic() - each.began > seconds for each in self._hung)


class Registration:
    """One published sampler; a context manager that unregisters it at the end.

    Attributes:
        name: the sampler's name.
        sampler: a private copy of the mapping, as it was then. With ``min_interval``, its
            ``sample`` returns one read to all callers for so long, with the attribute ``time``.
        origin: the name or reference under which discovery found it; empty if the program
            registered it.
        pid: the process that registered it.
        time: epoch seconds at which it was registered.
    """

    __slots__ = (
        "__weakref__",
        "_elsewhere",
        "_registry",
        "_state",
        "name",
        "origin",
        "pid",
        "sampler",
        "time",
    )

    def __init__(self, registry: Registry, sampler: Mapping[str, Any]) -> None:
        self._registry = registry
        self._elsewhere: tuple[Registry, ...] = ()
        """The other registries in which it is published."""
        clock = registry._clock  # noqa: SLF001 - one module
        self._state = SamplerState(sampler, clock, reserved=registry.reserved)
        self.sampler: Mapping[str, Any] = self._state.shown()
        self.name: str = self._state.declaration.name
        self.origin: str = ""
        self.pid: int = _watched_process()
        self.time: float = clock.time()

    def declare(self, metric: str, description: Mapping[str, Any]) -> None:
        """Describe a metric that was made after the registration, as instruments are.

        Raises:
            InvalidSampler: the description breaks the contract.
            SamplerConflict: the metric clashes with a registered one.
        """
        self._registry._declare(self, metric, description)  # noqa: SLF001 - one module

    def unregister(self) -> None:
        """Withdraw the sampler; doing it twice is harmless."""
        for registry in (*self._elsewhere, self._registry):
            registry._remove(self)  # noqa: SLF001 - one module

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.unregister()

    def __repr__(self) -> str:
        return f"<Registration {self.name}>"


def state_of(registration: Registration) -> SamplerState:
    """Return what the consumers of a registration share."""
    return registration._state  # noqa: SLF001 - this function is the way to it


def take_place(before: Registration, after: Registration) -> None:
    """Publish a registration wherever one that was withdrawn had been, but where it clashes."""
    for registry in before._elsewhere:  # noqa: SLF001 - one module
        try:  # noqa: SIM105 - contextlib is not there yet
            registry._take(after)  # noqa: SLF001 - one module
        except SamplerConflict:
            pass


class Registry:
    """Samplers by name and constant labels; iterating gives their registrations.

    Registering is cheap: it never calls the sampler, starts no thread and opens no socket. All
    methods may be called from any thread, also from a sampler that is being pulled.

    Args:
        reserved: samplers may use the reserved name ``sampler``, as a consumer's own metrics do.
        clock: when samplers are registered, and how old a shared read is.
    """

    def __init__(self, *, reserved: bool = False, clock: Clock = time) -> None:
        self.reserved = reserved
        self._clock = clock
        # Replaced, never changed: readers need no lock.
        self._registrations: tuple[Registration, ...] = ()

    def register(self, sampler: Mapping[str, Any] | Registration) -> Registration:
        """Publish a sampler.

        Args:
            sampler: a mapping as the specification describes it. It is read now; later changes
                are not seen. Of a group that has another registry: its registration.

        Returns:
            Its registration; the existing one when the same mapping is registered already.

        Raises:
            InvalidSampler: the mapping breaks the contract; every fault is listed.
            SamplerConflict: it clashes with a registered sampler, and is not the same one of a
                module that was reloaded or imported a second time, which takes its place.
            SamplerError: the registration of a group was withdrawn.
        """
        if isinstance(sampler, Registration):
            return self._take(sampler)
        new = Registration(self, sampler)
        state = state_of(new)
        while True:
            seen = self._registrations
            for old in seen:  # without the lock: comparing callables may run an author's __eq__
                known = state_of(old)
                same = old.pid == new.pid or sampler is known.given
                if sampler is old.sampler or (same and known.equals(state)):
                    return old
                if reloaded(known.declaration, state.declaration):
                    continue
                if why := clash(known.declaration, state.declaration):
                    raise SamplerConflict(sampler, old.name, why)
            before = tuple(
                each for each in seen if reloaded(state_of(each).declaration, state.declaration)
            )
            kept = tuple(each for each in seen if each not in before) if before else seen
            with _lock:
                if self._registrations is not seen:
                    continue
                self._registrations = (*kept, new)
            for each in before:
                state_of(each).withdrawn = True
            return new

    def unregister(self, name: str) -> None:
        """Withdraw every sampler of that name.

        Raises:
            KeyError: no sampler of that name is registered.
        """
        if not self._keep(lambda registration: registration.name != name):
            raise KeyError(f"no sampler {name!r} is registered")

    def discover(self, names: Iterable[str] = (), *, deadline: float = 5.0) -> tuple[Failure, ...]:
        """Publish samplers that installed distributions announce as ``sampler.samplers``.

        Loads entry points whose package the program has already imported, and those in ``names``:
        entry-point names, or references ``"package.module:OBJECT"``. An entry point waits for the
        package that its module lies in; one of the group ``sampler.samplers.PACKAGE`` for
        ``PACKAGE``. Built-in samplers load only when named.

        Args:
            names: what to load although nothing has imported it.
            deadline: seconds that one import may take.

        Returns:
            One failure for each sampler that could not be published, or that is left out because
            its name is announced twice; none of them is raised.
        """
        from sampler._registry.discovery import Discovery

        return Discovery(self).look(tuple(names), deadline)

    def _declare(
        self, registration: Registration, metric: str, description: Mapping[str, Any]
    ) -> None:
        description = private_description(description)
        sampler = {**state_of(registration).read, "metrics": {metric: description}}
        more = Declaration(sampler, reserved=self.reserved)
        with _lock:
            for other in self._registrations:
                if other is registration:
                    continue
                if why := clash(state_of(other).declaration, more):
                    raise SamplerConflict(sampler, other.name, why)
            # Replaced, never changed: a reader sees either the old one or the new one.
            declared = state_of(registration).declaration
            declared.metrics = {**declared.metrics, **more.metrics}
            shown: Any = registration.sampler
            shown["metrics"] = {**(shown.get("metrics") or {}), metric: description}

    def _take(self, registration: Registration) -> Registration:
        """Publish a registration of another registry here, too."""
        state = state_of(registration)
        if state.withdrawn:
            raise SamplerError(f"sampler {registration.name!r} was unregistered: make it anew")
        while True:
            seen = self._registrations
            if registration in seen:
                return registration
            for old in seen:
                if why := clash(state_of(old).declaration, state.declaration):
                    raise SamplerConflict(registration.sampler, old.name, why)
            with _lock:
                if self._registrations is seen:
                    self._registrations = (*seen, registration)
                    registration._elsewhere += (self,)  # noqa: SLF001 - one module
                    return registration

    def _remove(self, registration: Registration) -> None:
        self._keep(lambda each: each is not registration)

    def _keep(self, wanted: Callable[[Registration], bool]) -> bool:
        """Withdraw the others; tell whether there were any."""
        while True:
            seen = self._registrations
            kept = tuple(filter(wanted, seen))
            with _lock:
                if self._registrations is seen:
                    self._registrations = kept
                    break
        for each in seen:  # which lives until here: no finalizer runs while the lock is held
            if not wanted(each) and each._registry is self:  # noqa: SLF001 - one module
                state_of(each).withdrawn = True
        return len(kept) < len(seen)

    def __iter__(self) -> Iterator[Registration]:
        return iter(self._registrations)

    def __len__(self) -> int:
        return len(self._registrations)

    def __bool__(self) -> bool:
        return True  # an empty one is a registry, too: "registry or default" is right

    def __contains__(self, name: object) -> bool:
        return any(registration.name == name for registration in self._registrations)

    def __repr__(self) -> str:
        return f"<Registry of {len(self)} samplers>"


_lock = RLock()  # one for all; re-entrant, as a finalizer that registers may run at any point
_watching = False


def _watched_process() -> int:
    """Return this process' id; from the first call on, a forked child gets new locks."""
    global _watching  # noqa: PLW0603
    if not _watching:
        _watching = True
        fork.in_child(_renew_locks)
    return fork.process_id()


def _renew_locks() -> None:
    global _lock  # noqa: PLW0603
    _lock = RLock()
    shared_read.renew_lock()


default: Registry = Registry()
"""The default registry, ``sampler.registry``: :func:`register` fills it, and agents read it."""


def register(sampler: Mapping[str, Any]) -> Registration:
    """Publish a sampler in the default registry; see :meth:`Registry.register`."""
    return default.register(sampler)
