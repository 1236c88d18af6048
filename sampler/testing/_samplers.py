"""What every sampler has to do, as a suite."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, ClassVar

from sampler.testing._require import Broken
from sampler.validate import examine
from sampler.validate._examine import FELL, NEVER_SEEN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sampler import Instruments
    from sampler.validate import Examination

_MAPPING = {"S-01", "S-02", "S-05", "S-09", "S-10", "S-11", "S-26", "S-27", "S-28", "S-29"}
_CALLS = {"S-07", "S-12", "S-13", "S-15", "S-18"}
_SAMPLES = {"S-03", "S-04", "S-14", "S-19", "S-21", "S-22", "S-23", "S-24", "S-25"}
_DESCRIBED = {"S-08", "S-30"}
_TOTALS = {"S-20"}
_OTHERS = {"S-06", "S-17"}
_ANNOUNCED = {"R-08"}


class SamplerContract:
    """A sampler does what the PEP asks of it.

    Its tests fail for what :func:`sampler.validate.examine` finds, and for nothing else. In a
    file of tests::

        class TestPool(SamplerContract):
            sampler = mypool.SAMPLER

            def exercise(self):
                pool.checkout().release()

    Attributes:
        sampler: the mapping, or a group of instruments.
        seconds: for how long it is pulled.
        deadline: seconds that a call may take.
    """

    sampler: ClassVar[Mapping[str, Any] | Instruments]
    seconds: ClassVar[float] = 0.5
    deadline: ClassVar[float] = 5.0
    _examined: ClassVar[Examination | None] = None

    def exercise(self) -> None:
        """Make the metric source do something; called between pulls, on a thread of its own."""

    def test_its_mapping_is_one_that_registries_take(self) -> None:
        """Names, descriptions, keys."""
        self._check(_MAPPING)

    def test_its_calls_return_samples(self) -> None:
        """Within the deadline, and without raising."""
        self._check(_CALLS)

    def test_its_samples_can_be_taken(self) -> None:
        """Names, values and labels: no sample is refused."""
        self._check(_SAMPLES)

    def test_it_describes_what_it_yields(self) -> None:
        """Metrics and labels."""
        self._check(_DESCRIBED)

    def test_its_totals_only_grow(self) -> None:
        """And a read does not change them."""
        self._check(_TOTALS)

    def test_a_read_changes_nothing_for_other_consumers(self) -> None:
        """Nor does it change what was yielded."""
        self._check(_OTHERS)

    def test_its_entry_point_has_its_name(self) -> None:
        """That of an installed distribution; no other one is registered."""
        self._check(_ANNOUNCED)

    def test_nothing_else_was_found(self) -> None:
        """Such as what it makes a consumer do wrong."""
        self._check(
            {breach.clause for breach in self._examination().breaches}
            - (_MAPPING | _CALLS | _SAMPLES | _DESCRIBED | _TOTALS | _OTHERS | _ANNOUNCED)
        )

    def test_something_was_seen(self) -> None:
        """Where nothing grew nothing is proven: override this if that is right.

        Metrics that are described and did not appear, and counters that fell, are told by a
        warning.
        """
        found = self._examination()
        if found.unproven:
            clause = "S-20" if found.series else "S-15"
            raise Broken(clause, found.unproven, "make exercise() cause some")
        with warnings.catch_warnings():
            warnings.simplefilter("always")  # a hint: also where warnings are errors
            for hint in found.hints:
                if hint.startswith((NEVER_SEEN, FELL)):
                    warnings.warn(f"{found.sampler}: {hint}", stacklevel=2)

    def _check(self, clauses: set[str]) -> None:
        found = [b for b in self._examination().breaches if b.clause in clauses]
        if found:
            first, last = found[0].clause, found[-1].remedy
            said = "\n".join(
                str(breach) for breach in found
            )  # Broken adds how that begins and ends
            raise Broken(first, said.removeprefix(f"{first}: ").removesuffix(f"; {last}"), last)

    def _examination(self) -> Examination:
        if self._examined is None:  # once for the class: pytest makes an object for each test
            type(self)._examined = examine(  # noqa: SLF001
                self.sampler,
                seconds=self.seconds,
                deadline=self.deadline,
                exercise=self.exercise,
            )
        assert self._examined is not None  # noqa: S101 - for type checkers
        return self._examined
