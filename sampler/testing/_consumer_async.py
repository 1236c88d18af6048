"""How a consumer runs asynchronous samplers."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from sampler.testing._consumer_suite import ConsumerSuite
from sampler.testing._lab import Lab, require, sampler_of, series
from sampler.testing._loop import LoopThread


class AsyncSuite(ConsumerSuite):
    """A consumer awaits a sampler on the sampler's own loop, or fails it."""

    def test_an_asynchronous_sampler_runs_on_its_loop_until_the_deadline(self) -> None:
        """A consumer that cannot run it reports that it failed."""
        cancelled = threading.Event()

        async def sample() -> Any:
            return [("thread", threading.get_ident())]

        async def endless() -> Any:
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

    def test_a_consumer_that_is_called_on_the_loop_fails_what_belongs_to_it(self) -> None:
        """It neither waits for the loop, which waits for it, nor runs it elsewhere."""
        ran: list[int] = []

        async def sample() -> Any:
            ran.append(threading.get_ident())
            return [("a", 1)]

        with LoopThread() as running:
            there = {"name": "there", "sample": sample, "loop": running.get}
            with Lab(self, there, sampler_of([("a", 1)]), checked=False) as lab:

                async def pull() -> Any:
                    return lab.consumer.pull()

                values, _, failed = lab.run(
                    lambda: asyncio.run_coroutine_threadsafe(pull(), running.loop).result(
                        self.patience
                    ),
                    "a pull that is called on the sampler's loop",
                )
                require("there" in failed, "C-07", f"called on the loop, it has {dict(values)}")
                require(dict(values) == {series("s.a"): 1}, "C-07", f"it has {dict(values)}")
                elsewhere = set(ran) - {running.thread.ident}
                require(not elsewhere, "C-07", "a coroutine ran on another thread than its loop's")
