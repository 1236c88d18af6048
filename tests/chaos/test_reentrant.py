"""Samplers that register, unregister and collect while they are pulled, beside a model."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sampler import Collector, Registry
from sampler.exceptions import CollectorBusy, SamplerConflict
from tests.contract.build import in_thread

NAMES = ["a", "b", "c", "d", "e"]
ACTIONS = st.tuples(
    st.sampled_from(
        ["register", "rival", "unregister", "withdraw", "collect", "close", "other", "iterate"]
    ),
    st.sampled_from(NAMES),
)
PLAN = st.lists(ACTIONS, min_size=1, max_size=4)
WATCHDOG = 10.0


class Actor:
    """A sampler that first does what it was told to."""

    def __init__(self, machine: Reentrance, name: str, *, windowed: bool) -> None:
        self.machine, self.name = machine, name
        self.calls = 0
        self.given: list[int] = []
        self.plan: list[tuple[str, str]] = []
        self.registration: Any = None
        call = {"factory": lambda environ: self.sample} if windowed else {"sample": self.sample}
        self.mapping = {"name": name, **call}

    def sample(self) -> Any:
        self.calls += 1
        mine = self.calls
        yield "first", mine
        while self.plan:
            self.machine.act(self.plan.pop(0), inside=True)
        self.given.append(mine)
        yield "second", mine


class Reentrance(RuleBasedStateMachine):
    """The model is the names that are registered, in their order."""

    def __init__(self) -> None:
        super().__init__()
        self.registry = Registry()
        self.consumer = Collector(self.registry, name="one", deadline=WATCHDOG * 2)
        self.other = Collector(self.registry, name="other", deadline=WATCHDOG * 2)
        self.names: list[str] = []
        self.pulling: list[Collector] = []
        self.gone: list[set[str]] = []
        """What was unregistered during each of these pulls."""
        self.wrong: list[BaseException] = []
        self.actors = {name: Actor(self, name, windowed=name in "de") for name in NAMES}

    @rule(plans=st.dictionaries(st.sampled_from(NAMES), PLAN, min_size=1))
    def pull_samplers_that_do_something(self, plans: dict[str, list[tuple[str, str]]]) -> None:
        for name, plan in plans.items():
            self.actors[name].plan = list(plan)
        self.pull()

    @rule(action=ACTIONS)
    def from_outside(self, action: tuple[str, str]) -> None:
        in_thread(lambda: self.act(action, inside=False))(WATCHDOG)

    @initialize(names=st.sets(st.sampled_from(NAMES), min_size=2).map(sorted))
    def begin(self, names: list[str]) -> None:
        for name in names:
            self._register(name, False)

    @rule()
    def pull(self) -> None:
        in_thread(lambda: self.collect(self.consumer))(WATCHDOG)

    @invariant()
    def the_registry_is_what_the_model_says(self) -> None:
        assert not self.wrong, self.wrong
        assert [registration.name for registration in self.registry] == self.names
        assert all((name in self.registry) == (name in self.names) for name in NAMES)

    def teardown(self) -> None:
        for consumer in (self.consumer, self.other):
            in_thread(consumer.close)(WATCHDOG)

    def collect(self, consumer: Collector) -> None:
        """Pull; whoever was registered when it began has answered, in order.

        Who was unregistered meanwhile has answered if its turn had come.
        """
        expected, before = list(self.names), {n: len(a.given) for n, a in self.actors.items()}
        self.pulling.append(consumer)
        self.gone.append(set())
        snapshot = consumer.collect()
        self.pulling.pop()
        gone = self.gone.pop()
        assert snapshot.failures == ()
        answered = [block.sampler for block in snapshot.blocks]
        assert answered == [n for n in expected if n not in gone or n in answered]
        for block in snapshot.blocks:
            first, second = block.values
            assert first == second
            assert first in self.actors[block.sampler].given[before[block.sampler] :]

    def act(self, action: tuple[str, str], *, inside: bool) -> None:
        """Do it, here and in the model; what is wrong is told later: a sampler's is swallowed."""
        try:
            getattr(self, f"_{action[0]}")(action[1], inside)
        except BaseException as error:
            self.wrong.append(error)

    def _register(self, name: str, inside: bool) -> None:
        actor = self.actors[name]
        registration = self.registry.register(actor.mapping)
        assert name not in self.names or registration is actor.registration
        actor.registration = registration
        self.names += [name] if name not in self.names else []

    def _rival(self, name: str, inside: bool) -> None:
        rival = {"name": name, "sample": lambda: ()}
        if name in self.names:
            with pytest.raises(SamplerConflict):
                self.registry.register(rival)
        else:
            with self.registry.register(rival):
                assert name in self.registry

    def _unregister(self, name: str, inside: bool) -> None:
        if name in self.names:
            self._unregistered(name)
            self.registry.unregister(name)
            self.names.remove(name)
        else:
            with pytest.raises(KeyError):
                self.registry.unregister(name)

    def _withdraw(self, name: str, inside: bool) -> None:
        if self.actors[name].registration is not None:
            self._unregistered(name)
            self.actors[name].registration.unregister()
            self.names = [each for each in self.names if each != name]

    def _unregistered(self, name: str) -> None:
        for gone in self.gone:
            gone.add(name)

    def _collect(self, name: str, inside: bool) -> None:
        if not inside:
            self.collect(self.consumer)
        elif self.pulling[-1] is self.consumer:
            with pytest.raises(CollectorBusy):
                self.consumer.collect()

    def _close(self, name: str, inside: bool) -> None:
        if inside:
            with pytest.raises(CollectorBusy):
                self.pulling[-1].close()

    def _other(self, name: str, inside: bool) -> None:
        if self.other not in self.pulling:
            self.collect(self.other)
        elif self.pulling[-1] is self.other:
            with pytest.raises(CollectorBusy):
                self.other.collect()

    def _iterate(self, name: str, inside: bool) -> None:
        assert [registration.name for registration in self.registry] == self.names


class LongReentrance(Reentrance):
    """The same, for ten thousand steps."""


Reentrance.TestCase.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
LongReentrance.TestCase.settings = settings(
    max_examples=100, stateful_step_count=100, deadline=None
)
TestReentrance = pytest.mark.scenario(21)(Reentrance.TestCase)
TestLongReentrance = pytest.mark.long(pytest.mark.scenario(21)(LongReentrance.TestCase))
