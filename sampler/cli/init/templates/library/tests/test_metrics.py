"""The sampler does what consumers rely on, and they find it."""

from __future__ import annotations

from sampler import Collector, Registry
from sampler.testing import SamplerContract

from mypackage import Pool
from mypackage.metrics import SAMPLER
from mypackage.pool import use_one


class TestSampler(SamplerContract):
    """What every sampler has to do; `sampler explain S-20` prints a rule."""

    sampler = SAMPLER

    def exercise(self) -> None:
        """Give it something to count: called between pulls."""
        use_one()


def values() -> dict[str, object]:
    """Pull once, as a program that collects does: it finds the sampler by itself."""
    registry = Registry()
    registry.discover()
    with Collector(registry) as consumer:
        return {series.name: value for series, value in consumer.collect()}


def test_a_program_that_imports_the_package_finds_its_numbers() -> None:
    """By the entry point in pyproject.toml. If this fails: is it installed?"""
    assert "mypackage.checkouts" in values()


def test_what_a_pool_lends_is_counted_and_stays_counted() -> None:
    """Also when the pool is gone."""
    before = values()["mypackage.checkouts"]
    pool = Pool(size=3)
    pool.take()
    pool.take()
    now = values()
    assert now["mypackage.things.used"] == 2
    assert now["mypackage.things.limit"] == 3
    del pool
    after = values()
    assert after["mypackage.things.used"] == 0
    assert isinstance(before, int)
    assert after["mypackage.checkouts"] == before + 2
