"""How a consumer calls samplers, and what it does about those that misbehave."""

from __future__ import annotations

import itertools
import threading
import time
from typing import TYPE_CHECKING, Any

from sampler.testing._consumer_suite import ConsumerSuite
from sampler.testing._lab import Lab, Window, require, sampler_of, series

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_ROUNDS = 30


class CallsSuite(ConsumerSuite):
    """A consumer isolates samplers from each other, and from other consumers."""

    def test_a_sampler_that_raises_costs_itself_only_and_wholly(self) -> None:
        """Nothing of its pull counts, and the pull is reported as failed."""

        def sample() -> Any:
            yield "a", 1
            raise ValueError("an author's")

        with Lab(self, {"name": "bad", "sample": sample}, sampler_of([("a", 1)])) as lab:
            lab.forgive("S-15")
            self._costs_itself_only(lab, "C-05", "a sampler that raised")

    def test_a_start_that_raises_or_is_no_number_fails_the_pull(self) -> None:
        """None is no failure: the start is not known."""

        def raises() -> Any:
            raise LookupError("an author's")

        for start in (raises, lambda: "soon", lambda: [1.0], lambda: b"1"):
            bad = sampler_of([("a", 1)], "bad", start=start)
            unknown = sampler_of([("a", 1)], start=lambda: None)
            with Lab(self, bad, unknown, checked=False) as lab:
                self._costs_itself_only(lab, "C-05", "a sampler whose 'start' is no number")

    def test_two_starts_in_one_pull_fail_it(self) -> None:
        """The one asked before the samples and the one asked after them."""
        moments = itertools.count(1.0)
        moving = sampler_of([("a", 1)], "bad", start=lambda: next(moments))
        still = sampler_of([("a", 1)], start=lambda: 5.0)
        with Lab(self, moving, still, checked=False) as lab:
            self._costs_itself_only(lab, "S-10", "a sampler whose 'start' moved meanwhile")

    def test_a_sampler_that_hangs_costs_its_deadline(self) -> None:
        """The others are pulled; it is not called again while its call runs."""
        gate = threading.Event()
        calls: list[str] = []

        def hang(stage: str, result: Any = None) -> Any:
            calls.append(stage)
            gate.wait(2 * self.patience)
            return result

        def endless() -> Any:
            yield "a", 1
            hang("iteration")

        hung = [
            {"name": "factory", "factory": lambda _environ: hang("factory", Window())},
            sampler_of([("a", 1)], "start", start=lambda: hang("start")),
            {"name": "sample", "sample": lambda: hang("sample", [("a", 1)])},
            {"name": "iteration", "sample": endless},
        ]
        try:
            with Lab(self, *hung, sampler_of([("a", 1)]), checked=False) as lab:
                for _ in range(2):
                    values, _, failed = lab.pull()
                    require(dict(values) == {series("s.a"): 1}, "C-06", f"it has {dict(values)}")
                    for stage in ("factory", "start", "sample", "iteration"):
                        require(stage in failed, "C-06", f"a {stage} that hangs has not failed")
                twice = {stage for stage in calls if calls.count(stage) > 1}
                require(not twice, "C-03", f"{twice} were called again while the call ran")
        finally:
            gate.set()

    def test_what_comes_after_the_deadline_is_discarded(self) -> None:
        """The next values are those of a call that began later."""
        gate, calls = threading.Event(), [0]

        def sample() -> Any:
            calls[0] += 1
            number = calls[0]
            if number == 1:
                gate.wait(2 * self.patience)
            return [("a", number)]

        try:
            with Lab(self, {"name": "s", "sample": sample}) as lab:
                lab.forgive("S-18")
                values, _, failed = lab.pull()
                require(failed and not values, "C-05", f"a late pull brought {dict(values)}")
                gate.set()
                values = self._until_pulled(lab, "s")
                found = values[series("s.a")]
                require(found > 1, "C-05", "it took what a call brought after its deadline")
        finally:
            gate.set()

    def test_a_sampler_that_fails_again_and_again_is_called_again(self) -> None:
        """Though less often; a pull that is left out counts as failed."""
        calls, broken = [0], [True]

        def sample() -> Any:
            calls[0] += 1
            if broken:
                raise ValueError("an author's")
            return [("a", 1)]

        with Lab(self, {"name": "bad", "sample": sample}, sampler_of([("a", 1)])) as lab:
            lab.forgive("S-15")
            for _ in range(_ROUNDS):
                self._costs_itself_only(lab, "C-09", "a sampler that pauses")
            seldom = f"it was called {calls[0]} times in {_ROUNDS} rounds that all failed"
            require(calls[0] <= _ROUNDS, "C-09", seldom + ": it should be called less often")
            broken.clear()
            self._until_pulled(lab, "bad")

    def test_failures_are_those_of_one_consumer(self) -> None:
        """One that has not seen a sampler fail does not pause it."""
        broken: list[bool] = []

        def sample() -> Any:
            if broken:
                raise ValueError("an author's")
            return [("a", 1)]

        with Lab(self, {"name": "s", "sample": sample}) as lab, lab.beside() as other:
            lab.forgive("S-15")
            broken.append(True)
            for _ in range(_ROUNDS):
                lab.pull()
            broken.clear()
            values, _, _ = other.pull()
            found = dict(values)
            require(found, "C-09", "it pauses a sampler that failed for another consumer only")

    def test_no_lock_is_held_while_a_sampler_runs(self) -> None:
        """Other consumers can begin, pull and end meanwhile, whatever part of it runs."""
        held: list[str] = []

        def another() -> None:
            quick = {"name": "quick", "factory": lambda _environ: Window()}
            shared = sampler_of([("a", 1)], min_interval=60)
            other = self.consumer([quick, shared], self.deadline)
            other.pull()
            other.close()

        def probe(stage: str, result: Any = None) -> Any:
            if not held:
                thread = threading.Thread(target=another, daemon=True)
                thread.start()
                thread.join(self.patience / 3)
                if thread.is_alive():
                    held.append(stage)
            return result

        def samples() -> Any:
            probe("instance")
            yield "a", 1
            probe("iteration")

        class Probing:
            __call__ = staticmethod(samples)

            def close(self) -> None:
                probe("close")

        outer = {
            "name": "outer",
            "factory": lambda _environ: probe("factory", Probing()),
            "start": lambda: probe("start"),
        }
        with Lab(self, outer, deadline=2 * self.patience, checked=False) as lab:
            lab.pull()
        require(not held, "C-08", f"another consumer had to wait for a running {held}")

    def _costs_itself_only(self, lab: Lab, clause: str, what: str) -> None:
        """Pull; ``bad`` must have failed, and ``s`` not."""
        values, _, failed = lab.pull()
        wanted = {series("s.a"): 1}
        require(dict(values) == wanted, clause, f"beside {what} it has {dict(values)}")
        require(set(failed) == {"bad"}, clause, f"{what} fails {set(failed)}, not {{'bad'}}")

    def _until_pulled(self, lab: Lab, name: str) -> Mapping[Any, Any]:
        """Pull until a sampler has not failed; return the values."""
        return pulled(lab, lambda failed: name not in failed, self.patience)


def pulled(
    lab: Lab, done: Callable[[Any], bool], patience: float, clause: str = "C-09"
) -> Mapping[Any, Any]:
    """Pull until the names of the failed are as wanted; return the values."""
    until = time.monotonic() + patience
    while time.monotonic() < until:
        values, _, failed = lab.pull()
        if done(failed):
            return values
        time.sleep(0.02)
    require(False, clause, f"a sampler that answers again is not called within {patience} s")
    raise AssertionError
