"""What every consumer has to do, as a suite."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from sampler.testing._lab import Lab, Window, counter_of, require, sampler_of, series
from sampler.testing._loop import LoopThread

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


class Consumer(Protocol):
    """What the suite asks of a consumer under test."""

    def pull(
        self,
    ) -> tuple[Mapping[Any, Any], Mapping[Any, Any] | None, Collection[str]]:
        """Pull once.

        Returns:
            ``values``, ``increments`` and ``failed``. Values by series, a series being
            ``(full name, ((label, text), ...))`` with its labels sorted; a histogram is
            ``(count, sum or None, ((upper, cumulative), ...))``. Increments of cumulative series
            since the pull before, 0 for a baseline; None if the consumer takes no differences.
            The names of the samplers whose pull failed.
        """
        ...

    def close(self) -> None:
        """End."""
        ...


class ConsumerContract:
    """A consumer does what the PEP asks of it, as far as one process and one thread show.

    Left out are C-01, C-10, C-14, C-18, C-19 and C-21, which have no form that all consumers
    share. In a file of tests::

        class TestMine(ConsumerContract):
            def consumer(self, samplers, deadline):
                return MyConsumer(samplers, deadline=deadline)

    Attributes:
        deadline: seconds that each sampler is given.
        patience: seconds after which something will not happen any more.
        asynchronous: it can run asynchronous samplers; one that cannot fails them.
    """

    deadline: ClassVar[float] = 0.25
    patience: ClassVar[float] = 30.0
    asynchronous: ClassVar[bool] = True

    def consumer(self, samplers: list[Mapping[str, Any]], deadline: float) -> Consumer:
        """Return a new consumer.

        Args:
            samplers: what is registered; a mapping that is removed later is unregistered.
            deadline: seconds that each sampler has.
        """
        raise NotImplementedError

    def test_values_arrive_under_full_names_with_all_labels(self) -> None:
        """Whole numbers are text in labels; an empty text is no label; True is 1."""
        rows = [("a", 1), ("b.c", 2.5, {"x": "y", "z": ""}), ("d", True, {"n": 3}), ("e", None)]
        with Lab(self, sampler_of(rows, labels={"db": "one"})) as lab:
            values, _, failed = lab.pull()
        wanted = {
            series("s.a", db="one"): 1,
            series("s.b.c", db="one", x="y"): 2.5,
            series("s.d", db="one", n="3"): 1,
        }
        require(dict(values) == wanted, "C-12", f"it has {dict(values)} of {wanted}")
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
        """Whatever it is; and of two of one series the first stands."""
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
        require(dict(values) == wanted, "C-12", f"it has {dict(values)} of {wanted}")
        require(not failed, "C-12", "bad samples cost the whole pull")

    def test_a_sampler_that_raises_costs_itself_only_and_wholly(self) -> None:
        """No half of it stands; it is said to have failed."""

        def sample() -> Any:
            yield "a", 1
            raise ValueError("an author's")

        with Lab(self, {"name": "bad", "sample": sample}, sampler_of([("a", 1)])) as lab:
            lab.forgive("S-15")
            values, _, failed = lab.pull()
        require(dict(values) == {series("s.a"): 1}, "C-05", f"it has {dict(values)}")
        require(set(failed) == {"bad"}, "C-05", f"{set(failed)} are said to have failed")

    def test_a_sampler_that_hangs_costs_its_deadline(self) -> None:
        """The others are pulled; it is not called again while its call runs."""
        gate, calls = threading.Event(), []

        def instance() -> Any:
            calls.append(1)
            gate.wait(self.patience)
            return [("a", 1)]

        hung = {"name": "hung", "factory": lambda _environ: instance}
        with Lab(self, hung, sampler_of([("a", 1)])) as lab:
            lab.forgive("S-18")
            try:
                for _ in range(2):
                    values, _, failed = lab.pull()
                    require(dict(values) == {series("s.a"): 1}, "C-06", f"it has {dict(values)}")
                    require("hung" in failed, "C-06", "a call that hangs has not failed")
                require(len(calls) == 1, "C-03", "an instance was called while its call ran")
            finally:
                gate.set()

    def test_a_factory_is_called_once_and_told_who_asks(self) -> None:
        """Before the first pull."""
        told: list[Any] = []

        def factory(environ: Any) -> Any:
            told.append(environ)
            return lambda: [("a", len(told))]

        with Lab(self, {"name": "s", "factory": factory}) as lab:
            lab.pull()
            lab.pull()
        require(len(told) == 1, "C-02", f"'factory' was called {len(told)} times")

    def test_each_consumer_has_instances_of_its_own(self) -> None:
        """And their windows."""
        made: list[Window] = []

        def factory(environ: Any) -> Any:
            del environ
            made.append(Window())
            return made[-1]

        with Lab(self, {"name": "s", "factory": factory}) as lab, lab.another() as other:
            lab.pull()
            lab.pull()
            values, _, _ = other.pull()
            require(len(made) == 2, "C-03", f"{len(made)} instances serve two consumers")
            require(values == {series("s.calls"): made[1].calls}, "C-03", f"it has {values}")

    def test_instances_are_closed_once_and_then_left_alone(self) -> None:
        """When a sampler is unregistered, and at the end."""
        made: dict[str, Window] = {}

        def sampler(name: str) -> Mapping[str, Any]:
            def factory(environ: Any) -> Any:
                del environ
                return made.setdefault(name, Window())

            return {"name": name, "factory": factory}

        with Lab(self, sampler("a"), sampler("b")) as lab:
            lab.pull()
            lab.samplers.pop(0)
            values, _, _ = lab.pull()
            require(series("a.calls") not in values, "R-07", "it was pulled after it had gone")
            require(made["a"].closed == 1, "C-04", "close() was not called for what has gone")
        require(made["a"].closed == made["b"].closed == 1, "C-04", "not each was closed once")

    def test_nothing_is_kept_by_reference(self) -> None:
        """What is changed after the pull has arrived as it was."""
        labels, buckets = {"x": "y"}, {1.0: 1}
        rows = [("a", 1, labels), ("lat", {"count": 1, "sum": 0.5, "buckets": buckets})]
        with Lab(self, sampler_of(rows, metrics={"a": {}, "lat": {"kind": "histogram"}})) as lab:
            values, _, _ = lab.pull()
            labels["x"], buckets[1.0] = "changed", 0
            wanted = {series("s.a", x="y"): 1, series("s.lat"): (1, 0.5, ((1.0, 1),))}
            require(dict(values) == wanted, "C-13", f"it has {dict(values)} of {wanted}")

    def test_a_baseline_adds_nothing(self) -> None:
        """A first value, also if the first pull failed, or its zero is older than the consumer."""
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
        """A series, or a sampler that was not registered."""
        rows = [("c", 7, {"x": "old"})]
        with Lab(self, counter_of(rows)) as lab:
            lab.pull()
            rows.append(("c", 4, {"x": "new"}))
            lab.add(counter_of([("c", 5)], "late"))
            found = lab.increments()
        require(found.get(series("s.c", x="new")) == 4, "C-16", f"it adds {found}")
        require(found.get(series("late.c")) == 5, "C-16", f"it adds {found}")

    def test_a_first_value_counts_whole_if_its_zero_is_known(self) -> None:
        """And not before the consumer's."""
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
        """A lower value, or another start."""
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
        """Nor one of a pull that failed."""
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
        """A good pull without it has ended it."""
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

    def test_a_sampler_that_fails_again_and_again_is_called_again(self) -> None:
        """If less often."""
        calls: list[int] = []

        def sample() -> Any:
            calls.append(1)
            if len(calls) <= 3:
                raise ValueError("an author's")
            return [("a", 1)]

        with Lab(self, {"name": "s", "sample": sample}) as lab:
            lab.forgive("S-15")
            until = time.monotonic() + self.patience
            values: Mapping[Any, Any] = {}
            while not values and time.monotonic() < until:
                values, _, _ = lab.pull()
                time.sleep(0.02)
        require(values, "C-09", f"it was given up after {len(calls)} calls")

    def test_an_asynchronous_sampler_runs_on_its_loop_until_the_deadline(self) -> None:
        """A consumer that cannot run it says that it failed."""
        cancelled = threading.Event()

        async def sample() -> Any:
            return [("thread", threading.get_ident())]

        async def endless() -> Any:
            import asyncio

            try:
                await asyncio.sleep(self.patience)
            except asyncio.CancelledError:
                cancelled.set()
                raise

        with LoopThread() as running:
            samplers = (
                {"name": "good", "sample": sample, "loop": running.get},
                {"name": "endless", "sample": endless, "loop": running.get},
            )
            with Lab(self, *samplers) as lab:
                lab.forgive("S-18")
                values, _, failed = lab.pull()
                require("endless" in failed, "C-06", "one that never ends has not failed")
                if self.asynchronous:
                    require("good" not in failed, "C-07", "the asynchronous sampler failed")
                    thread = values.get(series("good.thread"))
                    require(thread == running.thread.ident, "C-07", "it ran on another thread")
                    ended = cancelled.wait(self.patience)
                    require(ended, "C-07", "it was not cancelled at its deadline")
                else:
                    require("good" in failed, "C-07", "an asynchronous sampler has not failed")

    def test_no_lock_is_held_while_a_sampler_runs(self) -> None:
        """Other consumers pull meanwhile."""
        found: list[bool] = []

        def sample() -> Any:
            thread = threading.Thread(target=lambda: other.pull(), daemon=True)  # noqa: PLW0108
            thread.start()
            thread.join(self.deadline)
            found.append(not thread.is_alive())
            return []

        with Lab(self, sampler_of([("a", 1)])) as quiet:
            other = quiet
            with Lab(self, {"name": "outer", "sample": sample}, deadline=self.patience) as lab:
                lab.pull()
        require(found and all(found), "C-08", "another consumer waited for the running sampler")
