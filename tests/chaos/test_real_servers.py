"""The protocols' own servers behind a network that fails in every way a proxy can."""

from __future__ import annotations

import pytest

from sampler_prometheus import Pushgateway
from tests.chaos.delivering import Rig, counted, graphite, statsd
from tests.support.ports import HOST
from tests.support.proxy import Proxy
from tests.support.servers import Carbon
from tests.support.waiting import wait_for


def fail_in_turn(rig: Rig, proxy: Proxy, name: str) -> None:
    """Refuse, reset in the middle, be slow, be late, and go dark; each for some pulls."""
    rig.pulls(2)
    proxy.refuse()
    rig.fails(name)
    rig.pulls(2)
    proxy.listen()
    rig.settled(name)
    for after in (0, 1, 500):
        proxy.reset_after = after
        rig.pulls(2)
    proxy.reset_after = None
    rig.settled(name)
    proxy.latency, proxy.bandwidth, proxy.hold_close = 0.02, 200_000.0, 0.05
    rig.pulls(2)
    proxy.latency = proxy.bandwidth = proxy.hold_close = 0.0
    proxy.blackhole()
    rig.pulls(6)
    proxy.listen()
    rig.pulls(2)
    rig.settled(name)
    assert proxy.most <= 3  # one open, and what the proxy has not yet let go of


@pytest.mark.scenario(1, 3, 4, 5)
def test_carbon_has_every_point(launch, monkeypatch):
    """On disk, with its value and its second."""
    carbon = launch(Carbon, retention="1s:2h")
    with Proxy((HOST, carbon.line_port), buffer=2048) as proxy:
        rig = Rig(monkeypatch, timeout=0.5, graphite=graphite(proxy.port))
        fail_in_turn(rig, proxy, "graphite")
        rig.stop()
        balance = rig.balance("graphite")
        assert balance.delivered + balance.unconfirmed == balance.collected
        points = [line.decode().split() for line in rig.truth.lines]

        def stored() -> int:
            found = {path: carbon.series(path) for path in {path for path, *_ in points}}
            return sum(found[path].get(int(t)) == float(value) for path, value, t in points)

        wait_for(lambda: stored() >= balance.delivered, limit=30, what="carbon to write")
        assert balance.delivered <= stored() <= balance.delivered + balance.unconfirmed
        written = {path for path in carbon.paths() if not path.startswith("carbon.")}
        assert written == {path for path, *_ in points}, "no foreign name"


@pytest.mark.scenario(1, 4, 5)
def test_statsd_counts_nothing_twice(statsd_behind, monkeypatch):
    """What is missing was called unconfirmed; no line is foreign."""
    daemon, proxy = statsd_behind
    rig = Rig(monkeypatch, timeout=0.5, statsd=statsd(proxy.port, transport="tcp"))
    fail_in_turn(rig, proxy, "statsd")
    rig.stop()
    balance = rig.balance("statsd")
    assert balance.unconfirmed > 0, "it was reset in the middle"
    assert balance.delivered > 0
    lines = [line.encode() for packet in daemon.packets() for line in packet.splitlines()]
    assert 0 < counted(lines) <= rig.source.grown
    assert daemon.own_counts()["bad_lines_seen"] == 0
    assert daemon.running


@pytest.fixture
def statsd_behind(request):
    """A statsd of the test's own, and a proxy in front of it."""
    daemon = request.getfixturevalue("statsd")
    with Proxy((HOST, daemon.port), buffer=2048) as proxy:
        yield daemon, proxy


@pytest.mark.scenario(1, 3, 4, 5)
def test_a_gateway_has_the_last_push(pushgateway, monkeypatch):
    """Whole, whatever happened before."""
    with Proxy((HOST, pushgateway.port), buffer=2048) as proxy:
        adapter = Pushgateway(url=f"http://{HOST}:{proxy.port}", gzip=False, delete_on_stop=False)
        rig = Rig(monkeypatch, timeout=0.5, gateway=adapter)
        fail_in_turn(rig, proxy, "gateway")
        rig.stop()
        balance = rig.balance("gateway")
        assert balance.delivered > 0
        assert balance.unconfirmed == 0
        found = {name: value for (name, _), value in pushgateway.samples().items()}
        assert found["source_jobs_total"] == 7 * rig.source.pulls
        assert found["source_level"] == rig.source.pulls
