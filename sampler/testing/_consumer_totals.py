"""What a consumer makes of counters and histograms: baselines, restarts, differences."""

from __future__ import annotations

import time
from typing import Any

from sampler.testing._lab import ConsumerSuite, Lab, counter_of, require, sampler_of, series


class TotalsSuite(ConsumerSuite):
    """A consumer adds what a total has grown by, each increase once."""

    def test_a_baseline_adds_nothing(self) -> None:
        """Also after a first pull that failed, or if its zero is older than the consumer."""
        rows, flaky = [("c", 7)], [ValueError("an author's")]

        def sample() -> Any:
            if flaky:
                raise flaky.pop()
            return [("c", 9)]

        late = {"name": "late", "sample": sample, "metrics": {"c": {"kind": "counter"}}}
        with Lab(self, counter_of(rows), counter_of([("c", 5)], "old", start=1.0), late) as lab:
            lab.forgive("S-15")
            first = lab.increments(until=lambda found: series("late.c") in found)
            rows[:] = [("c", 9)]
            second = lab.increments()
        added = {value for value in first.values() if value}
        require(not added, "C-16", f"baselines of {added} were added")
        require(second.get(series("s.c")) == 2, "C-16", f"7, 9 adds {second}")

    def test_what_was_not_there_before_counts_whole(self) -> None:
        """A new series, or one of a sampler that was registered later."""
        rows = [("c", 7, {"x": "old"})]
        with Lab(self, counter_of(rows)) as lab:
            lab.pull()
            rows.append(("c", 4, {"x": "new"}))
            lab.add(counter_of([("c", 5)], "late"))
            found = lab.increments()
        require(found.get(series("s.c", x="new")) == 4, "C-16", f"it adds {found}")
        require(found.get(series("late.c")) == 5, "C-16", f"it adds {found}")

    def test_a_first_value_counts_whole_if_its_zero_is_known(self) -> None:
        """And not earlier than the consumer's start."""
        flaky = [ValueError("an author's")]

        def sample() -> Any:
            if flaky:
                raise flaky.pop()
            return [("c", 5)]

        metrics = {"c": {"kind": "counter"}}
        sampler = {"name": "s", "sample": sample, "metrics": metrics, "start": time.time() + 0.5}
        with Lab(self, sampler) as lab:
            lab.forgive("S-15")
            found = lab.increments(until=lambda found: series("s.c") in found)
        require(found.get(series("s.c")) == 5, "C-16", f"it adds {found}")

    def test_a_restart_counts_whole(self) -> None:
        """After a lower value, or another start."""
        rows, start = [("c", 7)], [1.0]
        sampler = counter_of(rows, start=lambda: start[0])
        with Lab(self, sampler) as lab:
            lab.forgive("S-20")
            lab.pull()
            rows[:] = [("c", 3)]
            lower = lab.increments()
            rows[:], start[0] = [("c", 8)], 2.0
            other = lab.increments()
        require(lower.get(series("s.c")) == 3, "C-17", f"7, 3 adds {lower}")
        require(other.get(series("s.c")) == 8, "C-17", f"8 with a new start adds {other}")

    def test_a_series_without_a_value_has_not_ended(self) -> None:
        """Nor has a series of a pull that failed."""
        rows: list[Any] = [("c", 5)]

        def sample() -> Any:
            if not rows:
                raise ValueError("an author's")
            return list(rows)

        sampler = {"name": "s", "sample": sample, "metrics": {"c": {"kind": "counter"}}}
        with Lab(self, sampler) as lab:
            lab.forgive("S-15", "S-19")
            lab.pull()
            for between in ([("c", None)], [("c", "text")], []):
                rows[:] = between
                lab.pull()
            rows[:] = [("c", 8)]
            found = lab.increments(until=lambda found: series("s.c") in found)
        require(found.get(series("s.c")) == 3, "C-15", f"5, nothing, 8 adds {found}")

    def test_a_series_that_ended_and_comes_back_counts_whole(self) -> None:
        """A pull that succeeded without it has ended it."""
        rows = [("c", 5), ("d", 1)]
        with Lab(self, counter_of(rows)) as lab:
            lab.pull()
            rows[:] = [("d", 1)]
            lab.pull()
            rows[:] = [("c", 6), ("d", 1)]
            found = lab.increments()
        require(found.get(series("s.c")) == 6, "C-15", f"it adds {found}")

    def test_histograms_are_differenced_where_both_bounds_are_known(self) -> None:
        """By the neighbours-agree rule."""
        rows: list[Any] = [("lat", {"count": 3, "sum": 1.5, "buckets": {0.5: 1, 1.0: 3}})]
        sampler = sampler_of(rows, metrics={"lat": {"kind": "histogram"}})
        with Lab(self, sampler) as lab:
            lab.pull()
            rows[:] = [("lat", {"count": 5, "sum": 2.5, "buckets": {0.5: 2, 2.0: 5}})]
            found = lab.increments()
        wanted = (2, 1.0, ((0.5, 1), (2.0, 2)))
        got = found.get(series("s.lat"))
        require(got == wanted, "C-20", f"the difference is {got}, not {wanted}")
