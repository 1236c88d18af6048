"""DogStatsD's lines: those that Datadog's own package writes."""

from __future__ import annotations

import re
import socket

import pytest
from hypothesis import given, settings

from sampler.agent import UNCONFIRMED, HistogramValue
from sampler_dogstatsd import DogStatsD
from tests.adapters.one_of_each import SHOT, SINCE
from tests.adapters.shapes import (
    IDENTITY,
    counter,
    gauge,
    histogram,
    snapshot,
    snapshot_of,
    snapshots,
)
from tests.support.doubles import DatagramSink
from tests.support.waiting import wait_for

LINE = re.compile(
    r"[a-z][a-z0-9_.]*:(?P<value>-?[0-9][0-9.e+-]*)\|(?P<type>[cgd])(\|@0\.[0-9]+)?(\|#(?P<tags>.+))?"
)


def texts(shot, since=None, adapter=None):
    """Return the lines of all batches."""
    batches = list((adapter or DogStatsD(tags={})).encode(shot, since or {}))
    assert sum(batch.entries for batch in batches) == len(shot)
    frames = [frame for batch in batches for frame in batch.frames]
    return [line for frame in frames for line in frame.decode().split("\n")]


def test_each_kind_of_series_has_its_lines():
    """Increases of counters and histograms, gauges as they are, also below zero."""
    assert texts(SHOT, SINCE) == [
        "pool.size:4|g|#x:1",
        "pool.outs:2|c",
        "pool.wait.count:3|c|#a:b",
        "pool.wait.sum:9.0|c|#a:b",
        "pool.low:-2.5|g",
    ]


def test_who_measures_is_a_tag_of_every_metric():
    """A container is not: its agent knows it. An own tag of such a name gets an underscore."""
    adapter = DogStatsD(tags={"service": "{service}", "env": "prod", "host": "x", "none": ""})
    shot = snapshot((gauge("a.b", service="other", device="d", env="prod"), 1))
    assert texts(shot, adapter=adapter) == [
        "a.b:1|g|#device_:d,env:prod,host_:x,service:shop,service_:other"
    ]
    (line,) = texts(snapshot((gauge("a.b"), 1)), adapter=DogStatsD())
    assert line == "a.b:1|g|#instance:web.example:0,service:shop"


def test_another_identity_has_other_tags():
    """As in a child after a fork."""
    adapter, shot = DogStatsD(tags={"i": "{instance}"}), snapshot((gauge("a.b"), 1))
    assert texts(shot, adapter=adapter) == ["a.b:1|g|#i:0"]
    other = snapshot_of(*shot.blocks, identity={**IDENTITY, "instance": "5"})
    assert texts(other, adapter=adapter) == ["a.b:1|g|#i:5"]


def test_nothing_is_written_of_what_has_not_changed():
    """But gauges, which an agent forgets."""
    series = counter("a.hits"), histogram("a.wait"), gauge("a.size")
    values = 5, HistogramValue(2, 1.0, ((1.0, 2),)), 7
    shot = snapshot(*zip(series, values, strict=True))
    assert texts(shot, dict(zip(series[:2], values[:2], strict=True))) == ["a.size:7|g"]


def test_a_distribution_has_as_many_observations_as_each_bucket():
    """As the middle of the bucket, with the sample rate that stands for so many."""
    value = HistogramValue(9, 7.5, ((0.5, 1), (1.0, 4), (2.0, 4), (4.0, 8)))
    adapter = DogStatsD(histograms="distributions", tags={})
    found = texts(snapshot((histogram("a.wait", x="y"), value)), adapter=adapter)
    assert found == [
        "a.wait:0.5|d|#x:y",
        "a.wait:0.75|d|@0.33333333333333331483|#x:y",
        "a.wait:3.0|d|@0.25000000000000000000|#x:y",
        "a.wait:4.0|d|#x:y",
    ]
    rates = [float(line.partition("|@")[2].partition("|")[0] or 1) for line in found]
    assert sum(round(1 / rate) for rate in rates) == value.count


@pytest.mark.parametrize("count", [1, 2, 3, 7, 10, 49, 999_983, 10**9, 2**40 + 1])
def test_a_rate_gives_the_count_back(count):
    """Whatever it is; without an exponent, which not every receiver reads."""
    adapter = DogStatsD(histograms="distributions", tags={})
    shot = snapshot((histogram("a.wait"), HistogramValue(count, 1.0, ((1.0, count),))))
    (line,) = texts(shot, adapter=adapter)
    rate = line.partition("|@")[2] or "1"
    assert re.fullmatch(r"[01](\.[0-9]+)?", rate)
    assert round(1 / float(rate)) == pytest.approx(count, rel=1e-6)


