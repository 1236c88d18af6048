"""Remote write on real servers: what arrives is what was read, and what is refused is alone."""

from __future__ import annotations

import math
import time

import pytest

pytest.importorskip("cramjam")

from sampler.agent import DELIVERED, Batch, HistogramValue, Rejected, Snapshot
from sampler_prometheus._text import TEXT
from sampler_remote_write import RemoteWrite
from sampler_remote_write._encoder_2 import Encoder2
from tests.adapters.shapes import IDENTITY, block, counter, gauge, histogram
from tests.adapters.test_prometheus_openmetrics import page, samples
from tests.adapters.test_real_receivers import hostile
from tests.support.sending import delivered
from tests.support.servers import NewPrometheus, Prometheus, VictoriaMetrics
from tests.support.waiting import wait_for

RECEIVER = "--web.enable-remote-write-receiver"
NATIVE = "--enable-feature=native-histograms"
WHO = {"job": "shop", "instance": "web.example:0"}
SERVERS = {"2.x": (Prometheus, [RECEIVER]), "3.x": (NewPrometheus, [RECEIVER, NATIVE])}


@pytest.fixture(scope="module", params=SERVERS)
def prometheus(launch_session, request):
    """A server that takes remote write; each test has series of its own."""
    kind, options = SERVERS[request.param]
    return launch_session(kind, options=options)


@pytest.fixture(scope="module")
def newest(launch_session):
    """A server that takes native histograms."""
    return launch_session(NewPrometheus, options=[RECEIVER, NATIVE])


@pytest.fixture(scope="module")
def victoria(launch_session):
    return launch_session(VictoriaMetrics)


def adapter_for(server, **keys):
    return RemoteWrite(url=f"{server.url}/api/v1/write", **keys)


def shot(*entries, at=None):
    now = time.time() if at is None else at
    return Snapshot((block(*entries, time=now),), now, now, IDENTITY)


def wanted(snapshot):
    """Return {(name, labels): value} of our own page."""
    served = samples(page(snapshot, TEXT), TEXT)
    return {
        (name, tuple(sorted({**dict(pairs), **WHO}.items()))): float(value)
        for (name, pairs), value in served.items()
    }


def key(labels):
    return labels["__name__"], tuple(
        sorted((name, text) for name, text in labels.items() if name != "__name__")
    )


def spelled(found):
    """Prometheus 3 has its own spelling of bounds, and adapters that of Go."""
    return {
        (name, tuple((k, str(float(text)) if k == "le" else text) for k, text in pairs)): value
        for (name, pairs), value in found.items()
    }


def stored(server, matcher='{job="shop"}'):
    return {key(item["metric"]): float(item["value"][1]) for item in server.query(matcher)}


def same(found, value):
    """VictoriaMetrics keeps decimals: it has no numbers that small, and no last bit."""
    return math.isclose(found, value, rel_tol=1e-12, abs_tol=1e-300)


def test_prometheus_stores_each_entry_and_nothing_else(launch):
    """Hostile ones, on both major versions."""
    for kind, options in SERVERS.values():
        server = launch(kind, options=options)
        snapshot = shot(*hostile())
        balance = delivered(adapter_for(server), [snapshot])
        assert balance.delivered == len(snapshot)
        found, expected = spelled(stored(server)), spelled(wanted(snapshot))
        assert found.keys() == expected.keys()
        assert all(same(found[each], value) for each, value in expected.items())


def test_victoria_metrics_stores_each_entry_with_its_time(victoria):
    """To the millisecond."""
    snapshot = shot(*hostile())
    assert delivered(adapter_for(victoria), [snapshot]).delivered == len(snapshot)
    expected = wanted(snapshot)

    def all_there():
        return len(victoria.exported('{job="shop"}')) >= len(expected)

    wait_for(all_there, what="what was written")
    found = {}
    for row in victoria.exported('{job="shop"}'):
        assert row["timestamps"] == [int(snapshot.time * 1000)]
        found[key(row["metric"])] = row["values"][0]
    assert found.keys() == expected.keys()
    assert all(same(float(found[each]), value) for each, value in expected.items())


def test_whether_it_answers_is_asked_without_a_sample(prometheus, victoria):
    """By a request that is empty."""
    for server in (prometheus, victoria):
        assert adapter_for(server).send(Batch((), 0), 10.0) is DELIVERED


def test_a_series_that_ends_is_gone_at_once(prometheus):
    """Instead of five minutes later; the others stay, and it may come back."""
    adapter, now = adapter_for(prometheus), time.time() - 20
    stays, ends = gauge("ends.stays"), gauge("ends.ends")
    waits = histogram("ends.wait", "s")
    value = HistogramValue(1, 2.0, ((1.0, 1),))
    query = '{__name__=~"ends_.*"}'
    delivered(adapter, [shot((stays, 1), (ends, 2), (waits, value), at=now)])
    assert len(prometheus.query(query)) == 6
    assert delivered(adapter, [shot((stays, 3), at=now + 1)]).delivered == 1
    assert {name: v for (name, _), v in stored(prometheus, query).items()} == {"ends_stays": 3}
    delivered(adapter, [shot((stays, 3), (ends, 4), at=now + 2)])
    assert len(prometheus.query(query)) == 2


