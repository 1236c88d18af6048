"""Samplers that installed distributions announce: found by name, loaded only when wanted."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from sampler._mapping import short
from sampler._snapshot import Failure
from sampler._worker import Crew, Job
from sampler.exceptions import SamplerError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sampler._registry import Registry

GROUP = "sampler.samplers"


def announced() -> dict[str, EntryPoint]:
    """Return the entry points of samplers by name; the first of a name stands."""
    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=GROUP):
        found.setdefault(entry.name, entry)
    return found


def discover(registry: Registry, names: tuple[str, ...], deadline: float) -> tuple[Failure, ...]:
    """Register what is announced and imported, or named; see :meth:`Registry.discover`."""
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
    for name, entry in found.items():
        package = entry.module.partition(".")[0]
        if package in sys.modules and package != "sampler":  # ours only when named
            wanted.setdefault(name, entry.load)
    crew = Crew("sampler-discovery")
    jobs = [Job(load) for load in wanted.values()]
    crew.run(jobs, deadline)
    crew.close()
    for name, job in zip(wanted, jobs, strict=True):
        if failure := _publish(registry, name, job, deadline):
            failures.append(failure)
    return tuple(failures)


def _publish(registry: Registry, name: str, job: Job, deadline: float) -> Failure | None:
    if job.overran is not None:
        return Failure(name, "deadline", f"its import did not end within {deadline:g} s")
    if job.error is not None:
        return Failure(name, "import", _import_error(job.error))
    sampler = job.result
    called = sampler.get("name") if hasattr(sampler, "get") else None
    if ":" not in name and isinstance(called, str) and called != name:
        message = f"its entry point is called {name!r} but the sampler {called!r}: they must agree"
        return Failure(name, "invalid", message)
    try:
        registration = registry.register(sampler)
        registration.origin = registration.origin or name
    except SamplerError as error:
        return Failure(name, "invalid", str(error))
    except Exception as error:  # a mapping with methods of its own
        return Failure(name, "invalid", f"cannot be read: {error!r}")
    return None


def _import_error(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f"no module {error.name!r}: is its distribution installed?"
    return f"cannot be imported: {type(error).__name__}: {short(str(error))}"


def _missing(name: str, registry: Registry, found: dict[str, EntryPoint]) -> str:
    from difflib import get_close_matches

    known = sorted({*found, *(registration.name for registration in registry)})
    near = get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]!r}?" if near else "'sampler list samplers' shows what there is"
    return f"no sampler of that name is installed or registered: {hint}"
