"""Samplers that installed distributions announce: listed by name, loaded only if wanted."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, distributions, entry_points
from typing import TYPE_CHECKING

from sampler._contract.declaration import Declaration, short
from sampler._contract.snapshot import Failure
from sampler._runtime.worker import Job, Worker
from sampler.exceptions import SamplerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from importlib.metadata import Distribution
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


GROUP = "sampler.samplers"


def announced(group: str = GROUP) -> dict[str, EntryPoint]:
    """Return the entry points of a group by name; of two with one name, the first."""
    found: dict[str, EntryPoint] = {}
    for point in _entries(group):
        found.setdefault(point.name, point)
    return found


def _entries(group: str) -> Iterable[EntryPoint]:
    try:
        return entry_points(group=group)
    except Exception:  # one unreadable entry_points.txt hides all the others
        return [point for each in distributions() for point in _entries_of(each, group)]


def _entries_of(distribution: Distribution, group: str) -> Iterable[EntryPoint]:
    try:
        return distribution.entry_points.select(group=group)
    except Exception:  # only this distribution is left out
        return ()


def discover(registry: Publisher, names: tuple[str, ...], deadline: float) -> tuple[Failure, ...]:
    """Register what is announced and imported, or named; see ``Registry.discover``."""
    found = announced()
    wanted: dict[str, Callable[[], Any]] = {}
    failures: list[Failure] = []
    for name in names:
        if ":" in name:
            wanted[name] = EntryPoint(name, name, GROUP).load
        elif name in found:
            wanted[name] = found[name].load
        elif name not in registry:
            failures.append(Failure(name, "missing", _missing(name, registry, found)))
    for name, point in found.items():
        package = point.value.partition(":")[0].partition(".")[0].strip()
        if package in sys.modules and package != "sampler":  # built-in ones only if named
            wanted.setdefault(name, point.load)
    jobs = [Job(load) for load in wanted.values()]
    with Worker("sampler-discovery") as worker:
        worker.run(jobs, deadline)
    for name, job in zip(wanted, jobs, strict=True):
        if failure := _publish(registry, name, job, deadline):
            failures.append(failure)
    return tuple(failures)


def _publish(registry: Publisher, name: str, job: Job, deadline: float) -> Failure | None:
    if job.overran is not None:
        return Failure(name, "deadline", f"its import did not end within {deadline:g} s")
    if job.error is not None:
        return Failure(name, "import", _import_error(job))
    try:
        given = getattr(job.result, "registration", None)  # a group of instruments has one
        own = next((each for each in registry if each is given), None)
        called = own.name if own else Declaration(job.result, reserved=registry.reserved).name
        if ":" not in name and called != name:
            message = f"its entry point is called {name!r} but the sampler {called!r}"
            return Failure(name, "invalid", f"{message}: they must agree")
        registration = own or registry.register(job.result)
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


def _missing(name: str, registry: Publisher, found: dict[str, EntryPoint]) -> str:
    from difflib import get_close_matches

    known = sorted({*found, *(registration.name for registration in registry)})
    near = get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]!r}?" if near else "'sampler list samplers' shows what there is"
    return f"no sampler of that name is installed or registered: {hint}"
