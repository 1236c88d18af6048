"""What a consumer does with factories and their instances, and with what was unregistered."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from sampler.testing._consumer_calls import pulled
from sampler.testing._consumer_suite import ConsumerSuite
from sampler.testing._lab import Lab, Window, offered, require, sampler_of, series

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEYS = ("api", "consumer", "interval", "deadline", "settings")


class InstancesSuite(ConsumerSuite):
    """A consumer has instances of its own, and ends what it has begun."""

    def test_a_factory_is_called_once_and_told_who_asks(self) -> None:
        """Before the first pull; each call with an environ of its own."""
        told: list[Any] = []

        def factory(environ: Any) -> Any:
            told.append(dict(environ))
            environ["api"] = "changed"  # it is this call's own
            return Window()

        samplers = ({"name": name, "factory": factory} for name in ("a", "b"))
        with Lab(self, *samplers, checked=False) as lab:
            lab.pull()
            lab.pull()
        calls = f"in three pulls the factories of two samplers were called {len(told)} times"
        require(len(told) == 2, "C-02", calls + ", not once each")
        for environ in told:
            missing = [key for key in _KEYS if key not in environ]
            require(not missing, "C-02", f"the environ of a factory has no {missing}: {environ}")
            says = f"the environ of a factory is {environ}"
            require(environ["api"] == 1 and isinstance(environ["consumer"], str), "C-02", says)
            interval, deadline = environ["interval"], environ["deadline"]
            require(isinstance(interval, (int, float, type(None))), "C-02", says)
            require(isinstance(deadline, (int, float)) and deadline > 0, "C-02", says)
            require(hasattr(environ["settings"], "keys"), "C-02", says)

    def test_a_factory_is_called_until_it_has_returned_an_instance(self) -> None:
        """With a new environ each time; the pulls before have failed."""
        told: list[Any] = []

        def factory(environ: Any) -> Any:
            told.append(environ)
            if len(told) <= 2:
                raise ValueError("an author's")
            return Window()

        with Lab(self, {"name": "s", "factory": factory}) as lab:
            lab.forgive("S-15")
            values = pulled(lab, lambda failed: not failed, self.patience, "C-02")
            require(values, "C-02", "a factory that raised is not called again")
        count = len({id(environ) for environ in told})
        require(count == len(told) == 3, "C-02", f"{len(told)} calls got {count} environs")

    def test_an_instance_that_was_returned_late_is_kept(self) -> None:
        """The pull has failed, but the factory has returned an instance."""
        gate = threading.Event()
        made: list[Window] = []

        def factory(environ: Any) -> Any:
            del environ
            made.append(Window())
            gate.wait(2 * self.patience)
            return made[-1]

        try:
            with Lab(self, {"name": "s", "factory": factory}) as lab:
                lab.forgive("S-18")
                _, _, failed = lab.pull()
                require("s" in failed, "C-06", "a factory that hangs has not failed")
                gate.set()
                pulled(lab, lambda failed: not failed, self.patience, "C-02")
                calls = f"'factory' was called {len(made)} times, though the first call returned"
                require(len(made) == 1, "C-02", calls)
        finally:
            gate.set()

    def test_a_factory_is_told_the_settings_of_its_sampler(self) -> None:
        """And only those."""
        told: dict[str, Any] = {}

        def sampler(name: str) -> Mapping[str, Any]:
            def factory(environ: Any) -> Any:
                told[name] = dict(environ["settings"])
                return Window()

            return {"name": name, "factory": factory}

        def begin(samplers: list[Mapping[str, Any]], deadline: float) -> Any:
            made = self.configured(samplers, deadline, {"a.b": {"depth": 3}})
            return offered(made, "configured", "C-02")

        with Lab(self, sampler("a.b"), sampler("c"), begin=begin):
            wanted = {"a.b": {"depth": 3}, "c": {}}
            require(told == wanted, "C-02", f"factories were told {told}, not {wanted}")

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
            calls = made["a"].calls
            values, _, _ = lab.pull()
            called = made["a"].calls - calls
            require(series("a.calls") not in values, "R-07", "it was pulled unregistered")
            require(not called, "R-07", f"an unregistered instance was called {called} times")
            require(made["a"].closed == 1, "C-04", "close() was not called at unregistering")
        require(made["a"].closed == made["b"].closed == 1, "C-04", "not each was closed just once")

    def test_an_instance_whose_call_has_not_ended_is_left_alone(self) -> None:
        """Neither its unregistering nor the end of the consumer closes it while it runs."""
        gate = threading.Event()
        made: list[Window] = []

        patience = 2 * self.patience

        class Hung(Window):
            def __call__(self) -> Any:
                made.append(self)
                gate.wait(patience)
                return []

        def hung(name: str) -> Mapping[str, Any]:
            return {"name": name, "factory": lambda _environ: Hung()}

        try:
            with Lab(self, hung("a"), hung("b"), checked=False) as lab:
                lab.samplers.pop(0)
                lab.pull()
            closed = sum(window.closed for window in made)
            require(
                len(made) == 2, "C-03", f"two instances that hang were called {len(made)} times"
            )
            require(not closed, "C-04", f"{closed} instances were closed while their call ran")
        finally:
            gate.set()

    def test_a_close_that_hangs_costs_its_deadline(self) -> None:
        """At unregistering, and at the end of the consumer."""
        gate = threading.Event()

        patience = 2 * self.patience

        class Hanging(Window):
            def close(self) -> None:
                gate.wait(patience)

        def hanging(name: str) -> Mapping[str, Any]:
            return {"name": name, "factory": lambda _environ: Hanging()}

        try:
            with Lab(self, hanging("a"), hanging("b"), sampler_of([("a", 1)])) as lab:
                lab.forgive("C-04", "S-18")
                lab.samplers.pop(0)
                values, _, failed = lab.pull()
                require(values.get(series("s.a")) == 1, "C-06", f"it has {dict(values)}")
                require("s" not in failed, "C-06", "a close() that hangs failed another sampler")
        finally:
            gate.set()

    def test_what_was_unregistered_is_not_called_again(self) -> None:
        """In no round that begins later."""
        calls: list[int] = []

        def sample() -> Any:
            calls.append(1)
            return [("a", 1)]

        with Lab(self, {"name": "gone", "sample": sample}, sampler_of([("a", 1)])) as lab:
            lab.samplers.pop(0)
            before = len(calls)
            values, _, failed = lab.pull()
            require(dict(values) == {series("s.a"): 1}, "R-07", f"it has {dict(values)}")
            require("gone" not in failed, "R-07", "what was unregistered has failed")
            called = len(calls) - before
            require(not called, "R-07", f"an unregistered sampler was called {called} times")
