"""What two readers wrote, who had seen the rendered draft and nothing else, passes the suites."""

from __future__ import annotations

import pytest

from sampler.testing import SamplerContract
from tests.pep.hosts import registry_suite, suite
from tests.pep.independent import one, one_samplers, two, two_samplers


class TestConsumerOne(suite("one")):
    """Asynchronous samplers fail."""


class TestConsumerTwo(suite("two")):
    """A worker for each sampler; asynchronous samplers on their loop."""


class TestRegistryOne(registry_suite()):
    """Registrations in a tuple that is replaced."""


class TestSharedOne(SamplerContract):
    """A mail queue."""

    sampler = one_samplers.SHARED

    def exercise(self):
        one_samplers.work()


class TestWindowedOne(SamplerContract):
    """Its highest level since the last call."""

    sampler = one_samplers.WINDOWED

    def exercise(self):
        one_samplers.work()


class TestSharedTwo(SamplerContract):
    """A limiter with an exponential histogram."""

    sampler = two_samplers.SHARED

    def exercise(self):
        two_samplers.work()


class TestWindowedTwo(SamplerContract):
    """The most permits held since the last call."""

    sampler = two_samplers.WINDOWED

    def exercise(self):
        two_samplers.work()


@pytest.mark.parametrize("consumer", [one.Consumer, two.Consumer])
@pytest.mark.parametrize("samplers", [one_samplers, two_samplers])
def test_either_consumer_reads_either_samplers(consumer, samplers):
    """Though nobody saw the other's code."""
    reader = consumer([samplers.SHARED, samplers.WINDOWED], 5.0)
    try:
        samplers.work()
        values, increments, failed = reader.pull()
    finally:
        reader.close()
    assert not failed
    assert not reader.refused
    assert len({name for name, _ in values}) == 4
    assert any(increments.values())
