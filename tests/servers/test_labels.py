"""[labels], as each backend has them: labels, tags, a gateway's group, or parts of a path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sampler import Instruments, Registry
from sampler.agent import Agent
from sampler.agent.config.reading import parse
from sampler_graphite import Graphite
from sampler_prometheus import Pushgateway
from sampler_prometheus._text import TextRenderer
from sampler_statsd import StatsD
from tests.contract.build import mapping

if TYPE_CHECKING:
    from sampler.agent import Snapshot

LABELS = {"env": "prod", "which": "{service}-{instance}"}


def collected(registry: Registry, instance: str = "7", **labels: str) -> Snapshot:
    """Return what an agent with these labels collects, without its own account."""
    table = {
        "service": "shop",
        "host": "web1",
        "instance": instance,
        "labels": {**LABELS, **labels},
    }
    agent = Agent(parse(table), registry)
    with agent.collector("test", 1.0) as collector:
        snapshot = collector.collect()
    snapshot.blocks = tuple(each for each in snapshot.blocks if each.sampler != "sampler")
    return snapshot


@pytest.fixture
def registry() -> Registry:
    """A program with one counter and a sampler whose series have a label ``env``."""
    registry = Registry()
    Instruments("shop", registry=registry).gauge("depth").set(4)
    registry.register(mapping("pool", ("size", 3, {"env": "blue"}), ("size", 2, {"env": "prod"})))
    return registry


def lines(adapter: Any, snapshot: Snapshot) -> list[str]:
    """Return what an adapter writes, sorted, without times."""
    data = b"".join(frame for each in adapter.encode(snapshot, {}) for frame in each.frames)
    return sorted(line.rsplit(" ", 1)[0] for line in data.decode().splitlines())


def test_graphite_has_segments_or_tags(registry: Registry) -> None:
    """Sorted with the series' own; a template names them as any label."""
    shot = collected(registry)
    assert lines(Graphite(prefix="p"), shot) == [
        "p.pool.size.env-blue.which-shop-7 3",
        "p.pool.size.env-prod.which-shop-7 2",
        "p.shop.depth.env-prod.which-shop-7 4",
    ]
    assert lines(Graphite(prefix="p", tags=True), shot)[2] == (
        "p.shop.depth;env=prod;which=shop-7 4"
    )
    paths = {"shop.*": "{env}.{name}"}
    assert "p.prod.shop.depth 4" in lines(Graphite(prefix="p", paths=paths), shot)


def test_statsd_has_segments_or_tags_so_that_processes_do_not_overwrite_each_other(
    registry: Registry,
) -> None:
    """With one prefix for all, the tag tells them apart."""
    assert "p.shop.depth.env-prod.which-shop-7:4|g" in [
        line.strip() for line in _texts(StatsD(prefix="p"), collected(registry))
    ]
    tagged = StatsD(prefix="{service}", tags=True)
    one, other = (_texts(tagged, collected(registry, instance)) for instance in "12")
    assert "shop.shop.depth:4|g|#env:prod,which:shop-1" in one
    assert "shop.shop.depth:4|g|#env:prod,which:shop-2" in other


def _texts(adapter: StatsD, snapshot: Snapshot) -> list[str]:
    batches = adapter.encode(snapshot, {})
    return b"\n".join(f for each in batches for f in each.frames).decode().splitlines()


def test_a_page_has_labels(registry: Registry) -> None:
    """Reserved ones as of any series."""
    text = TextRenderer().render(collected(registry, job="j")).body.decode()
    assert 'shop_depth{env="prod",job_="j",which="shop-7"} 4' in text
    assert 'pool_size{env="blue",job_="j",which="shop-7"} 3' in text


@pytest.mark.parametrize("grouping", [{}, {"zone": "z"}, {"env": "test"}])
def test_a_gateways_group_has_them_and_loses_no_series_own_label(
    pushgateway, registry: Registry, grouping
) -> None:
    """A gateway gives each series the group's labels: a series' own one gets another name."""
    registry.register(mapping("more", ("a", 1, {"zone": "1"}), ("a", 2, {"zone": "2"})))
    adapter = Pushgateway(url=pushgateway.url, grouping=grouping)
    (batch,) = adapter.encode(collected(registry), {})
    adapter.send(batch, 10.0)
    (group,) = pushgateway.groups()
    wanted = {"job": "shop", "instance": "web1:7", "env": "prod", "which": "shop-7", **grouping}
    assert group["labels"] == wanted
    found = {
        (name, value): dict(labels) for (name, labels), value in pushgateway.samples().items()
    }
    assert len(found) == 5
    assert all(labels.items() >= wanted.items() for labels in found.values())
    assert found["pool_size", 3.0]["env_"] == "blue"
    zone = "zone_" if "zone" in grouping else "zone"
    assert (found["more_a", 1.0][zone], found["more_a", 2.0][zone]) == ("1", "2")
