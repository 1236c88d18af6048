"""What three readers wrote who had seen the rendered draft and nothing else passes the suites."""

from __future__ import annotations

import pytest

from sampler.testing import SamplerContract
from tests.pep.hosts import registry_suite, suite
from tests.pep.independent import one, one_samplers, three_samplers, two, two_samplers
from tests.pep.independent.host_three import ConsumerSuite, RegistrySuite, Three


class TestConsumerOne(suite("one")):
    """Asynchronous samplers fail."""


class TestConsumerTwo(suite("two")):
    """A worker for each sampler; asynchronous samplers on their loop."""


class TestConsumerThree(ConsumerSuite):
    """Of the second draft; asynchronous samplers fail."""


class TestRegistryThree(RegistrySuite):
    """With its discovery."""


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


class TestPoolThree(SamplerContract):
    """Pools that come and go; their totals stay."""

    sampler = three_samplers.POOL
    pool = three_samplers.Pool()

    def exercise(self):
        self.pool.checkout()
        self.pool.checkin()
        three_samplers.Pool("short-lived").checkout()


class TestCacheThree(SamplerContract):
    """A cache with a histogram of lookup times, and a start."""

    sampler = three_samplers.CACHE

    def exercise(self):
        three_samplers.cache.put("a", 1)
        assert three_samplers.cache.get("a") == 1
        assert three_samplers.cache.get("b") is None


class TestQueueThree(SamplerContract):
    """The highest depth since the last call."""

    sampler = three_samplers.QUEUE

    def exercise(self):
        three_samplers.queue.put()
        three_samplers.queue.get()


def work_three():
    """Count in each of the third reader's samplers."""
    TestPoolThree().exercise()
    TestCacheThree().exercise()
    TestQueueThree().exercise()


ALL = {
    "one": ([one_samplers.SHARED, one_samplers.WINDOWED], one_samplers.work, 4),
    "two": ([two_samplers.SHARED, two_samplers.WINDOWED], two_samplers.work, 4),
    "three": (
        [three_samplers.POOL, three_samplers.CACHE, three_samplers.QUEUE],
        work_three,
        8,
    ),
}
"""Each reader's samplers, what lets them count, and how many full names they yield."""


@pytest.mark.parametrize("consumer", [one.Consumer, two.Consumer, Three])
@pytest.mark.parametrize("whose", ALL)
def test_each_consumer_reads_the_samplers_of_all(consumer, whose):
    """Though nobody saw the others' code."""
    samplers, work, full_names = ALL[whose]
    reader = consumer(samplers, 5.0)
    try:
        work()
        values, increments, failed = reader.pull()
    finally:
        reader.close()
    assert not failed
    assert not reader.refused
    assert len({name for name, _ in values}) == full_names
    assert any(increments.values())
