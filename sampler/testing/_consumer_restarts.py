"""What a consumer makes of totals that start over, and of the differences of histograms."""

from __future__ import annotations

from typing import Any

from sampler.testing._consumer_suite import ConsumerSuite
from sampler.testing._lab import Lab, counter_of, require, sampler_of, series


class RestartsSuite(ConsumerSuite):
    """A consumer counts whole what has started over, and nothing else."""

    def test_a_restart_counts_whole(self) -> None:
        """After a lower value, or another start."""
        rows: list[Any] = [("c", 7)]
        start = [1.0]
        sampler = counter_of(rows, start=lambda: start[0])
        with Lab(self, sampler) as lab:
            lab.forgive("S-20")
            lab.pull()
            rows[:] = [("c", 3)]
            lower = lab.increments()
            rows[:], start[0] = [("c", 8)], 2.0
            other = lab.increments()
            rows[:] = [("c", None)]
            lab.pull()
            rows[:] = [("c", 6)]
            later = lab.increments()
        require(lower.get(series("s.c")) == 3, "C-17", f"7, 3 adds {lower}")
        require(other.get(series("s.c")) == 8, "C-17", f"8 with a new start adds {other}")
        require(later.get(series("s.c")) == 6, "C-17", f"8, None, 6 adds {later}")

    def test_another_start_restarts_all_series(self) -> None:
        """Those without a value in that pull included."""
        rows: list[Any] = [("c", 7), ("d", 1)]
        start = [1.0]
        with Lab(self, counter_of(rows, start=lambda: start[0])) as lab:
            lab.pull()
            rows[:], start[0] = [("c", None), ("d", 2)], 2.0
            lab.pull()
            rows[:] = [("c", 9), ("d", 3)]
            found = lab.increments()
        wanted = {series("s.c"): 9, series("s.d"): 1}
        says = "7, then None with a new start, then 9"
        require(dict(found) == wanted, "C-17", f"{says} adds {found}, not {wanted}")

    def test_a_histogram_starts_over_when_a_count_between_two_bounds_falls(self) -> None:
        """Though no cumulative count does."""
        before = {"count": 6, "sum": 6.0, "buckets": {1.0: 3, 2.0: 5}}
        after = {"count": 7, "sum": 7.0, "buckets": {1.0: 5, 2.0: 6}}
        self._adds(before, after, (7, 7.0, ((1.0, 5), (2.0, 6))), "C-17")

    def test_a_sum_that_falls_is_no_restart(self) -> None:
        """Observations may be negative."""
        before = {"count": 2, "sum": 2.0, "buckets": {1.0: 1}}
        after = {"count": 3, "sum": -1.0, "buckets": {1.0: 2}}
        self._adds(before, after, (1, -3.0, ((1.0, 1),)), "C-17")

    def test_histograms_are_differenced_where_both_bounds_are_known(self) -> None:
        """By the neighbours-agree rule."""
        before = {"count": 3, "sum": 1.5, "buckets": {0.5: 1, 1.0: 3}}
        after = {"count": 5, "sum": 2.5, "buckets": {0.5: 2, 2.0: 5}}
        self._adds(before, after, (2, 1.0, ((0.5, 1), (2.0, 2))), "C-20")

    def _adds(self, before: Any, after: Any, wanted: Any, clause: str) -> None:
        rows: list[Any] = [("lat", before)]
        with Lab(self, sampler_of(rows, metrics={"lat": {"kind": "histogram"}})) as lab:
            lab.forgive("S")
            lab.pull()
            rows[:] = [("lat", after)]
            got = lab.increments().get(series("s.lat"))
        require(got == wanted, clause, f"from {before} to {after} it adds {got}, not {wanted}")
