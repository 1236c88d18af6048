"""What a consumer makes of samples."""

from __future__ import annotations

from typing import Any

from sampler.testing._consumer_suite import ConsumerSuite
from sampler.testing._lab import Lab, require, sampler_of, series, skip

_COUNTER = {"kind": "counter", "help": "Things done."}


class ValuesSuite(ConsumerSuite):
    """A consumer takes good samples, and refuses bad ones."""

    def test_values_arrive_under_full_names_with_all_labels(self) -> None:
        """Integer label values become text, an empty one is no label; the value True is 1."""
        rows = [("a", 1), ("b.c", 2.5, {"x": "y", "z": ""}), ("d", True, {"n": 3}), ("e", None)]
        with Lab(self, sampler_of(rows, labels={"db": "one"})) as lab:
            values, _, failed = lab.pull()
        wanted = {
            series("s.a", db="one"): 1,
            series("s.b.c", db="one", x="y"): 2.5,
            series("s.d", db="one", n="3"): 1,
        }
        require(dict(values) == wanted, "C-12", f"it has {dict(values)}, not {wanted}")
        require(not failed, "C-05", f"{set(failed)} failed without a reason")

    def test_what_it_does_not_know_is_ignored(self) -> None:
        """Keys, kinds, and items past the fourth."""
        metrics = {"a": {"kind": "rate", "colour": "red"}}
        rows = [("a", 1, {}, None, "more"), ("b", 2), ("c", 3, None, {"kind": "rate"})]
        with Lab(self, sampler_of(rows, metrics=metrics, colour="red")) as lab:
            lab.forgive("S")
            values, _, _ = lab.pull()
        require(set(values.values()) == {1, 2, 3}, "C-11", f"it has {dict(values)}")

    def test_a_bad_sample_costs_itself_only(self) -> None:
        """Whatever is wrong with it; it is counted by sampler and reason."""
        bad: list[Any] = [
            3, ("a",), ("Bad", 1), ("c", "text"), ("d", float("inf")), ("e", 2**63),
            ("f", 1, {"Bad": "x"}), ("g", 1, {"x": None}), ("h", 1, {"db": "two"}),
            ("count", -1), ("first", 9), ("lat", {"count": 1, "buckets": {1.0: 2}}),
            ("i", 1, "text"), ["j", 1],
        ]  # fmt: skip
        metrics = {"count": {"kind": "counter"}, "lat": {"kind": "histogram"}}
        rows = [("first", 1), *bad, ("last", 2)]
        with Lab(self, sampler_of(rows, labels={"db": "one"}, metrics=metrics)) as lab:
            lab.forgive("S")
            before = lab.refused()
            values, _, failed = lab.pull()
            after = lab.refused()
        wanted = {series("s.first", db="one"): 1, series("s.last", db="one"): 2}
        require(dict(values) == wanted, "C-12", f"it has {dict(values)}, not {wanted}")
        require(not failed, "C-12", "bad samples cost the whole pull")
        if before is not None and after is not None:
            counted = f"of {len(bad)} bad samples it counts {after - before}"
            require(after - before == len(bad), "C-12", counted)

    def test_names_and_label_values_have_a_length_at_most(self) -> None:
        """150 characters of a full name, the dot being one of them; 1024 of a label's value."""
        longest = "y" * 1024
        rows = [("a" * 148, 1), ("b" * 149, 2), ("c", 3, {"x": longest})]
        rows.append(("c", 4, {"x": longest + "y"}))
        with Lab(self, sampler_of(rows)) as lab:
            lab.forgive("S-04", "S-23")
            values, _, _ = lab.pull()
        lengths = sorted(len(name) for name, _ in values)
        says = f"it has full names of {lengths} characters, which may have 150"
        require(max(lengths) == 150, "C-12", says)
        wanted = {series("s." + "a" * 148): 1, series("s.c", x=longest): 3}
        require(dict(values) == wanted, "C-12", f"of {len(rows)} samples it takes {len(values)}")

    def test_of_two_samples_of_a_series_the_first_counts(self) -> None:
        """Whatever its value: a None, a NaN, or one that is refused."""
        firsts = [("n", None), ("m", float("nan")), ("t", "text"), ("a", 1)]
        rows = [*firsts, *((name, 9) for name, _ in firsts), ("b", 2)]
        with Lab(self, sampler_of(rows)) as lab:
            lab.forgive("S")
            found = [lab.pull()[0] for _ in range(2)]
        wanted = {series("s.a"): 1, series("s.b"): 2}
        for values in found:
            require(dict(values) == wanted, "C-12", f"it has {dict(values)}, not {wanted}")

    def test_a_series_belongs_to_the_sampler_that_yielded_it_first(self) -> None:
        """Until it ends, also while that sampler fails."""
        rows: list[Any] = [("b.c", 1)]

        def sample() -> Any:
            if not rows:
                raise ValueError("an author's")
            return list(rows)

        late = [("c", 2)]
        first = {"name": "a", "sample": sample}
        with Lab(self, first, sampler_of(late, "a.b"), sampler_of([("a", 1)])) as lab:
            lab.forgive("S")
            own = {series("a.b.c"): 1, series("s.a"): 1}
            values, _, _ = lab.pull()
            require(dict(values) == own, "C-12", f"of two owners it takes {dict(values)}")
            rows.clear()
            values, _, _ = lab.pull()
            taken = series("a.b.c") in values
            require(not taken, "C-12", "a series changed its owner while the first one failed")
            lab.samplers.pop(0)
            lab.pull()
            values, _, _ = lab.pull()
            own[series("a.b.c")] = 2
            require(dict(values) == own, "C-12", f"its first owner being gone, it has {values}")

    def test_a_sample_describes_a_metric_that_the_mapping_does_not(self) -> None:
        """By its fourth item, once and for all; a metric without one is a gauge."""
        rows: list[Any] = [
            ("c", 7, None, _COUNTER), ("g", 7), ("known", 7, None, _COUNTER),
            ("late", None, None, _COUNTER),
        ]  # fmt: skip
        with Lab(self, sampler_of(rows, metrics={"known": {}})) as lab:
            lab.forgive("S")
            lab.pull()
            rows[:] = [
                ("c", 9, None, {"kind": "gauge"}), ("g", 9, None, _COUNTER),
                ("known", 9, None, _COUNTER), ("late", 9),
            ]  # fmt: skip
            values, increments, failed = lab.pull()
        require(not failed and len(values) == 4, "S-08", f"it has {dict(values)}")
        if increments is None:
            skip("it takes no differences, which show the kind of a metric")
            return
        wanted = {series("s.c"): 2, series("s.late"): 0}
        require(dict(increments) == wanted, "S-08", f"it adds {dict(increments)}, not {wanted}")

    def test_a_bad_description_costs_its_sample(self) -> None:
        """And is none: the next sample describes the metric."""
        bad: list[Any] = [
            "text", 3, {"kind": 3}, {"scope": "planet"}, {"merge": "last"},
            {"kind": "counter", "merge": "sum"}, {"labels": 3}, {"labels": ["Bad"]},
        ]  # fmt: skip
        rows: list[Any] = [(f"a{n}", 1, None, item) for n, item in enumerate(bad)]
        with Lab(self, sampler_of([*rows, ("b", 2)])) as lab:
            lab.forgive("S")
            before = lab.refused()
            values, _, failed = lab.pull()
            after = lab.refused()
        found = {name for name, _ in values}
        kept = [bad[n] for n in range(len(bad)) if f"s.a{n}" in found]
        require(not kept, "C-12", f"it took samples with the descriptions {kept}")
        require(found == {"s.b"} and not failed, "C-12", "a bad description cost other samples")
        if before is not None and after is not None:
            require(
                after - before == len(bad), "C-12", f"of {len(bad)} it counts {after - before}"
            )

    def test_a_gauge_with_merge_combines_within_a_pull(self) -> None:
        """Its sum, maximum or minimum; without 'merge' the first sample counts."""
        low = {"merge": "min"}
        rows: list[Any] = [
            ("sum", 1), ("max", 5), ("low", 3, None, low), ("sum", None), ("sum", 2.5),
            ("max", 4), ("low", 2, None, low), ("sum", 4), ("max", 6), ("sum", 9, {"x": "y"}),
            ("one", 1), ("one", 2), ("sum", "text"), ("nothing", None), ("nothing", 0),
        ]  # fmt: skip
        metrics = {name: {"merge": name} for name in ("sum", "max")}
        metrics["nothing"] = {"merge": "max"}
        with Lab(self, sampler_of(rows, metrics=metrics)) as lab:
            lab.forgive("S")
            found = [lab.pull()[0] for _ in range(2)]
        wanted = {
            series("s.sum"): 7.5,
            series("s.sum", x="y"): 9,
            series("s.max"): 6,
            series("s.low"): 2,
            series("s.one"): 1,
            series("s.nothing"): 0,
        }
        for values in found:
            require(dict(values) == wanted, "S-25", f"it has {dict(values)}, not {wanted}")

    def test_nothing_is_kept_by_reference(self) -> None:
        """A change after the pull does not change what has arrived."""
        labels, buckets = {"x": "y"}, {1.0: 1}
        rows = [("a", 1, labels), ("lat", {"count": 1, "sum": 0.5, "buckets": buckets})]
        with Lab(self, sampler_of(rows, metrics={"a": {}, "lat": {"kind": "histogram"}})) as lab:
            values, _, _ = lab.pull()
            labels["x"], buckets[1.0] = "changed", 0
            wanted = {series("s.a", x="y"): 1, series("s.lat"): (1, 0.5, ((1.0, 1),))}
            require(dict(values) == wanted, "C-13", f"it has {dict(values)}, not {wanted}")
