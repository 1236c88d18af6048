"""The sampler does what consumers rely on, and they find it."""

from __future__ import annotations

import os
import signal

import pytest
from sampler import Collector, Registry
from sampler.testing import SamplerContract

from mypackage import Pool
from mypackage import pool as source
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


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_goes_on_with_a_pool_and_reports_its_own_counts() -> None:
    """Also if a thread held the lock at the fork, which the child does not have."""
    pool = Pool()
    pool.take()
    with source.lock:
        child = os.fork()
        if not child:
            signal.alarm(30)  # ends a child that waits for ever
            try:
                pool.take()
                pool.take()
                found = dict(SAMPLER["sample"]())
                right = found["checkouts"] == found["things.used"] == 2
                os._exit(0 if right else 1)
            finally:
                os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    assert dict(SAMPLER["sample"]())["things.used"] == 1
