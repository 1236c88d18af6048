"""Executors and caches of the standard library, which load only when they are named."""

from __future__ import annotations

import sys
import threading
import types
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import pytest

from sampler import Collector, Registry
from sampler.contrib import caches, futures
from tests.samplers.programs import run
from tests.samplers.reading import consumer_of, read
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def prices() -> Iterator[types.ModuleType]:
    """A module of an application, with a cached function, a bounded one and a method."""
    made: Any = types.ModuleType("zz_prices")

    class Shop:
        @lru_cache(maxsize=8)  # noqa: B019
        def total(self, item: int) -> int:
            return item

    made.price = cache(lambda item: item)
    made.bounded = lru_cache(maxsize=2)(lambda item: item)
    made.Shop = Shop
    made.other = lru_cache(print)
    for each in (made.price, made.bounded):
        each.__module__ = "zz_prices"
    sys.modules["zz_prices"] = made
    yield made
    del sys.modules["zz_prices"]


def _configured(*named: str) -> Collector:
    registry = Registry()
    registry.register(caches.SAMPLER)
    return Collector(registry, settings={"functools": {"caches": list(named)}})


def _of(found: dict[str, float], function: str) -> dict[str, float]:
    mark = f'{{code.function.name="{function}"}}'
    return {name.removesuffix(mark): n for name, n in found.items() if name.endswith(mark)}


def test_a_module_that_is_named_tells_all_of_its_caches(prices: Any) -> None:
    """Hits, misses and entries; what it has imported from others is theirs."""
    for item in (1, 1, 1, 2):
        prices.price(item)
    for item in (1, 2, 3):
        prices.bounded(item)
    with _configured("zz_prices") as consumer:
        found = read(consumer)
    assert _of(found, "zz_prices.price") == {
        "functools.cache.hits": 2,
        "functools.cache.misses": 2,
        "functools.cache.entry.count": 2,
    }
    assert _of(found, "zz_prices.bounded") == {
        "functools.cache.hits": 0,
        "functools.cache.misses": 3,
        "functools.cache.entry.count": 2,
        "functools.cache.entry.limit": 2,
    }
    assert _of(found, "zz_prices.other") == {}


def test_one_function_is_named_by_its_path(prices: Any) -> None:
    """A method of a class, too; a name given twice is told once."""
    prices.Shop().total(5)
    named = ("zz_prices:Shop.total", "zz_prices:price", "zz_prices")
    with _configured(*named) as consumer:
        found = read(consumer)
    assert _of(found, "zz_prices.Shop.total")["functools.cache.misses"] == 1
    assert _of(found, "zz_prices.price")["functools.cache.misses"] == 0


def test_a_module_is_not_imported_to_be_told_of() -> None:
    """It tells nothing until the program has imported it."""
    with _configured("wave", "wave:open") as consumer:
        assert read(consumer) == {}


def test_a_cleared_cache_counts_on(prices: Any) -> None:
    """What comes after is added: a consumer takes the fall for a restart."""
    from sampler import Increments

    with _configured("zz_prices:price") as consumer:
        increments = Increments()
        increments.take(consumer.collect())
        prices.price(1)
        prices.price(1)
        prices.price(1)
        one = _grown(increments.take(consumer.collect()))
        prices.price.cache_clear()
        prices.price(1)
        prices.price(1)
        two = _grown(increments.take(consumer.collect()))
    assert (one["cache.hits"], two["cache.hits"]) == (2, 1)


def _grown(taken: Any) -> dict[str, float]:
    return {series.name.removeprefix("functools."): grown for series, grown, _ in taken}


@pytest.mark.parametrize("settings", [{"caches": "zz_prices"}, {"caches": [1]}, {"cache": []}])
def test_a_setting_that_is_none_is_one_clear_line(settings: dict[str, Any]) -> None:
    """It says what is expected."""
    registry = Registry()
    registry.register(caches.SAMPLER)
    with Collector(registry, settings={"functools": settings}) as consumer:
        (failure,) = consumer.collect().failures
    assert 'expected caches = ["package.module:function"]' in failure.message


def test_a_function_that_is_not_there_is_named(prices: Any) -> None:
    """In the failure of the sampler, which loses nobody else's numbers."""
    with _configured("zz_prices:prize") as consumer:
        (failure,) = consumer.collect().failures
    assert "prize" in failure.message


def test_executors_tell_threads_and_what_waits_for_them() -> None:
    """As many as were submitted and are held."""
    held, begun = threading.Event(), threading.Semaphore(0)

    def call() -> None:
        begun.release()
        assert held.wait(30)

    def told(consumer: Collector) -> tuple[float, ...]:
        found = read(consumer)
        names = (
            'thread.count{executor="kit",state="used"}',
            'thread.count{executor="kit",state="idle"}',
            'thread.limit{executor="kit"}',
            'queue.length{executor="kit"}',
        )
        return tuple(found[f"concurrent.futures.{name}"] for name in names)

    with (
        consumer_of(futures.SAMPLER) as consumer,
        ThreadPoolExecutor(2, thread_name_prefix="kit") as executor,
    ):
        for _ in range(5):
            executor.submit(call)
        assert begun.acquire(timeout=30)
        assert begun.acquire(timeout=30)
        assert told(consumer) == (2, 0, 2, 3)
        held.set()
        wait_for(lambda: told(consumer) == (0, 2, 2, 0), what="all calls to end")


def test_executors_without_a_name_are_one_series() -> None:
    """Not one for each number that Python gives them."""
    with (
        consumer_of(futures.SAMPLER) as consumer,
        ThreadPoolExecutor(3) as one,
        ThreadPoolExecutor(4) as other,
    ):
        one.submit(int).result(30)
        other.submit(int).result(30)
        limits = {name: n for name, n in read(consumer).items() if "thread.limit" in name}
    name = 'concurrent.futures.thread.limit{executor="ThreadPoolExecutor"}'
    assert limits[name] >= 7


def test_they_load_only_when_they_are_named() -> None:
    """Though the program has imported what they are for."""
    alone, named = run("""
        import concurrent.futures, functools
        executor = concurrent.futures.ThreadPoolExecutor(1)
        executor.submit(int).result(30)
        with Collector() as consumer:
            alone = read(consumer)
        loaded = "sampler.contrib.futures" in sys.modules
        sampler.registry.discover(["concurrent.futures", "functools"])
        with Collector() as consumer:
            print(json.dumps([loaded or any("futures" in each for each in alone), sorted(
                each for each in read(consumer) if each.startswith("concurrent"))]))
        executor.shutdown()
    """)
    assert not alone
    assert len(named) == 4