def test_the_middle_of_two_large_bounds_is_a_number():
    """Though their sum is too large for one."""
    adapter = DogStatsD(histograms="distributions", tags={})
    shot = snapshot((histogram("a.wait"), HistogramValue(1, None, ((1e308, 0), (1.5e308, 1)))))
    assert texts(shot, adapter=adapter) == ["a.wait:1.25e+308|d"]


def test_tags_that_datadog_would_merge_are_a_collision():
    """It reads them without capitals."""
    shot = snapshot((gauge("a.b", x="Yes"), 1), (gauge("a.b", x="yes"), 2))
    (batch,) = DogStatsD(tags={}).encode(shot, {})
    assert (batch.samples, batch.refused) == (1, {"collision": 1})


@settings(max_examples=30)
@given(snapshots())
def test_any_snapshot_has_lines_that_are_whole(shot):
    """Whatever its names, labels and values are; tags that differ stay different."""
    for distributions in ("sums", "distributions"):
        adapter = DogStatsD(histograms=distributions, max_datagram=1432)
        batches = list(adapter.encode(shot, {}))
        assert sum(batch.entries for batch in batches) == len(shot)
        for batch in batches:
            assert sum(map(len, batch.frames)) <= 1432
            for line in b"".join(batch.frames).decode().split("\n") if batch.frames else ():
                assert LINE.fullmatch(line), line


def test_lines_are_those_of_datadogs_own_package():
    """For each type, with tags and rates."""
    base = pytest.importorskip("datadog.dogstatsd.base")
    client = base.DogStatsd(disable_telemetry=True, origin_detection_enabled=False)
    client._container_id = None
    words = {"c": "c", "g": "g", "d": "d"}
    value = HistogramValue(9, 7.5, ((0.5, 1), (1.0, 4)))
    adapter = DogStatsD(histograms="distributions", tags={"service": "{service}"})
    shot = snapshot(
        (gauge("a.low", state="idle"), -2.5),
        (counter("a.hits", route="/buy/x"), 7),
        (histogram("a.wait", x="y z"), value),
    )
    lines = texts(shot, adapter=adapter)
    assert len(lines) == 5
    for line in lines:
        name, _, rest = line.partition(":")
        number, kind, *more = rest.split("|")
        rate = next((float(each[1:]) for each in more if each[0] == "@"), 1)
        tags = next(each[1:].split(",") for each in more if each[0] == "#")
        written = client._serialize_metric(name, words[kind], float(number), tags, rate)
        assert _parsed(line) == _parsed(written)


def _parsed(line):
    name, _, rest = line.partition(":")
    number, kind, *more = rest.split("|")
    rates = [float(each[1:]) for each in more if each[0] == "@"]
    return name, float(number), kind, rates, [each for each in more if each[0] == "#"]


def test_what_is_sent_arrives_by_udp_and_on_a_unix_socket(tmp_path):
    """And is never counted as delivered: nobody confirms it."""
    shot = snapshot((gauge("a.b"), 1))
    with DatagramSink() as sink:
        adapter = DogStatsD(port=sink.port, tags={})
        (batch,) = adapter.encode(shot, {})
        assert adapter.send(batch, 5.0) is UNCONFIRMED
        wait_for(lambda: sink.lines == [b"a.b:1|g"], what="the datagram")
        adapter.close()
    path = str(tmp_path / "dsd.socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
        daemon.bind(path)
        adapter = DogStatsD(path=path, tags={})
        (batch,) = adapter.encode(shot, {})
        assert adapter.send(batch, 5.0) is UNCONFIRMED
        assert daemon.recv(100) == b"a.b:1|g"
        adapter.close()


def test_losses_are_what_a_line_has_no_place_for():
    """Unit, help, time and zeros; a distribution's observations are estimated."""
    assert texts(snapshot((counter("lost.none"), 0))) == []
    series = counter("lost.hits", "s", "Help.")
    (line,) = texts(snapshot((series, 2**53 + 1)))
    assert line == f"lost.hits:{2**53 + 1}|c"
    assert set(DogStatsD.unsupported) == {
        "unit",
        "help",
        "precision",
        "timestamps",
        "histograms",
        "zeros",
    }
