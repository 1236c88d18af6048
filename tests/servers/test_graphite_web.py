"""What the ``graphite`` adapter sends, asked back from graphite-web: paths, templates, tags."""

from __future__ import annotations

import time

import pytest

from sampler.agent import DELIVERED, HistogramValue
from sampler_graphite import Graphite
from tests.adapters.shapes import IDENTITY, block, counter, gauge, histogram, snapshot_of
from tests.adapters.test_real_receivers import hostile
from tests.support.ports import free_port
from tests.support.servers import Carbon, GraphiteWeb
from tests.support.waiting import wait_for


@pytest.fixture(scope="module")
def graphite(launch_session):
    """A carbon-cache that announces tags, and the graphite-web over it."""
    port = free_port()
    carbon = launch_session(Carbon, tags_at=f"http://127.0.0.1:{port}")
    return carbon, launch_session(GraphiteWeb, carbon, port)


def send(carbon, *entries, **options):
    """Deliver entries, read now."""
    options = {"port": carbon.line_port, "quantiles": (), **options}
    if options.get("protocol") == "pickle":
        options["port"] = carbon.pickle_port
    adapter = Graphite(**options)
    when = int(time.time())
    for batch in adapter.encode(snapshot_of(block(*entries, time=when), identity=IDENTITY), {}):
        assert not batch.refused
        assert adapter.send(batch, 10.0) is DELIVERED
    return when


def rendered(web, target):
    """Wait for a target; return {name: value} of its last points."""
    found = wait_for(lambda: web.render(target), limit=20, what=f"{target} in graphite-web")
    return {name: points[max(points)] for name, points in found.items() if points}


@pytest.mark.parametrize("protocol", ["plaintext", "pickle"])
def test_paths_are_rendered(graphite, protocol):
    """By name, by wildcard over a label, and summed up."""
    carbon, web = graphite
    send(
        carbon,
        (gauge("pool.size", state="idle"), 3),
        (gauge("pool.size", state="used"), 4),
        (histogram("pool.wait", "s"), HistogramValue(4, 2.0, ((0.5, 2), (1.0, 4)))),
        prefix=protocol,
        protocol=protocol,
        quantiles=(0.95,),
    )
    base = f"{protocol}.pool"
    wait_for(lambda: len(web.find(f"{base}.size.*")) == 2, limit=20, what="both labels")
    assert rendered(web, f"{base}.size.state-idle") == {f"{base}.size.state-idle": 3}
    assert list(rendered(web, f"sumSeries({base}.size.state-*)").values()) == [7]
    assert rendered(web, f"{base}.wait.p95") == {f"{base}.wait.p95": 0.95}
    assert web.find(f"{base}.wait.*") == [f"{base}.wait.{p}" for p in ("count", "p95", "sum")]


def test_templates_are_rendered(graphite):
    """A label's value as a segment."""
    carbon, web = graphite
    paths = {"http.*": "{name}.{route}"}
    send(carbon, (counter("http.hits", route="buy"), 9), prefix="tpl", paths=paths)
    assert rendered(web, "tpl.http.hits.buy") == {"tpl.http.hits.buy": 9}


def test_tags_are_indexed(graphite):
    """Series are found by any of them."""
    carbon, web = graphite
    send(
        carbon,
        (gauge("tagged.size", state="idle", pool="a"), 3),
        (gauge("tagged.size", state="used", pool="a"), 4),
        prefix="",
        tags=True,
    )
    wait_for(lambda: "pool" in web.tags(), limit=20, what="the tags")
    target = "seriesByTag('name=tagged.size', 'state=idle')"
    assert rendered(web, target) == {"tagged.size;pool=a;state=idle": 3}
    both = "seriesByTag('name=tagged.size')"
    wait_for(lambda: len(web.render(both)) == 2, limit=20, what="both series")
    assert list(rendered(web, f"sumSeries({both})").values()) == [7]


def test_hostile_labels_are_found_and_rendered(graphite):
    """Each path of theirs is one that graphite-web's grammar can name."""
    carbon, web = graphite
    entries = [e for e in hostile() if e[0].name == "pool.states"]
    send(carbon, *entries, prefix="odd")
    wait_for(
        lambda: len(web.find("odd.pool.states.*")) == len(entries), limit=20, what="every path"
    )
    for path in web.find("odd.pool.states.*"):
        ((name, value),) = rendered(web, path).items()
        assert name == path
        assert value in {number for _, number in entries}
