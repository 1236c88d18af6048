"""InfluxDB's line protocol on a real InfluxDB, by HTTP and UDP."""

from __future__ import annotations

import time

import pytest

from sampler.agent import DELIVERED, UNCONFIRMED, Batch, HistogramValue, Rejected, Snapshot
from sampler_influx import Influx, InfluxUDP
from tests.adapters.shapes import IDENTITY, block, counter, gauge, histogram
from tests.adapters.test_real_receivers import hostile, same
from tests.support.influxdb import DATABASE
from tests.support.ports import HOST
from tests.support.sending import delivered
from tests.support.servers import InfluxDB, VictoriaMetrics
from tests.support.waiting import wait_for

WHO = {"service": "shop", "host": "web.example", "instance": "0"}


@pytest.fixture(scope="module")
def server(launch_session):
    return launch_session(InfluxDB)


def http(server, **keys):
    return Influx(url=server.url, database=DATABASE, **keys)


def shot(*entries, at=None):
    now = time.time() if at is None else at
    return Snapshot((block(*entries, time=now),), now, now, IDENTITY)


def check(snapshot, points):
    """Each entry is one point, whose tags tell it from the others."""
    assert len(points) == len(snapshot)
    found = {}
    for point in points:
        assert WHO.items() <= point["tags"].items()
        assert point["fields"].pop("time") == int(snapshot.time * 1e6) * 1000
        tags = {key: text for key, text in point["tags"].items() if key not in WHO}
        found[point["name"], tuple(sorted(tags.items()))] = point["fields"]
    assert len(found) == len(snapshot)
    names = sorted((series.name, len(series.labels)) for series, _ in snapshot)
    assert sorted((name, len(tags)) for name, tags in found) == names
    return found


@pytest.mark.parametrize("gzip", [True, False])
def test_influxdb_stores_each_entry_and_nothing_else(launch, gzip):
    """Hostile ones, told apart by their tags, with their time to the microsecond."""
    server = launch(InfluxDB)
    snapshot = shot(*hostile())
    assert delivered(http(server, gzip=gzip), [snapshot]).delivered == len(snapshot)
    found = check(snapshot, server.points())
    values = sorted(fields["value"] for fields in found.values() if "value" in fields)
    wanted = sorted(float(v) for _, v in snapshot if not isinstance(v, HistogramValue))
    assert all(same(one, other) for one, other in zip(values, wanted, strict=True))
    for series, value in snapshot:
        plain = all(text.isalnum() and text.isascii() for text in series.labels.values())
        if plain and not isinstance(value, HistogramValue) and "time" not in series.labels:
            tags = {f"{k}_" if k == "instance" else k: v for k, v in series.labels.items()}
            assert same(found[series.name, tuple(sorted(tags.items()))]["value"], value)


def test_texts_come_back_as_they_were(server):
    """Commas, spaces, quotes and letters of any language; control characters are marked."""
    texts = ["a b", "a,b", "a=b", 'say "x"', "ü日本", "'", "a#b", "%41", "  ", "C:/x"]
    texts += ["new\nline", "end\\", "nul\0", "x-" + "a7" * 13]
    snapshot = shot(*((gauge("texts.size", word=text), n) for n, text in enumerate(texts)))
    assert delivered(http(server), [snapshot]).delivered == len(texts)
    points = server.points('"texts.size"')
    found = {point["fields"]["value"]: point["tags"]["word"] for point in points}
    assert [found[n] for n in range(10)] == texts[:10]
    assert [found[n].rpartition("-")[0] for n in range(10, 13)] == ["new_line", "end", "nul"]
    assert len(set(found.values())) == len(texts)


def test_a_histogram_is_one_point(server):
    """Its buckets, its count and its sum are fields, of floats as all are."""
    value = HistogramValue(3, 1.5, ((0.5, 1), (2.0, 3)))
    exponential = HistogramValue(5, None, ((1.0, 0), (2.0, 5)), 0)
    entries = (histogram("hist.wait", "s"), value), (histogram("hist.exp", "s"), exponential)
    delivered(http(server), [shot(*entries)])
    (point,) = server.points('"hist.wait"')
    point["fields"].pop("time")
    assert point["fields"] == {"count": 3.0, "sum": 1.5, "le_0.5": 1.0, "le_2.0": 3.0}
    (point,) = server.points('"hist.exp"')
    assert (point["fields"]["le_1.0"], point["fields"]["le_2.0"]) == (0.0, 5.0)
    assert "sum" not in point["fields"]


