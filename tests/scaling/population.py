"""What each of many hosts has: 50 series, as its relay adds them up."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sampler.agent import Ledger, Snapshot
from sampler.agent.schedule import phase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampler import Collector

COUNTERS, GAUGES = 30, 20
SERIES = COUNTERS + GAUGES
ANY_HOST = "HOST"
"""Stands in what is rendered once, for the name of each host."""


def collector() -> Collector:
    """Return a consumer of 50 series, a tenth of which change between two looks."""
    import sampler

    registry = sampler.Registry()
    group = sampler.Instruments("shop", registry)
    orders = group.counter("orders", labels=("route",))
    depth = group.gauge("depth", labels=("queue",))
    counters = [orders.labels(f"r{number}") for number in range(COUNTERS)]
    gauges = [depth.labels(f"q{number}") for number in range(GAUGES)]

    for number, each in enumerate(gauges):
        each.set(number)

    def work() -> Iterator[tuple[str, int]]:
        for each in counters[::10]:
            each.inc()
        for each in gauges[::10]:
            each.set(time.time_ns() // 1_000_000 % 100)
        yield from ()

    registry.register({"name": "work", "sample": work})
    return sampler.Collector(registry)


def page() -> bytes:
    """Return the page of a host's relay, as it is now."""
    from sampler_prometheus._exposition import Exposition

    return Exposition(_consumer.collect, Ledger()).answer("text/plain").body


def lines() -> bytes:
    """Return what a host's relay sends to Graphite, with :data:`ANY_HOST` for its name."""
    from sampler_graphite import Graphite

    found = _consumer.collect()
    identity = {"service": "shop", "host": ANY_HOST, "instance": "relay"}
    snapshot = Snapshot(found.blocks, found.time, found.start, identity, (), 10.0)
    batches = Graphite(port=1).encode(snapshot, {})
    return b"".join(frame for batch in batches for frame in batch.frames)


def moments(hosts: int, interval: float) -> list[float]:
    """Return by how many seconds each host's pushes follow whole intervals of the clock."""
    identities = (
        {"service": "shop", "host": f"host-{number}", "instance": "relay"}
        for number in range(hosts)
    )
    return [phase(identity) * interval for identity in identities]


_consumer = collector()
