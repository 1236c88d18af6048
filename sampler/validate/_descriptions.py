"""What samples say of their metrics by their fourth item: once, and for good (S-08)."""

from __future__ import annotations

from contextlib import suppress
from copy import copy
from typing import TYPE_CHECKING

from sampler._contract.declaration import UNDECLARED, read_description
from sampler._contract.ignored import ignored_parts
from sampler._pull.admission import MAX_DESCRIBED
from sampler._pull.sample import given_description

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from sampler._contract.declaration import Declaration, Description
    from sampler._pull.reading import Reading
    from sampler.validate._subject import Subject

_ALIKE = "describe a metric in 'metrics', or by its samples, and always alike"


class Descriptions:
    """The descriptions of one ``sample``, or of one instance.

    Args:
        subject: the sampler under test.

    Attributes:
        declaration: what the mapping says, and what samples have said since.
    """

    def __init__(self, subject: Subject) -> None:
        self.declaration: Declaration = copy(subject.declaration)
        self._declared: Mapping[str, Description] = subject.declaration.metrics
        self._report = subject.report
        self._last: dict[str, Any] = {}
        given: Mapping[str, Mapping[str, Any]] = subject.sampler.get("metrics") or {}
        self._labelled = {metric for metric, said in given.items() if _gives_labels(said)}

    def take(self, items: list[Any], reading: Reading) -> None:
        """Check what the samples of a pull say; keep what consumers keep of it.

        Args:
            items: what was yielded.
            reading: what a consumer makes of it.
        """
        known = self.declaration.metrics
        if reading.added is not None and len(known) < MAX_DESCRIBED:
            self.declaration.metrics = {**known, **reading.added.described}
        for metric, said in _given(items):
            with suppress(Exception):  # an author's own __eq__
                if said == self._last.get(metric):
                    continue
            self._last[metric] = said
            if (kept := self.declaration.metrics.get(metric)) is not None:  # else it was refused
                self._check(metric, said, kept)

    def is_described(self, metric: str) -> bool:
        """Tell whether the metric is described, or the sampler describes none."""
        known = self.declaration.metrics.get(metric, UNDECLARED)
        return not self._declared or known is not UNDECLARED

    def labels(self, metric: str) -> set[str] | None:
        """Return the labels that a metric's samples may have; None for any."""
        return set(self.declaration.metrics[metric].labels) if metric in self._labelled else None

    def _check(self, metric: str, said: Any, kept: Description) -> None:
        described, faults = read_description(metric, said)
        if not faults:
            faults = ignored_parts({"metrics": {metric: said}})
            if _gives_labels(said):
                self._labelled.add(metric)
        for fault in faults:
            self._report.add(fault.clause, metric, fault, said)
        if not faults and not described.same(kept):
            first = "'metrics'" if metric in self._declared else "its first sample"
            message = f"metric {metric!r} is described otherwise than by {first}, which stands"
            clause = "S-08" if described.kind == kept.kind else "S-26"
            self._report.add(clause, metric, message, said, _ALIKE)


def _given(items: list[Any]) -> Iterator[tuple[str, Any]]:
    """Yield the metrics and descriptions of samples that have one."""
    for item in items:
        if isinstance(item, tuple) and item and isinstance(item[0], str):
            said = given_description(item)
            if said is not None:
                yield item[0], said


def _gives_labels(description: Any) -> bool:
    """Tell whether a description gives ``labels``, be it none at all."""
    return hasattr(description, "get") and description.get("labels") is not None
