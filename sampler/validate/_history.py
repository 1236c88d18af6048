"""A pull of a sampler, compared with its description and its last pull."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sampler._contract.declaration import Declaration
from sampler._contract.histogram import HistogramValue
from sampler._contract.names import SURPLUS
from sampler._contract.snapshot import ABSENT
from sampler._contract.values import fell
from sampler._pull.intake import Intake
from sampler.exceptions import InvalidSampler
from sampler.validate._exponential import bounds_fault

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from sampler._contract.snapshot import Absent, Value
    from sampler._contract.values import RefusedSample
    from sampler._pull.reading import Key, Row
    from sampler.validate._pull import Pull
    from sampler.validate._subject import Subject


class Last:
    """What a pull yielded.

    Attributes:
        values: value of each series.
        start: epoch seconds at which the source says its values were zero.
        fallen: the series that had fallen.
        moved: its start was another one than before, and no series had fallen.
    """

    def __init__(
        self,
        values: dict[Key, Value],
        start: float | None,
        fallen: set[Key],
        *,
        moved: bool = False,
    ) -> None:
        self.values = values
        self.start = start
        self.fallen = fallen
        self.moved = moved


class History:
    """The pulls of one ``sample``, or of one instance.

    Args:
        subject: the sampler under test.

    Attributes:
        last: what the last pull that has ended yielded.
    """

    def __init__(self, subject: Subject) -> None:
        self.last = Last({}, None, set())
        self._sampler = subject.sampler
        self._declaration = subject.declaration
        self._report = subject.report
        self._labelled = _labelled_metrics(subject.sampler)

    def judge(self, pull: Pull, before: Last, start: float | None) -> None:
        """Check a pull that has ended.

        Args:
            pull: the pull.
            before: the last one that had ended when it began; others may have ended meanwhile.
            start: epoch seconds at which the source says its values were zero.
        """
        declared = self._declaration
        intake = Intake(declared, len(pull.items) + 1, len(pull.items) + 1, report=self._refused)
        reading = intake.read(pull.items, pull.time, start)
        for row, value in zip(reading.rows, reading.raw, strict=True):
            self._check_declared(row)
            self._check_bounds(row, value)
        values = {
            row.key: value
            for row, value in zip(reading.rows, reading.raw, strict=True)
            if row.cumulative and value is not ABSENT
        }
        fallen = self._fallen(before, values, start)
        moved = None not in (start, before.start) and start != before.start and not fallen
        if moved and before.moved and values:
            message = f"its start was {before.start} and is {start}, changed twice in a row"
            self._report.add("S-10", "start", message, start)
        self.last = Last(values, start, fallen, moved=moved)
        self._check_stable()

    def _refused(self, refused: RefusedSample) -> None:
        about = re.split("[:{ ]", refused.message, maxsplit=1)[0]
        self._report.add(refused.clause, about, refused.message)

    def _check_declared(self, row: Row) -> None:
        declared = self._declaration.metrics
        described = declared.get(row.metric)
        if declared and described is None:
            self._report.add("S-08", row.metric, f"metric {row.metric!r} is not described")
        if row.key[1] == SURPLUS:  # it has none of the metric's labels
            return
        foreign = {name for name, _ in row.key[1]} - set(described.labels if described else ())
        if foreign and row.metric in self._labelled:
            names = ", ".join(sorted(foreign))
            message = f"metric {row.metric!r} has labels that its description does not: {names}"
            self._report.add("S-30", row.metric, message, row.raw)

    def _check_bounds(self, row: Row, value: Value | Absent) -> None:
        if isinstance(value, HistogramValue) and (fault := bounds_fault(value)):
            self._report.add("S-22", row.metric, f"metric {row.metric!r}: {fault}", value)

    def _fallen(self, before: Last, values: dict[Key, Value], start: float | None) -> set[Key]:
        fallen = {
            key
            for key, value in values.items()
            if key in before.values and fell(value, before.values[key])
        }
        for key in fallen:
            fall = f"metric {key[0]!r} fell from {before.values[key]} to {values[key]}"
            if start is not None and start == before.start:
                self._report.add("S-20", key[0], f"{fall} while 'start' stayed the same", key)
            elif key in before.fallen:
                self._report.add("S-20", key[0], f"{fall}, and in the pull before, too", key)
        return fallen

    def _check_stable(self) -> None:
        try:
            now = Declaration(self._sampler).metrics
        except InvalidSampler:  # reported at the first reading
            return
        for metric, described in self._declaration.metrics.items():
            other = now.get(metric)
            if other is not None and other.kind != described.kind:
                message = f"metric {metric!r} was a {described.kind} and is a {other.kind} now"
                self._report.add("S-26", metric, message, self._sampler)


def _labelled_metrics(sampler: Mapping[str, Any]) -> set[str]:
    """Return the metrics whose description gives ``labels``, be it none at all."""
    metrics: Mapping[str, Mapping[str, Any]] = sampler.get("metrics") or {}
    return {metric for metric, given in metrics.items() if given.get("labels") is not None}
