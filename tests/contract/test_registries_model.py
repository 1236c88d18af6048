"""Three registries with one sampler: whoever holds it, and when, nothing is counted twice."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampler import Collector, Increments, Registry
from sampler._registry import registry as registries
from tests.contract.build import values
from tests.contract.vendors import VENDOR
from tests.support.distributions import sites

if TYPE_CHECKING:
    from collections.abc import Iterator

HOMES = range(3)
STEPS = st.one_of(
    st.tuples(st.just("register"), st.sampled_from(HOMES)),
    st.tuples(st.just("unregister"), st.sampled_from(HOMES)),
    st.tuples(st.just("count"), st.integers(1, 50)),
    st.tuples(st.just("round"), st.just(0)),
)


@pytest.fixture(scope="module")
def vendors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Any]]:
    """Two other vendors' modules, imported."""
    with pytest.MonkeyPatch.context() as patch:
        for (site,) in sites(tmp_path_factory.mktemp("vendors"), patch, "site"):
            for name in ("zz_one", "zz_two"):
                announced = {name: f"{name}:default"}
                files = {f"{name}.py": VENDOR}
                site.install(name, announced, group="sampler.registries", files=files)
            yield [importlib.import_module(name) for name in ("zz_one", "zz_two")]


class Program:
    """Registries that hold one sampler, each once at most, and the consumer that pulls them."""

    def __init__(self, vendors: list[Any]) -> None:
        self.total = 100
        self.held: dict[int, Any] = {}
        self.left = set(HOMES)
        registries.default = Registry()
        for vendor in vendors:
            vendor.default.all = ()
        self.vendors = vendors

    def register(self, home: int) -> None:
        """Have one of them register the sampler."""
        if home not in self.left:
            return
        self.left.discard(home)
        sampler = {
            "name": "same",
            "sample": lambda: [("n", self.total), ("who", home)],
            "metrics": {"n": {"kind": "counter"}},
        }
        owner = registries.default if home == 0 else self.vendors[home - 1].default
        self.held[home] = owner.register(sampler)

    def unregister(self, home: int) -> None:
        """Have one of them withdraw it."""
        if home in self.held:
            registration = self.held.pop(home)
            if home == 0:
                registration.unregister()
            else:
                self.vendors[home - 1].default.unregister(registration)


@pytest.mark.clause("R-14", "C-15", "C-16")
@settings(max_examples=150, deadline=None)
@given(first=st.sampled_from(HOMES), steps=st.lists(STEPS, max_size=30))
def test_nothing_is_counted_twice(
    vendors: list[Any], first: int, steps: list[tuple[str, int]]
) -> None:
    """The earliest one is pulled; where one is, all is counted but for what changes hands."""
    before = registries.default
    program, increments, counted = Program(vendors), Increments(), 0
    program.register(first)
    try:
        with Collector(deadline=30.0) as consumer:
            pulled, read = first, 100
            increments.take(consumer.collect())
            for step, number in [*steps, ("round", 0)]:
                if step == "count":
                    program.total += number
                elif step != "round":
                    getattr(program, step)(number)
                else:
                    snapshot = consumer.collect()
                    grown = [g for s, g, _ in increments.take(snapshot) if s.name == "same.n"]
                    standing = next(iter(program.held), None)  # in the order of registering
                    assert values(snapshot).get("same.who") == standing
                    expected = program.total - read if standing == pulled else 0
                    assert sum(each or 0 for each in grown) == expected or standing is None
                    counted += sum(each or 0 for each in grown)
                    pulled, read = standing, program.total
            assert counted <= program.total - 100
    finally:
        registries.default = before
