"""What a consumer makes of samples."""

from __future__ import annotations

from typing import Any

from sampler.testing._lab import ConsumerSuite, Lab, require, sampler_of, series


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
        """Keys, kinds, and items past the third."""
        metrics = {"a": {"kind": "rate", "colour": "red"}}
        sampler = sampler_of([("a", 1, {}, "more"), ("b", 2)], metrics=metrics, colour="red")
        with Lab(self, sampler) as lab:
            lab.forgive("S")
            values, _, _ = lab.pull()
        require(set(values.values()) == {1, 2}, "C-11", f"it has {dict(values)}")

    def test_a_bad_sample_costs_itself_only(self) -> None:
        """Whatever is wrong with it; of two samples of one series the first counts."""
        bad: list[Any] = [
            3, ("a",), ("Bad", 1), ("c", "text"), ("d", float("inf")), ("e", 2**63),
            ("f", 1, {"Bad": "x"}), ("g", 1, {"x": None}), ("h", 1, {"db": "two"}),
            ("count", -1), ("first", 9), ("lat", {"count": 1, "buckets": {1.0: 2}}),
        ]  # fmt: skip
        metrics = {"count": {"kind": "counter"}, "lat": {"kind": "histogram"}}
        rows = [("first", 1), *bad, ("last", 2)]
        with Lab(self, sampler_of(rows, labels={"db": "one"}, metrics=metrics)) as lab:
            lab.forgive("S")
            values, _, failed = lab.pull()
        wanted = {series("s.first", db="one"): 1, series("s.last", db="one"): 2}
        require(dict(values) == wanted, "C-12", f"it has {dict(values)}, not {wanted}")
        require(not failed, "C-12", "bad samples cost the whole pull")

    def test_nothing_is_kept_by_reference(self) -> None:
        """A change after the pull does not change what has arrived."""
        labels, buckets = {"x": "y"}, {1.0: 1}
        rows = [("a", 1, labels), ("lat", {"count": 1, "sum": 0.5, "buckets": buckets})]
        with Lab(self, sampler_of(rows, metrics={"a": {}, "lat": {"kind": "histogram"}})) as lab:
            values, _, _ = lab.pull()
            labels["x"], buckets[1.0] = "changed", 0
            wanted = {series("s.a", x="y"): 1, series("s.lat"): (1, 0.5, ((1.0, 1),))}
            require(dict(values) == wanted, "C-13", f"it has {dict(values)}, not {wanted}")