def test_a_field_has_one_type_for_ever(server):
    """A gauge that is 1, and then 0.5."""
    series, adapter = gauge("types.size"), http(server)
    now = time.time() - 5
    shots = [shot((series, value), at=now + n) for n, value in enumerate((1, 0.5, 2**53))]
    assert delivered(adapter, shots).delivered == 3
    assert len(server.points('"types.size"')) == 3


def test_labels_that_are_called_as_fields_get_an_underscore(server):
    """And one that is called as a tag of who measures."""
    series = gauge("named.size", value="1", time="2", sum="3", host="other")
    delivered(http(server), [shot((series, 4))])
    (point,) = server.points('"named.size"')
    assert point["tags"] == {**WHO, "value_": "1", "time_": "2", "sum_": "3", "host_": "other"}
    assert point["fields"]["value"] == 4


def test_only_the_point_that_influxdb_refuses_is_dropped(server):
    """It says how many those are: one whose field has another type there."""
    body = b'conflict.size value="text"\n'
    Influx(url=server.url, database=DATABASE).post(
        f"/write?db={DATABASE}", "text/plain", body, 10.0
    )
    entries = [(gauge(f"conflict.{name}"), 1) for name in ("a", "size", "b")]
    balance = delivered(http(server), [shot(*entries)])
    assert (balance.delivered, balance.dropped["rejected"]) == (2, 1)
    stored = {point["name"] for point in server.points()}
    assert {"conflict.a", "conflict.b"} <= stored


def test_a_line_that_it_cannot_read_is_found_by_halves(server):
    """As another server might have with a name."""
    adapter = http(server)
    (batch,) = adapter.encode(shot(*((gauge("halves.size", n=str(n)), n) for n in range(20))), {})
    bad = batch.frames[0].replace(b"value=13.0", b"value=oops")

    class Spoiled(Influx):
        def encode(self, snapshot, since):
            yield Batch((bad,), 20)

    balance = delivered(Spoiled(url=server.url, database=DATABASE), [shot()])
    assert (balance.delivered, balance.dropped["rejected"]) == (19, 1)
    assert len(server.points('"halves.size"')) == 19


def test_a_database_that_is_not_there_is_said(server):
    """With the server's words."""
    adapter = Influx(url=server.url, database="nonesuch")
    assert adapter.send(Batch((), 0), 10.0) is DELIVERED
    (batch,) = adapter.encode(shot((gauge("a.b"), 1)), {})
    with pytest.raises(Rejected, match="database not found"):
        adapter.send(batch, 10.0)


def test_by_udp_each_entry_arrives_too(launch):
    """In datagrams that fit any Ethernet."""
    server = launch(InfluxDB)
    adapter = InfluxUDP(host=HOST, port=server.udp_port)
    snapshot = shot(*((counter("udp.hits", n=str(n)), n) for n in range(200)))
    batches = list(adapter.encode(snapshot, {}))
    assert len(batches) > 5
    for batch in batches:
        assert sum(map(len, batch.frames)) <= 1432
        assert adapter.send(batch, 10.0) is UNCONFIRMED
    wait_for(lambda: len(server.points()) == 200, what="the points")
    check(snapshot, server.points())
    adapter.close()


def test_version_2s_path_is_taken_by_a_store_that_has_it(launch):
    """VictoriaMetrics reads both; the bucket and the organisation have no meaning there."""
    server = launch(VictoriaMetrics)
    adapter = Influx(url=server.url, bucket="b", org="o")
    entries = [(gauge("two.size", n=str(n)), n + 1) for n in range(5)]
    assert delivered(adapter, [shot(*entries)]).delivered == 5
    wait_for(lambda: len(server.exported()) >= 5, what="the points")
    found = {row["metric"]["n"]: row["values"] for row in server.exported()}
    assert found == {str(n): [n + 1] for n in range(5)}


@pytest.mark.parametrize(
    ("keys", "wrong"),
    [
        ({}, "database: set it"),
        ({"database": "a", "bucket": "b"}, "database: set it"),
        ({"database": "a", "org": "b"}, "org"),
        ({"bucket": "a", "retention_policy": "b"}, "retention_policy"),
    ],
)
def test_keys_that_contradict_each_other_are_refused(keys, wrong):
    """With what to do."""
    with pytest.raises(ValueError, match=wrong):
        Influx(**keys)


def test_losses_are_what_influxdb_does_not_have(server):
    """No unit, no help, no kind; large integers are rounded; histograms are fields."""
    delivered(http(server), [shot((counter("lost.hits", "s", "Help."), 2**53 + 1))])
    (point,) = server.points('"lost.hits"')
    assert point["fields"]["value"] == float(2**53)
    assert point["tags"] == WHO
    assert set(Influx.unsupported) == {"unit", "help", "kind", "precision", "histograms"}
    assert Influx.unsupported == InfluxUDP.unsupported
