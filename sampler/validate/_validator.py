"""The mapping that stands between a sampler and its consumers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sampler._contract.declaration import DESCRIPTION_KEYS, Declaration, private_copy, short
from sampler._contract.ignored import ignored_parts
from sampler._registry.registry import Registration, state_of
from sampler.exceptions import Fault, InvalidSampler
from sampler.validate._breach import Report
from sampler.validate._factory import Factory
from sampler.validate._sample import Sample
from sampler.validate._subject import Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sampler import Instruments
    from sampler.validate._breach import Breach


def validator(
    sampler: Mapping[str, Any] | Instruments,
    report: Callable[[Breach], Any] | None = None,
    *,
    deadline: float = 5.0,
) -> Mapping[str, Any]:
    """Return a mapping that behaves as ``sampler`` does and checks both sides of it.

    Args:
        sampler: the mapping to check, however broken; or a group of instruments.
        report: called with each breach, once for each clause and metric, on the thread that finds
            it; default: :func:`warnings.warn`, so that ``-W error`` makes it raise.
        deadline: seconds that a call of the sampler may take.

    Returns:
        A new mapping to register in the place of ``sampler``; ``sampler`` itself when no registry
        would take it.
    """
    sampler = mapping_of(sampler)
    return watched(sampler, Report(short(sampler), report), deadline)[0]


def watched(
    sampler: Mapping[str, Any], breaches: Report, deadline: float
) -> tuple[Mapping[str, Any], Subject | None]:
    """Return what :func:`validator` does, and what it watches; None if there is nothing."""
    faults: list[Fault] = []
    checked: Any = sampler
    declaration: Declaration | None = None
    try:
        breaches.sampler = str(sampler.get("name"))
        checked = private_copy(sampler)  # labels may come from an iterator
        try:
            declaration = Declaration(checked)
        except InvalidSampler as error:
            faults += error.faults
        faults += ignored_parts(checked)
    except Exception as error:  # methods of its own
        if not faults:
            unreadable = f"it is not a mapping that can be read: {short(error)}"
            faults.append(Fault("S-01", unreadable))
        declaration = None
    for fault in faults:
        breaches.add(fault.clause, fault, fault, sampler)
    if declaration is None:  # no registry would take it
        return sampler, None
    subject = Subject(sampler, declaration, breaches, deadline)
    if callable(declaration.start):
        checked["start"] = subject.start
    if declaration.sample is not None:
        checked["sample"] = Sample(subject, declaration.sample)
    else:
        checked["factory"] = Factory(subject)
    return checked, subject


def mapping_of(sampler: Mapping[str, Any] | Instruments) -> Mapping[str, Any]:
    """Return a sampler's mapping; that of a group of instruments includes its descriptions."""
    registration = getattr(sampler, "registration", None)
    if not isinstance(registration, Registration):
        return sampler  # type: ignore[return-value]
    metrics = {
        metric: {key: value for key in DESCRIPTION_KEYS if (value := getattr(described, key))}
        for metric, described in state_of(registration).declaration.metrics.items()
    }
    return {**registration.sampler, "metrics": metrics}
