"""What was written from the draft's text alone passes the contract's suites."""

from __future__ import annotations

import pytest

from sampler.testing import ConsumerContract, SamplerContract
from tests.pep.independent import one, one_samplers, two, two_samplers


class TestConsumerOne(ConsumerContract):
    """A thread for each call; asynchronous samplers, too."""

    def consumer(self, samplers, deadline):
        return one.Consumer(samplers, deadline)


class TestConsumerTwo(ConsumerContract):
    """A worker for each sampler; asynchronous samplers fail."""

    asynchronous = False

    def consumer(self, samplers, deadline):
        return two.Consumer(samplers, deadline)


class TestSharedOne(SamplerContract):
    """A queue of work."""

    sampler = one_samplers.SHARED

    def exercise(self):
        one_samplers.work()


class TestWindowedOne(SamplerContract):
    """Its utilisation since the last call."""

    sampler = one_samplers.WINDOWED

    def exercise(self):
        one_samplers.work()


class TestSharedTwo(SamplerContract):
    """A cache with an exponential histogram."""

    sampler = two_samplers.SHARED

    def exercise(self):
        two_samplers.work()


class TestWindowedTwo(SamplerContract):
    """Its hits since the last call."""

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
