"""Fixtures for pytest.

It is off unless asked for: ``-p sampler.testing.plugin``, or
``pytest_plugins = ["sampler.testing.plugin"]`` in a ``conftest.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sampler import Collector
from sampler.testing import FakeClock, Grown, Memory, isolated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampler import Registry


@pytest.fixture
def sampler_registry() -> Iterator[Registry]:
    """An empty registry in the place of the default one."""
    with isolated() as registry:
        yield registry


@pytest.fixture
def sampler_clock() -> FakeClock:
    """A clock that stands still."""
    return FakeClock()


@pytest.fixture
def sampler_memory() -> Memory:
    """An adapter that keeps what it is sent."""
    return Memory()


@pytest.fixture
def sampler_consumer(sampler_registry: Registry, sampler_clock: FakeClock) -> Iterator[Collector]:
    """A consumer of ``sampler_registry`` that asks ``sampler_clock`` for the time."""
    with Collector(sampler_registry, name="test", clock=sampler_clock) as consumer:
        yield consumer


@pytest.fixture
def sampler_increases() -> Iterator[Grown]:
    """What has grown in the default registry since the test began.

    ``sampler_increases["shop.orders", {"route": "buy"}]`` is 1 where the test placed one order;
    groups that modules made when they were imported are among them.
    """
    with Grown() as grown:
        yield grown
