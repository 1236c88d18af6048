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
from sampler._pull.reading import labels_of
from sampler._registry.shared_read import Restarted, check_start
from sampler.exceptions import InvalidSampler
from sampler.validate._breach import KEEP_THE_GONE
from sampler.validate._descriptions import Descriptions
from sampler.validate._exponential import bounds_fault, scale_fault

if TYPE_CHECKING:
    from typing import Any

    from sampler._contract.snapshot import Value
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
        self._subject = subject
        self._report = subject.report
        self._descriptions = Descriptions(subject)

    def judge(self, pull: Pull, before: Last, start: float | None, after: float | None) -> None:
        """Check a pull that has ended.

        Args:
            pull: the pull.
            before: the last one that had ended when it began; others may have ended meanwhile.
            start: epoch seconds at which the source said its values were zero, before the pull.
            after: the same, after it.
        """
        samples = len(pull.items) + 1
        known = self._descriptions.declaration
        intake = Intake(known, samples, samples, report=self._refused)
        reading = intake.read(pull.items, pull.time, start)
        self._descriptions.take(pull.items, reading)
        for row, value in zip(reading.rows, reading.raw, strict=True):
            self._check_declared(row)
            if isinstance(value, HistogramValue):
                self._check_bounds(row.yielded, bounds_fault(value))
        for item in pull.items:
            if isinstance(item, tuple) and len(item) > 1:
                self._check_bounds(item[0], scale_fault(item[1]))
        self._check_stable()
        values = {
            row.key(known.labels): value
            for row, value in zip(reading.rows, reading.raw, strict=True)
            if row.cumulative and value is not ABSENT
        }
        try:
            check_start(start, after)
            fallen = self._fallen(before, values, start)
            moved = None not in (start, before.start) and start != before.start and not fallen
        except Restarted:  # consumers count this pull as failed
            values, fallen, moved = {}, set(), True
        if moved and before.moved and (values or start != after):
            message = f"its start was {before.start} and is {after}, changed twice in a row"
            self._report.add("S-10", "start", message, after)
        self.last = Last(values, after, fallen, moved=moved)

    def _refused(self, refused: RefusedSample) -> None:
        # "s.a{l=x}: ...", "metric 'a': ...", "'Wait' is no name ..."
        about = re.split("[:{ ]", refused.message.removeprefix("metric "), maxsplit=1)[0]
        self._report.add(refused.clause, about.strip("'") or "name", refused.message)

    def _check_declared(self, row: Row) -> None:
        described, metric = self._descriptions, row.yielded
        key = row.key(described.declaration.labels)
        if not described.is_described(metric):
            self._report.add("S-08", metric, f"metric {metric!r} is not described")
        if key[1:] == SURPLUS:  # it has none of the metric's labels
            return
        wanted = described.labels(metric)
        if wanted is not None and (foreign := labels_of(key).keys() - wanted):
            names = ", ".join(sorted(foreign))
            message = f"metric {metric!r} has labels that its description does not: {names}"
            self._report.add("S-30", metric, message, labels_of(key))

    def _check_bounds(self, metric: Any, fault: str) -> None:
        if fault:
            self._report.add("S-22", str(metric), f"metric {metric!r}: {fault}", metric)

    def _fallen(self, before: Last, values: dict[Key, Value], start: float | None) -> set[Key]:
        fallen = {
            key
            for key, value in values.items()
            if key in before.values and fell(value, before.values[key])
        }
        for key in fallen:
            fall = f"metric {key[0]!r} fell from {before.values[key]} to {values[key]}"
            if start is not None and start == before.start:
                how = "while 'start' stayed the same"
            elif key in before.fallen:
                how = "after it had fallen in the pull before"
            else:
                continue
            self._report.add("S-20", key[0], f"{fall} {how}", key, KEEP_THE_GONE)
        return fallen

    def _check_stable(self) -> None:
        sampler = self._subject.sampler
        try:
            now = Declaration(sampler).metrics
        except InvalidSampler:  # reported at the first reading
            return
        for metric, described in self._subject.declaration.metrics.items():
            other = now.get(metric)
            if other is not None and other.kind != described.kind:
                message = f"metric {metric!r} was a {described.kind} and is a {other.kind} now"
                self._report.add("S-26", metric, message, sampler)
