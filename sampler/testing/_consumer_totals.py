"""What a consumer makes of the first values of counters and histograms."""

from __future__ import annotations

import time
from typing import Any

from sampler.testing._consumer_suite import ConsumerSuite
from sampler.testing._lab import Lab, counter_of, flaky, require, sampler_of, series

_OLD = 1.0
"""A start before any consumer began."""


class TotalsSuite(ConsumerSuite):
    """A consumer adds what a total has grown by, each increase once."""

    def test_it_pulls_once_when_it_begins(self) -> None:
        """So what it takes for a baseline is its own."""
        calls: list[int] = []

        def sample() -> Any:
            calls.append(1)
            return [("c", 4 + len(calls))]

        sampler = {"name": "s", "sample": sample, "metrics": {"c": {"kind": "counter"}}}
        with Lab(self, sampler) as lab:
            pulls = len(calls)
            require(pulls >= 1, "C-01", "it has begun, and has not called a sampler")
            _, found, _ = lab.pull()
        if found is not None:
            grown = len(calls) - pulls
            require(
                found.get(series("s.c")) == grown, "C-01", f"5 to {4 + len(calls)} adds {found}"
            )

    def test_a_baseline_adds_nothing(self) -> None:
        """In the pull with which it begins, or after one that failed; whatever its zero."""
        known, rows = [("c", 5)], [("c", 7)]
        old = counter_of(known, "old", start=_OLD)
        lat = {"count": 2, "sum": 1.0, "buckets": {1.0: 1}}
        times = sampler_of([("lat", lat)], "times", metrics={"lat": {"kind": "histogram"}})
        with Lab(self, counter_of(rows), old, times) as lab:
            first = lab.first()
            rows[:] = [("c", 9)]
            second = lab.increments()
        if first is not None and first[1] is not None:
            self._adds_nothing(first[1], 3)
        require(second.get(series("s.c")) == 2, "C-16", f"7, 9 adds {second}")
        wanted = {series("late.c"), series("old.c"), series("times.lat")}
        late = flaky(counter_of(known, "late"))
        with Lab(self, late, flaky(old), flaky(times)) as lab:
            lab.forgive("S-15")
            first_values = lab.increments(until=lambda found: wanted <= set(found))
        self._adds_nothing(first_values, 3)

    @staticmethod
    def _adds_nothing(found: Any, count: int) -> None:
        added = {
            key: value
            for key, value in found.items()
            if (value[0] if isinstance(value, tuple) else value)
        }
        require(not added, "C-16", f"baselines were added: {added}")
        require(len(found) == count, "C-16", f"{count} baselines are {dict(found)}")

    def test_what_was_not_there_before_counts_whole(self) -> None:
        """A new series, whatever its start, or one of a sampler that was registered later."""
        rows = [("c", 7, {"x": "old"})]
        aged = list(rows)
        with Lab(self, counter_of(rows), counter_of(aged, "aged", start=_OLD)) as lab:
            lab.forgive("S-15")
            lab.pull()
            for each in rows, aged:
                each.append(("c", 4, {"x": "new"}))
            lab.add(counter_of([("c", 5)], "late"))
            found = lab.increments()
            lab.add(flaky(counter_of([("c", 6)], "failing")))
            last = lab.increments(until=lambda found: series("failing.c") in found)
        for name in "s", "aged":
            require(found.get(series(f"{name}.c", x="new")) == 4, "C-16", f"it adds {found}")
        require(found.get(series("late.c")) == 5, "C-16", f"it adds {found}")
        require(last.get(series("failing.c")) == 6, "C-16", f"it adds {last}")

    def test_a_sampler_that_is_registered_later_has_a_zero_of_its_own(self) -> None:
        """Its first value is a baseline if its start is before the consumer's."""
        with Lab(self, counter_of([("c", 1)])) as lab:
            lab.pull()
            lab.add(counter_of([("c", 5)], "old", start=_OLD))
            lab.add(counter_of([("c", 6)], "new", start=time.time() + 0.5))
            found = lab.increments()
        require(found.get(series("old.c")) == 0, "C-16", f"an older total of 5 adds {found}")
        require(found.get(series("new.c")) == 6, "C-16", f"a newer total of 6 adds {found}")

    def test_a_first_value_counts_whole_if_its_zero_is_known(self) -> None:
        """And not earlier than the consumer's start."""
        sampler = flaky(counter_of([("c", 5)], start=time.time() + 0.5))
        with Lab(self, sampler) as lab:
            lab.forgive("S-15")
            found = lab.increments(until=lambda found: series("s.c") in found)
        require(found.get(series("s.c")) == 5, "C-16", f"it adds {found}")

    def test_a_start_counts_if_it_is_known_with_the_first_value(self) -> None:
        """Not if it was known while there was no value, and no more."""
        start: dict[str, Any] = {"late": None, "early": time.time() + 0.5}
        rows: list[Any] = [("c", None)]
        late = counter_of(rows, "late", start=lambda: start["late"])
        early = counter_of(rows, "early", start=lambda: start["early"])
        with Lab(self, late, early) as lab:
            lab.forgive("S-10")
            lab.pull()
            rows[:], start["late"], start["early"] = [("c", 5)], start["early"], None
            found = lab.increments()
        for name, wanted in ("late", 5), ("early", 0):
            got = found.get(series(f"{name}.c"))
            says = f"a first value of 5 whose start comes {name} adds {got}, not {wanted}"
            require(got == wanted, "C-16", says)

    def test_a_series_begins_with_its_first_sample(self) -> None:
        """Also if that has no value: what comes next is not new."""
        rows: list[Any] = [("c", None), ("d", "text"), ("c", float("nan"), {"x": "nan"})]
        with Lab(self, counter_of(rows)) as lab:
            lab.forgive("S-19")
            lab.pull()
            rows[:] = [("c", 1000), ("d", 1000), ("c", 1000, {"x": "nan"})]
            rows.append(("c", None, {"x": "new"}))
            found = lab.increments()
            rows.append(("c", 5, {"x": "new"}))
            rows.pop(3)
            later = lab.increments()
        for key in series("s.c"), series("s.d"), series("s.c", x="nan"):
            says = f"after a first sample without a value, 1000 of {key} adds {found.get(key)}"
            require(found.get(key) == 0, "C-15", says + ", not 0")
        new = later.get(series("s.c", x="new"))
        require(new == 5, "C-15", f"a new series that began with None, then 5, adds {new}, not 5")

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
        rows, aged = [("c", 5), ("d", 1)], [("c", 5), ("d", 1)]
        with Lab(self, counter_of(rows), counter_of(aged, "aged", start=_OLD)) as lab:
            lab.pull()
            for present in ([("d", 1)], [("c", 6), ("d", 1)]):
                rows[:] = aged[:] = present
                found = lab.increments()
        for name in "s", "aged":
            require(found.get(series(f"{name}.c")) == 6, "C-15", f"it adds {found}")
