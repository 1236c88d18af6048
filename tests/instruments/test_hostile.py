"""A web application under load, whose label values its clients choose."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from sampler import Collector, Instruments, Registry
from sampler_graphite import Graphite
from sampler_prometheus import ASGIApp
from sampler_statsd import StatsD

REQUESTS = 10_000
LIMIT = 500


def hostile(chance: random.Random) -> Any:
    """Return what a client may put into a path, a header, or a body."""
    size = chance.choice([0, 1, 10, 100, 1_023, 1_024, 1_025, 5_000, 60_000])
    number = f"{chance.getrandbits(40):x}"
    return chance.choice(
        [
            number,
            "/" + number * (size // len(number)),
            "".join(chr(chance.randrange(0x110000)) for _ in range(min(size, 50))),
            bytes(chance.randrange(256) for _ in range(min(size, 50))),
            'a"b\\c\nd\0e{}=,;|#@:' + number,
            chance.getrandbits(80),
            chance.random(),
            None,
            [number],
            number.encode(),
        ]
    )


class Application:
    """Counts each request by what its client sent, in every way that there is."""

    def __init__(self, registry: Registry) -> None:
        shop = Instruments("shop", registry, max_children=LIMIT)
        self.requests = shop.counter("requests", labels=("path",))
        self.sent = shop.counter("sent", unit="By", labels=("path", "agent"))
        self.open = shop.gauge("open", labels=("path",), merge="sum")
        self.wait = shop.histogram("wait", unit="s", labels=("path",))
        self.size = shop.histogram("size", unit="By", labels=("agent",), buckets=(1, 1_000))
        self.errors = shop.counter("errors", labels=("path",))
        self.served = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path, agent, length = scope["path"], scope["agent"], scope["length"]
        with (
            self.open.track_inprogress(path=path),
            self.errors.count_exceptions(path=path),
            self.wait.time() as timer,
        ):
            self.requests.inc(path=path)
            self.requests.labels(path).inc(0)
            self.requests.labels({"path": path}).inc(0)
            self.sent.inc(length, path=path, agent=agent)
            self.size.observe(length, agent=agent)
            await asyncio.sleep(0)
            timer.labels(path=path)
        self.served += 1


async def page(app: ASGIApp) -> str:
    parts: list[bytes] = []

    async def send(message: Any) -> None:
        parts.append(message.get("body", b""))

    async def receive() -> Any:
        return {"type": "http.request"}

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    await app(scope, receive, send)
    return b"".join(parts).decode()


@pytest.mark.timeout(300)
def test_no_label_value_of_a_client_is_an_error_of_the_application() -> None:
    """No exception, bounded memory; the page and the stores have every request."""
    registry = Registry()
    shop, app, pulls = Application(registry), ASGIApp(registry), Collector(registry)
    chance = random.Random(19)
    lengths = [0, 1, 500, 10_000, 2.5, -1, float("nan"), "12", None, 2**70]

    async def serve(requests: int) -> None:
        for _ in range(requests // 50):
            await asyncio.gather(
                *(
                    shop(
                        {
                            "path": hostile(chance),
                            "agent": hostile(chance),
                            "length": chance.choice(lengths),
                        },
                        None,
                        None,
                    )
                    for _ in range(50)
                )
            )
            if shop.served % 500 == 0:
                pulls.collect()

    tracemalloc = pytest.importorskip("tracemalloc")
    tracemalloc.start()
    try:
        asyncio.run(serve(REQUESTS * 3 // 5))
        before = tracemalloc.get_traced_memory()[0]
        asyncio.run(serve(REQUESTS * 2 // 5))
        assert tracemalloc.get_traced_memory()[0] < before + 1_000_000
    finally:
        tracemalloc.stop()
        pulls.close()
    text = asyncio.run(page(app))
    assert shop.served == REQUESTS
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert sum(sample.value for sample in families["shop_requests"].samples) == REQUESTS
    counts = [s.value for s in families["shop_wait_seconds"].samples if s.name.endswith("_count")]
    assert sum(counts) == REQUESTS
    app.close()
    with Collector(registry, max_series=10_000) as consumer:
        snapshot = consumer.collect()
        account = consumer.statistics()[0]
        assert account.yielded == account.collected + sum(account.refused.values())
        assert account.refused.keys() == {
            "negative",
            "not_finite",
            "out_of_range",
            "overflow",
            "type",
        }
        for adapter in (Graphite(prefix="x"), StatsD(prefix="x")):
            batches = list(adapter.encode(snapshot, {}))
            lost = sum(sum(batch.refused.values()) for batch in batches)
            assert sum(batch.samples for batch in batches) + lost >= len(snapshot)
            for batch in batches:
                for frame in batch.frames:
                    assert b"\0" not in frame
        requests = [v for s, v in snapshot if s.name == "shop.requests"]
        assert (sum(requests), len(requests)) == (REQUESTS, LIMIT + 1)  # type: ignore[arg-type]
