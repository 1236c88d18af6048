"""What a consumer makes of the registries of other vendors."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from sampler.testing._consumer_shared import ForeignRegistry
from sampler.testing._consumer_suite import ConsumerSuite
from sampler.testing._lab import Lab, counter_of, flaky, offered, require, series

if TYPE_CHECKING:
    from sampler.testing._consumer_shared import ForeignRegistry as Registry


class RegistriesSuite(ConsumerSuite):
    """A consumer needs of a registry only that it can be iterated."""

    def test_a_foreign_registry_is_pulled_as_its_own(self) -> None:
        """What is registered and unregistered meanwhile included."""
        registry = ForeignRegistry()
        registry.register(counter_of([("c", 5)]))
        with self._reading(registry) as lab:
            gone = registry.register(counter_of([("c", 7)], "late"))
            values, increments, _ = lab.pull()
            wanted = {series("s.c"): 5, series("late.c"): 7}
            require(dict(values) == wanted, "R-12", f"it has {dict(values)}, not {wanted}")
            if increments is not None:
                counts = {series("s.c"): 0, series("late.c"): 7}
                says = f"it adds {dict(increments)}, not {counts}"
                require(dict(increments) == counts, "R-12", says)
            registry.unregister(gone)
            values, _, _ = lab.pull()
            require(dict(values) == {series("s.c"): 5}, "R-07", f"it has {dict(values)}")
            registry.register(gone.sampler)
            values, increments, _ = lab.pull()
            require(series("late.c") in values, "R-12", f"registered again: {dict(values)}")
            if increments is not None:
                again = increments.get(series("late.c"))
                require(again == 7, "C-16", f"another registration of the mapping adds {again}")

    def test_a_registration_that_is_seen_late_is_as_old_as_it_says(self) -> None:
        """Its first value is a baseline if its ``time`` is before the consumer began."""
        registry = ForeignRegistry()
        long_ago = time.time() - 3600
        with self._reading(registry) as lab:
            registry.register(counter_of([("c", 1000)], "old"), long_ago)
            registry.register(flaky(counter_of([("c", 1000)], "failing")), long_ago)
            lab.forgive("S-15")
            first = lab.increments()
            found = lab.increments(until=lambda found: series("failing.c") in found)
        for name, increments in (("old", first), ("failing", found)):
            got = increments.get(series(f"{name}.c"))
            require(got == 0, "C-16", f"1000 of a registration of an hour ago adds {got}, not 0")

    def test_of_two_registrations_of_one_sampler_the_earlier_is_pulled(self) -> None:
        """What takes its place begins with baselines."""
        one, two = ForeignRegistry(), ForeignRegistry()
        now = time.time()
        sampler = counter_of([("c", 5)], start=now + 1)
        with self._reading(one, two) as lab:
            later = one.register({**sampler, "sample": lambda: [("c", 50)]}, now + 2)
            earlier = two.register(sampler, now + 1)
            values, increments, failed = lab.pull()
            says = f"of two registrations of one sampler it has {dict(values)}"
            require(dict(values) == {series("s.c"): 5} and not failed, "R-14", says)
            two.unregister(earlier)
            values, increments, failed = lab.pull()
            says = f"the earlier one being gone, it has {dict(values)}"
            require(dict(values) == {series("s.c"): 50} and not failed, "R-14", says)
            if increments is not None:
                got = increments.get(series("s.c"))
                require(got == 0, "R-14", f"what took the place of another adds {got}, not 0")
            one.unregister(later)

    def _reading(self, *registries: Registry) -> Lab:
        """Return a consumer of registries; skip the test if there is none."""

        def begin(_samplers: Any, deadline: float) -> Any:
            return offered(self.registries(list(registries), deadline), "registries", "R-12, R-14")

        return Lab(self, begin=begin)