def test_a_clean_stop_ends_all_series_unless_it_is_a_job(prometheus):
    """Whose numbers are for others to read later."""
    for keys, left in (({}, []), ({"end_on_stop": False}, [5.0])):
        adapter = adapter_for(prometheus, labels={"job": f"stop{len(left)}"}, **keys)
        delivered(adapter, [shot((gauge("stop.size"), 5), at=time.time() - 1)])
        adapter.close()
        adapter.close()
        assert list(stored(prometheus, f'{{job="stop{len(left)}"}}').values()) == left


def test_only_what_is_out_of_order_is_refused(prometheus):
    """One of 500 entries; the rest of its request arrives."""
    now = time.time() - 30
    entries = [(gauge("order.size", n=str(n)), n) for n in range(500)]
    early = entries[333]
    delivered(adapter_for(prometheus), [shot(early, at=now + 10)])
    balance = delivered(adapter_for(prometheus), [shot(*entries, at=now)])
    assert (balance.delivered, balance.dropped["rejected"]) == (499, 1)
    assert len(prometheus.query("order_size")) == 500


def test_a_marker_that_is_refused_costs_no_entry(prometheus):
    """It is left out of a second request at once."""
    now = time.time() - 30
    adapter = adapter_for(prometheus)
    stays, ends = gauge("marker.stays"), gauge("marker.ends")
    delivered(adapter, [shot((stays, 1), (ends, 2), at=now)])
    delivered(adapter_for(prometheus), [shot((ends, 3), at=now + 20)])
    balance = delivered(adapter, [shot((stays, 4), at=now + 10)])
    assert (balance.delivered, sum(balance.dropped.values())) == (1, 0)
    assert sorted(stored(prometheus, '{__name__=~"marker_.*"}').values()) == [3, 4]


def test_a_request_that_is_sent_twice_does_no_harm(prometheus):
    """As after a reply that got lost."""
    adapter = adapter_for(prometheus)
    (batch,) = adapter.encode(shot((counter("twice.hits"), 5)), {})
    assert adapter.send(batch, 10.0) is adapter.send(batch, 10.0) is DELIVERED
    (found,) = prometheus.query("count_over_time(twice_hits_total[5m])")
    assert found["value"][1] == "1"


@pytest.mark.parametrize("ahead", [600, 2 * 86_400])
def test_a_clock_that_is_far_ahead_spoils_nothing(prometheus, ahead):
    """Nothing is written, not even first: such a sample would have today's refused."""
    adapter, now = adapter_for(prometheus), time.time()
    series = gauge(f"ahead.by{ahead}")
    (batch,) = adapter.encode(shot((series, 1), at=now + ahead), {})
    with pytest.raises(Rejected, match="clock of this host is far ahead") as refused:
        adapter.send(batch, 10.0)
    assert (refused.value.reason, refused.value.samples) == ("in_future", 1)
    assert delivered(adapter, [shot((series, 2), at=now)]).delivered == 1
    assert list(stored(prometheus, f"ahead_by{ahead}").values()) == [2]


def test_native_histograms_arrive_whole(newest):
    """With all buckets, a sum and a count: quantiles are those of the instrument."""
    buckets = ((0.0, 0), (0.5, 0), (2.0**-0.875, 5), (1.0, 5), (2.0**0.125, 10))
    value = HistogramValue(10, 7.5, buckets, 3)
    own = HistogramValue(4, -1.5, ((-1.0, 1), (3.0, 4)))
    entries = [(histogram("native.wait", "s"), value), (histogram("native.own"), own)]
    delivered(adapter_for(newest, histograms="native"), [shot(*entries)])
    for function, expected in (("count", 10), ("sum", 7.5)):
        (found,) = newest.query(f"histogram_{function}(native_wait_seconds)")
        assert float(found["value"][1]) == expected
    (found,) = newest.query("native_wait_seconds")
    assert [float(each[3]) for each in found["histogram"][1]["buckets"]] == [5, 5]
    assert [float(each[2]) for each in found["histogram"][1]["buckets"]] == pytest.approx(
        [2.0**-0.875, 2.0**0.125]
    )
    (found,) = newest.query("native_own")
    assert [float(each[2]) for each in found["histogram"][1]["buckets"]] == [-1.0, 3.0]
    assert [float(each[3]) for each in found["histogram"][1]["buckets"]] == [1, 3]


def test_a_native_histogram_that_ends_is_gone_at_once(newest):
    """By a marker of its own."""
    adapter, now = adapter_for(newest, histograms="native"), time.time() - 10
    value = HistogramValue(1, 2.0, ((1.0, 0), (2.0, 1)), 0)
    stays = (gauge("over.stays"), 1)
    delivered(adapter, [shot(stays, (histogram("over.wait"), value), at=now)])
    assert len(newest.query("over_wait")) == 1
    delivered(adapter, [shot(stays, at=now + 1)])
    assert newest.query("over_wait") == []


