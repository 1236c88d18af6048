"""Relays in front of a ring of carbon-caches: every series ends in exactly one of them."""

from __future__ import annotations

import time

import pytest

from sampler.agent import DELIVERED
from sampler_graphite import Graphite
from tests.adapters.shapes import IDENTITY, block, gauge, snapshot_of
from tests.support.servers import Carbon, CarbonCRelay, CarbonRelay
from tests.support.waiting import wait_for

SERIES = 200


@pytest.fixture
def caches(launch):
    """Two carbon-caches."""
    return [launch(Carbon), launch(Carbon)]


def deliver(adapter):
    """Send two hundred labelled series; return when they were read."""
    when = int(time.time())
    entries = [(gauge("ring.n", i=n, zone="a"), n) for n in range(SERIES)]
    for series, _ in entries:
        series.labels = {key: str(text) for key, text in series.labels.items()}
    shot = snapshot_of(block(*entries, time=when), identity=IDENTITY)
    for batch in adapter.encode(shot, {}):
        assert adapter.send(batch, 10.0) is DELIVERED
    return when


def spread(caches, when, shape):
    """Wait until every series is stored; check that each is in one cache, with its value.

    Returns how many each cache has.
    """
    paths = {shape.format(n): n for n in range(SERIES)}

    def stored():
        return sum(bool(cache.series(path)) for cache in caches for path in paths)

    wait_for(lambda: stored() >= SERIES, limit=30, what="every series")
    counts = [0] * len(caches)
    for path, n in paths.items():
        found = [cache.series(path) for cache in caches]
        assert [points for points in found if points] == [{when: n}]
        counts[[bool(points) for points in found].index(True)] += 1
    return counts


@pytest.mark.parametrize("protocol", ["plaintext", "pickle"])
@pytest.mark.parametrize("tags", [False, True])
def test_a_carbon_relay_spreads_series_over_its_ring(launch, caches, protocol, tags):
    """In both protocols, tags included; the relay's own end of stream confirms."""
    relay = launch(CarbonRelay, caches)
    port = relay.pickle_port if protocol == "pickle" else relay.line_port
    when = deliver(Graphite(port=port, protocol=protocol, prefix="p", tags=tags))
    assert all(spread(caches, when, "p.ring.n;i={};zone=a" if tags else "p.ring.n.i-{}.zone-a"))


def test_a_carbon_c_relay_spreads_series_over_its_ring(launch, caches):
    """Untagged paths hold nothing that it would rewrite."""
    relay = launch(CarbonCRelay, caches)
    when = deliver(Graphite(port=relay.line_port, prefix="p"))
    assert all(spread(caches, when, "p.ring.n.i-{}.zone-a"))


def test_carbon_c_relay_takes_tags(launch, caches):
    """As they are, but it hashes the name alone: series that differ in tags stay together."""
    relay = launch(CarbonCRelay, caches)
    when = deliver(Graphite(port=relay.line_port, prefix="p", tags=True))
    assert sorted(spread(caches, when, "p.ring.n;i={};zone=a")) == [0, SERIES]
