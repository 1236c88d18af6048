"""The package counts, and consumers find its numbers."""

from __future__ import annotations

from sampler import Registry
from sampler.testing import Grown, SamplerContract

from mypackage import order
from mypackage.metrics import group
from mypackage.orders import order_one


class TestSampler(SamplerContract):
    """What every sampler has to do; `sampler explain S-20` prints a rule."""

    sampler = group

    def exercise(self) -> None:
        """Give it something to count: called between pulls."""
        order_one()


def test_a_program_that_imports_the_package_publishes_its_numbers() -> None:
    """By the entry point in pyproject.toml: is the package installed?"""
    registry = Registry()
    registry.discover()
    assert "mypackage" in registry


def test_an_order_is_counted_by_its_item(sampler_increases: Grown) -> None:
    """Once for each, with its duration."""
    order("tea")
    order("tea")
    ordered = "mypackage.orders", {"item": "tea"}
    assert sampler_increases[ordered] == 2
    duration = sampler_increases["mypackage.duration"]
    assert duration.count == 2
