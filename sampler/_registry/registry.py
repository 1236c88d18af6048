"""Where samplers are published and consumers find them."""

from __future__ import annotations

import time

from sampler._contract.declaration import Bounded, Declaration
from sampler._registry import backoff, shared_read
from sampler._registry.backoff import Health
from sampler._registry.shared_read import SharedRead
from sampler._runtime import fork
from sampler._runtime.native import allocate_lock
from sampler.exceptions import SamplerConflict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import TracebackType
    from typing import Any, Self

    from sampler._contract.snapshot import Failure


class SamplerState:
    """What the consumers of one registration share.

    Attributes:
        declaration: what the mapping said when it was registered.
        bounded: it bounds its samples itself, as a group of instruments does.
        health: how it has answered.
        shared_read: its last read, for every consumer within ``min_interval``; None without it.
    """

    __slots__ = ("bounded", "declaration", "health", "shared_read")

    def __init__(self, sampler: Mapping[str, Any], *, reserved: bool) -> None:
        self.bounded: bool = type(sampler) is Bounded
        self.declaration: Declaration = Declaration(sampler, reserved=reserved)
        self.health: Health = Health()
        seconds = self.declaration.min_interval
        self.shared_read: SharedRead | None = None if seconds is None else SharedRead(seconds)


class Registration:
    """One published sampler; a context manager that unregisters it at the end.

    Attributes:
        name: the sampler's name.
        sampler: the mapping, as it was given.
        origin: the name or reference under which discovery found it; empty if the program
            registered it.
        pid: the process that registered it.
        time: epoch seconds at which it was registered.
    """

    __slots__ = (
        "__weakref__",
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
        self._state = SamplerState(sampler, reserved=registry.reserved)
        self.sampler: Mapping[str, Any] = sampler
        self.name: str = self._state.declaration.name
        self.origin: str = ""
        self.pid: int = _watched_process()
        self.time: float = time.time()

    def declare(self, metric: str, description: Mapping[str, Any]) -> None:
        """Describe a metric that was made after the registration, as instruments are.

        Raises:
            InvalidSampler: the description breaks the contract.
            SamplerConflict: the metric clashes with a registered one.
        """
        self._registry._declare(self, metric, description)  # noqa: SLF001 - one module

    def unregister(self) -> None:
        """Withdraw the sampler; doing it twice is harmless."""
        self._registry._remove(self)  # noqa: SLF001 - one module

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


class Registry:
    """Samplers by name and constant labels; iterating gives their registrations.

    Registering is cheap: it never calls the sampler, starts no thread and opens no socket. All
    methods may be called from any thread, also from a sampler that is being pulled.

    Args:
        reserved: samplers may use the reserved name ``sampler``, as a consumer's own metrics do.
    """

    def __init__(self, *, reserved: bool = False) -> None:
        self.reserved = reserved
        # Replaced, never changed: readers need no lock.
        self._registrations: tuple[Registration, ...] = ()
        self._hung: tuple[Registration, ...] = ()
        """Those withdrawn while an abandoned call of theirs had not returned."""

    def register(self, sampler: Mapping[str, Any]) -> Registration:
        """Publish a sampler.

        Args:
            sampler: a mapping as the specification describes it. It is read now; later changes
                are not seen.

        Returns:
            Its registration; the existing one when the same mapping is registered already.

        Raises:
            InvalidSampler: the mapping breaks the contract; every fault is listed.
            SamplerConflict: it clashes with a registered sampler.
        """
        new = Registration(self, sampler)
        declared = state_of(new).declaration
        for old in self._hung:  # a sampler that is registered anew still hangs
            state = state_of(old)
            if state.health.hung() and _same_call(state.declaration, declared):
                state_of(new).health = state.health
        while True:
            seen = self._registrations
            for old in seen:  # without the lock: comparing callables may run an author's __eq__
                if old.sampler is sampler or _same(old, new):
                    return old
                if clash := _clash(state_of(old).declaration, declared):
                    raise SamplerConflict(sampler, old.name, clash)
            with _lock:
                if self._registrations is seen:
                    self._registrations = (*seen, new)
                    return new

    def unregister(self, name: str) -> None:
        """Withdraw every sampler of that name.

        Raises:
            KeyError: no sampler of that name is registered.
        """
        with _lock:
            if name not in self:
                raise KeyError(f"no sampler {name!r} is registered")
            self._keep(lambda registration: registration.name != name)

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
            One failure for each sampler that could not be published; none of them is raised.
        """
        from sampler._registry.discovery import Discovery

        return Discovery(self).look(tuple(names), deadline)

    def _declare(
        self, registration: Registration, metric: str, description: Mapping[str, Any]
    ) -> None:
        sampler = {**registration.sampler, "metrics": {metric: description}}
        more = Declaration(sampler, reserved=self.reserved)
        with _lock:
            for other in self._registrations:
                if other is registration:
                    continue
                if clash := _clash(state_of(other).declaration, more):
                    raise SamplerConflict(sampler, other.name, clash)
            # Replaced, never changed: a reader sees either the old one or the new one.
            declared = state_of(registration).declaration
            declared.metrics = {**declared.metrics, **more.metrics}

    def _remove(self, registration: Registration) -> None:
        with _lock:
            self._keep(lambda each: each is not registration)

    def _keep(self, wanted: Callable[[Registration], bool]) -> None:
        """Withdraw the others; the lock is held."""
        before, self._registrations = (
            self._registrations,
            tuple(filter(wanted, self._registrations)),
        )
        gone = [each for each in before if not wanted(each)]
        self._hung = tuple(each for each in (*self._hung, *gone) if state_of(each).health.hung())

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


def _same(old: Registration, new: Registration) -> bool:
    """Tell whether both say the same: an equal copy counts as the same mapping."""
    a, b = state_of(old).declaration, state_of(new).declaration
    return (
        (a.name, a.labels) == (b.name, b.labels)
        and _same_call(a, b)
        and old.pid == new.pid
        and a.metrics.keys() == b.metrics.keys()
        and all(a.metrics[metric].same(b.metrics[metric]) for metric in a.metrics)
    )


def _same_call(a: Declaration, b: Declaration) -> bool:
    return (a.sample, a.factory) == (b.sample, b.factory)


def _clash(old: Declaration, new: Declaration) -> str | None:
    if old.name == new.name:
        if old.labels == new.labels:
            labels = f" with labels {new.labels}" if new.labels else ""
            return (
                f"sampler {new.name!r}{labels} is registered already by another owner: "
                "choose another name, or tell them apart by constant 'labels'"
            )
        for metric in old.metrics.keys() & new.metrics.keys():
            a, b = old.metrics[metric], new.metrics[metric]
            if (a.kind, a.unit) != (b.kind, b.unit):
                return (
                    f"metric '{new.name}.{metric}' is registered as {a.kind} in {a.unit!r}, "
                    f"here it is {b.kind} in {b.unit!r}: they must agree"
                )
        return None
    taken = {_flat(old.name, metric): f"{old.name}.{metric}" for metric in old.metrics}
    for metric in new.metrics:
        if full := taken.get(_flat(new.name, metric)):
            return (
                f"metric '{new.name}.{metric}' equals {full!r} of sampler {old.name!r} "
                "once '.' reads as '_': rename one of them"
            )
    return None


def _flat(sampler: str, metric: str) -> str:
    return f"{sampler}_{metric}".replace(".", "_")


_lock = allocate_lock()  # one for all registries: it is never held for long
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
    _lock = allocate_lock()
    backoff.renew_lock()
    shared_read.renew_lock()


default: Registry = Registry()
"""The default registry, ``sampler.registry``: :func:`register` fills it, and agents read it."""


def register(sampler: Mapping[str, Any]) -> Registration:
    """Publish a sampler in the default registry; see :meth:`Registry.register`."""
    return default.register(sampler)
