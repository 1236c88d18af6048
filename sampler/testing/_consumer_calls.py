"""How a consumer calls samplers, and what it does about those that misbehave."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from sampler.testing._lab import ConsumerSuite, Lab, Window, require, sampler_of, series
from sampler.testing._loop import LoopThread

if TYPE_CHECKING:
    from collections.abc import Mapping


class CallsSuite(ConsumerSuite):
    """A consumer isolates samplers from each other, and from other consumers."""

    def test_a_sampler_that_raises_costs_itself_only_and_wholly(self) -> None:
        """Nothing of its pull counts, and the pull is reported as failed."""

        def sample() -> Any:
            yield "a", 1
            raise ValueError("an author's")

        with Lab(self, {"name": "bad", "sample": sample}, sampler_of([("a", 1)])) as lab:
            lab.forgive("S-15")
            values, _, failed = lab.pull()
        require(dict(values) == {series("s.a"): 1}, "C-05", f"it has {dict(values)}")
        require(set(failed) == {"bad"}, "C-05", f"failed are {set(failed)}, not {{'bad'}}")

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
        """Each has its own window."""
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
            require(series("a.calls") not in values, "R-07", "it was pulled unregistered")
            require(made["a"].closed == 1, "C-04", "close() was not called at unregistering")
        require(made["a"].closed == made["b"].closed == 1, "C-04", "not each was closed just once")

    def test_a_sampler_that_fails_again_and_again_is_called_again(self) -> None:
        """Though less often."""
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
        require(values, "C-09", f"it was not called again after {len(calls)} calls")

    def test_an_asynchronous_sampler_runs_on_its_loop_until_the_deadline(self) -> None:
        """A consumer that cannot run it reports that it failed."""
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
                require("endless" in failed, "C-06", "a sampler that never ends has not failed")
                if self.asynchronous:
                    require("good" not in failed, "C-07", "the asynchronous sampler failed")
                    thread = values.get(series("good.thread"))
                    require(thread == running.thread.ident, "C-07", "it ran on another thread")
                    ended = cancelled.wait(self.patience)
                    require(ended, "C-07", "it was not cancelled at its deadline")
                else:
                    require("good" in failed, "C-07", "an asynchronous sampler has not failed")

    def test_no_lock_is_held_while_a_sampler_runs(self) -> None:
        """Other consumers can pull meanwhile."""
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
