"""What a bound of a consumer costs."""

from __future__ import annotations

from sampler.testing._consumer_suite import ConsumerSuite
from sampler.testing._lab import Lab, counter_of, require, series, skip


class LimitsSuite(ConsumerSuite):
    """A consumer may bound what it takes of a pull."""

    def test_a_pull_that_is_cut_succeeds_and_ends_no_series(self) -> None:
        """Nor does it show that one was absent; that it was cut is counted."""
        limit = self.limit
        if limit is None:
            skip("C-14: it has no bound, as 'limit' is not set")
            return
        last = ("d", 5)
        rows = [("c", 1), last]
        with Lab(self, counter_of(rows), deadline=self.patience, checked=False) as lab:
            lab.pull()
            before = lab.refused()
            rows[:] = [("c", 1)]
            rows += [("c", 1, {"x": n}) for n in range(limit)]  # type: ignore[misc]
            values, _, failed = lab.pull()
            after = lab.refused()
            require(not failed, "C-14", "a pull that was cut has failed")
            require(0 < len(values) <= limit, "C-14", f"of {limit} samples it took {len(values)}")
            if before is not None and after is not None:
                require(after > before, "C-14", "that a bound was exceeded is not counted")
            behind = ("c", 4, {"behind": "the cut"})
            rows[:] = [("c", 3), ("d", 8), behind]  # type: ignore[list-item]
            found = lab.increments()
        wanted = {
            series("s.c"): 2,
            series("s.d"): 3,
            series("s.c", behind="the cut"): 0,
        }
        require(dict(found) == wanted, "C-14", f"after the cut it adds {found}, not {wanted}")