def test_native_histograms_that_a_server_does_not_take_are_dropped_alone(launch):
    """Instead of being tried again for ever: it answers 500."""
    server = launch(NewPrometheus, options=[RECEIVER])
    value = HistogramValue(1, 2.0, ((1.0, 0), (2.0, 1)), 0)
    entries = [
        (histogram("off.wait"), value),
        *((gauge("off.size", n=str(n)), n) for n in range(9)),
    ]
    balance = delivered(adapter_for(server, histograms="native"), [shot(*entries)])
    assert (balance.delivered, balance.dropped["unsupported"]) == (9, 1)
    assert len(server.query("off_size")) == 9


def test_losses_are_what_the_server_does_not_have(prometheus):
    """Help and kind, large integers, and a native histogram's unknown sum."""
    entry = counter("lost.hits", "", "Help that is lost.")
    unknown = (histogram("lost.wait"), HistogramValue(3, None, ((1.0, 3),)))
    delivered(adapter_for(prometheus), [shot((entry, 2**53 + 1), unknown)])
    found = {name: v for (name, _), v in stored(prometheus, '{__name__=~"lost_.*"}').items()}
    assert found["lost_hits_total"] == float(2**53)
    assert "lost_wait_sum" not in found
    assert prometheus.metadata("lost_hits_total") == prometheus.metadata("lost_hits") == {}
    assert set(RemoteWrite.unsupported) == {"unit", "help", "kind", "precision", "histograms"}


def test_an_unknown_sum_of_a_native_histogram_is_0(newest):
    """A native one has always a sum."""
    unknown = (histogram("lost.native"), HistogramValue(3, None, ((1.0, 3),)))
    delivered(adapter_for(newest, histograms="native"), [shot(unknown)])
    (found,) = newest.query("histogram_sum(lost_native)")
    assert found["value"][1] == "0"


def test_version_2_is_read_by_prometheus_3(launch):
    """Hostile entries, and native histograms."""
    server = launch(NewPrometheus, options=[RECEIVER, NATIVE])
    snapshot = shot(*hostile())
    adapter = adapter_for(server, protocol="2.0")
    assert delivered(adapter, [snapshot]).delivered == len(snapshot)
    found, expected = spelled(stored(server)), spelled(wanted(snapshot))
    assert found.keys() == expected.keys()
    assert all(same(found[each], value) for each, value in expected.items())
    assert isinstance(adapter._encoder, Encoder2)
    value = HistogramValue(10, 7.5, ((0.5, 0), (1.0, 5), (2.0, 10)), 0)
    native = adapter_for(server, protocol="2.0", histograms="native")
    delivered(native, [shot((histogram("two.wait", "s"), value))])
    (result,) = server.query("histogram_sum(two_wait_seconds)")
    assert result["value"][1] == "7.5"
    adapter.close()
    assert server.query('{__name__=~"pool_.*"}') == []


def test_of_version_2_only_what_is_out_of_order_is_refused(newest):
    """One of 100 entries; a series that ends is gone at once."""
    now = time.time() - 30
    entries = [(gauge("order2.size", n=str(n)), n) for n in range(100)]
    ends = gauge("order2.ends")
    delivered(adapter_for(newest), [shot(entries[33], at=now + 10)])
    adapter = adapter_for(newest, protocol="2.0")
    delivered(adapter, [shot((ends, 1), at=now - 1)])
    balance = delivered(adapter, [shot(*entries, at=now)])
    assert (balance.delivered, balance.dropped["rejected"]) == (99, 1)
    assert len(newest.query("order2_size")) == 100
    assert newest.query(f"order2_ends @ {now + 1:.3f}") == []


@pytest.mark.parametrize("kind", [Prometheus, VictoriaMetrics])
def test_a_server_that_does_not_read_version_2_gets_version_1(launch, caplog, kind):
    """It answers 204 and stores nothing; that is seen, said once, and nothing is lost."""
    server = launch(kind, **({"options": [RECEIVER]} if kind is Prometheus else {}))
    adapter, now = adapter_for(server, protocol="2.0"), time.time() - 10
    entries = [(gauge("old.size", n=str(n)), n + 1) for n in range(9)]
    snapshots = [shot(*entries, at=now + second) for second in range(3)]
    assert delivered(adapter, snapshots).delivered == 27
    assert caplog.text.count("does not read protocol 2.0") == 1
    if kind is Prometheus:
        found = server.query("count_over_time(old_size[1m])")
        assert [item["value"][1] for item in found] == ["3"] * 9
    else:
        wanted_ = {str(n): [n + 1] * 3 for n in range(9)}
        wait_for(
            lambda: {r["metric"]["n"]: r["values"] for r in server.exported()} == wanted_,
            what="what was written",
        )
