"""The ``statsd`` adapter: texts as the daemon reads them, and datagrams that are not lost."""

from __future__ import annotations

import re
import subprocess
import sys
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from statsd import StatsClient

from sampler.agent import ABSENT, UNCONFIRMED, Batch, HistogramValue, Rejected, Unavailable
from sampler_statsd import StatsD
from tests.adapters.shapes import (
    PREFIX,
    counter,
    counter_values,
    gauge,
    gauge_values,
    histogram,
    snapshot,
    snapshots,
    texts,
)
from tests.support.doubles import DatagramSink
from tests.support.ports import HOST, hold_ports
from tests.support.waiting import wait_for


class Daemon:
    """Reads packets as statsd 0.9.0 does (stats.js, handlePacket), strictly."""

    def __init__(self):
        self.gauges = {}
        self.counters = {}

    def read(self, packet):
        for line in packet.decode("ascii").split("\n"):
            key, value, kind = re.fullmatch(r"([A-Za-z0-9_.-]+):([^:|]+)\|([cg])", line).groups()
            assert all(0 < len(part) <= 200 for part in key.split("."))
            number = float(value)
            if kind == "c":
                self.counters[key] = self.counters.get(key, 0) + Fraction(number)
            elif value[0] in "+-" and self.gauges.get(key):
                self.gauges[key] += number
            else:
                self.gauges[key] = number


def packets(adapter, shot, since=None):
    return [frame for batch in adapter.encode(shot, since or {}) for frame in batch.frames]


def test_entries_are_whole_lines_of_one_datagram():
    """Labels are key-value segments after the name, and the prefix names the process."""
    shot = snapshot(
        (gauge("mypool.connections", state="idle"), 4), (counter("mypool.checkouts"), 7)
    )
    assert packets(StatsD(), shot) == [
        f"{PREFIX}.mypool.connections.state-idle:4|g\n{PREFIX}.mypool.checkouts:7|c".encode()
    ]


def test_a_counter_is_the_difference_since_the_last_handed_over():
    """An unchanged counter has no line, but counts towards its batch."""
    moved, still = counter("a.moved"), counter("a.still")
    shot = snapshot((moved, 2**60 + 5), (still, 9))
    (batch,) = StatsD(prefix="").encode(shot, {moved: 2**60, still: 9})
    assert batch.frames == (b"a.moved:5|c",)
    assert batch.samples == 2


def test_a_snapshot_in_which_nothing_moved_needs_no_datagram():
    """Its entries are accounted for, and handing them over touches no network."""
    still = counter("a.still")
    (batch,) = StatsD().encode(snapshot((still, 9)), {still: 9})
    assert (batch.frames, batch.samples) == ((), 1)
    assert StatsD(host="nowhere.invalid").send(batch, 0.1) is UNCONFIRMED


@given(st.lists(gauge_values, min_size=1, max_size=6))
def test_a_gauge_reads_as_its_last_value(values):
    """Negative after positive, zero, minus zero: never as a difference."""
    daemon, series, adapter = Daemon(), gauge("a.b"), StatsD(prefix="")
    for value in values:
        for packet in packets(adapter, snapshot((series, value))):
            daemon.read(packet)
        assert daemon.gauges == {"a.b": float(value)}


class Recorder:
    """A socket that keeps the datagrams it is to send."""

    def __init__(self):
        self.sent = []

    def sendto(self, data, _address):
        self.sent.append(data)


def sent_by_the_package(entries, since, prefix):
    """Return the lines that the ``statsd`` package's own client sends for gauges and counters."""
    client = StatsClient(HOST, prefix=prefix or None)
    client._sock.close()
    client._sock = socket = Recorder()
    lines = []
    for series, value in entries:
        name, tags = series.name, b"|#x:y" if series.labels else b""
        if series.kind == "gauge":
            client.gauge(name, value + 0)  # it sends -0.0, which a daemon reads as a difference
        elif change := value - since.get(series, 0):
            client.incr(name, change)
        lines += [line + tags for packet in socket.sent for line in packet.split(b"\n")]
        socket.sent.clear()
    return lines


@st.composite
def gauges_and_counters(draw):
    """Entries with and without a tag, in any order, and earlier values of some counters."""
    entries, since = [], {}
    for number in range(draw(st.integers(0, 6))):
        tags = draw(st.sampled_from([{}, {"x": "y"}]))
        if draw(st.booleans()):
            entries.append((gauge(f"a.g{number}", **tags), draw(gauge_values)))
            continue
        series, value = counter(f"a.c{number}", **tags), draw(counter_values)
        entries.append((series, value))
        if draw(st.booleans()):
            since[series] = draw(st.just(value) | counter_values)
    return entries, since


@given(gauges_and_counters(), st.sampled_from(["", "shop"]), st.sampled_from(["udp", "tcp"]))
@example(([(gauge("a.g", x="y"), -5)], {}), "shop", "tcp")
@example(([(gauge("a.g"), -0.0)], {}), "", "udp")
@example(([(gauge("a.g"), -1e-320), (gauge("a.h"), -(2**63))], {}), "", "udp")
@example(([(counter("a.c", x="y"), 2**63 - 1)], {counter("a.c", x="y"): 1}), "shop", "udp")
@example(([(counter("a.c"), 1e300), (counter("a.d"), 0.1)], {}), "", "udp")
def test_counters_and_gauges_are_byte_for_byte_those_of_the_package(drawn, prefix, transport):
    """Negative gauges, minus zero, floats, large integers; tags are appended to each line."""
    entries, since = drawn
    adapter = StatsD(prefix=prefix, tags=True, transport=transport, max_datagram=65_507)
    for _ in range(2):  # the second time from what is kept of the first
        sent = b"\n".join(packets(adapter, snapshot(*entries), since)).removesuffix(b"\n")
        assert sent == b"\n".join(sent_by_the_package(entries, since, prefix))


def test_the_zero_before_a_negative_gauge_is_in_the_same_datagram():
    """However full the datagram before is."""
    entries = [(gauge(f"a.m{i}"), -i - 1) for i in range(300)]
    for packet in packets(StatsD(prefix="", max_datagram=128), snapshot(*entries)):
        lines = packet.split(b"\n")
        assert len(packet) <= 128
        assert len(lines) % 2 == 0
        assert all(line.endswith(b":0|g") for line in lines[::2])


def test_a_histogram_is_a_count_and_a_sum():
    """As differences; a sum may fall, where values below zero were observed."""
    series = histogram("db.wait", pool="a")
    before, after = HistogramValue(10, 5.0), HistogramValue(12, 2.5)
    assert packets(StatsD(prefix=""), snapshot((series, after)), {series: before}) == [
        b"db.wait.count.pool-a:2|c\ndb.wait.sum.pool-a:-2.5|c"
    ]
    assert packets(StatsD(prefix=""), snapshot((series, before))) == [
        b"db.wait.count.pool-a:10|c\ndb.wait.sum.pool-a:5.0|c"
    ]
    assert packets(
        StatsD(prefix=""), snapshot((series, HistogramValue(12, None))), {series: before}
    ) == [b"db.wait.count.pool-a:2|c"]
    assert packets(StatsD(prefix=""), snapshot((series, after)), {series: after}) == []


def test_an_entry_that_fits_no_datagram_is_refused():
    """It counts towards the batch it was encoded with."""
    long = {f"k{i}": "v" * 190 for i in range(8)}
    shot = snapshot(
        (gauge("a.ok"), 1), (gauge(**long), 1), (histogram(**long), HistogramValue(1, 1))
    )
    (batch,) = StatsD(prefix="").encode(shot, {})
    assert batch.frames == (b"a.ok:1|g",)
    assert (batch.samples, batch.refused) == (1, {"too_long": 2})
    (only,) = StatsD().encode(snapshot((gauge(**long), 1), (gauge("a.b"), ABSENT)), {})
    assert (only.frames, only.samples, only.refused) == ((), 0, {"too_long": 1})


@given(texts)
def test_any_label_value_makes_one_line(text):
    """Whatever it holds, nothing foreign appears."""
    daemon = Daemon()
    for packet in packets(StatsD(), snapshot((gauge(k=text), 1), (counter(k=text), 1))):
        daemon.read(packet)
    assert len(daemon.gauges) == len(daemon.counters) == 1


@given(snapshots(), st.sampled_from([256, 1432]))
def test_every_entry_is_accounted_for_in_datagrams_that_fit(shot, limit):
    """The daemon's sums are the values of the snapshot."""
    batches = list(StatsD(max_datagram=limit).encode(shot, {}))
    assert sum(batch.entries for batch in batches) == len(shot)
    assert {reason for batch in batches for reason in batch.refused} <= {"collision", "too_long"}
    assert all(batch.samples for batch in batches) or len(batches) == 1
    daemon = Daemon()
    for batch in batches:
        assert len(batch.frames) <= 1
        for frame in batch.frames:
            assert len(frame) <= limit
            daemon.read(frame)
    if not any(batch.refused for batch in batches):
        gauges = [value for series, value in shot if series.kind == "gauge"]
        assert list(daemon.gauges.values()) == list(map(float, gauges))
        counts = []
        for series, value in shot:
            if isinstance(value, HistogramValue):
                counts += [value.count, value.sum or 0]
            elif series.kind == "counter":
                counts.append(value)
        assert list(daemon.counters.values()) == [Fraction(float(n)) for n in counts if n]


@pytest.fixture
def sink():
    """A receiver of datagrams."""
    with DatagramSink() as sink:
        yield sink


@pytest.fixture
def adapter(sink):
    """An adapter that sends to it."""
    adapter = StatsD(host=HOST, port=sink.port, prefix="")
    yield adapter
    adapter.close()


def test_what_the_kernel_takes_is_unconfirmed(sink, adapter):
    """UDP confirms nothing."""
    assert adapter.send(Batch((b"a.b:1|g",), 1), 1.0) is UNCONFIRMED
    assert adapter.send(Batch((b"a.b:2|g",), 1), 1.0) is UNCONFIRMED
    wait_for(lambda: sink.datagrams == [b"a.b:1|g", b"a.b:2|g"], what="two datagrams")


def test_a_refused_datagram_costs_no_count(sink, adapter):
    """The next datagram has the whole increase since the last one that was sent."""
    series, since = counter("a.b"), {}
    sink.refuse()
    for total in (3, 7):
        (batch,) = adapter.encode(snapshot((series, total)), since)
        with pytest.raises(Unavailable, match=rf"{HOST}:{sink.port}: Connection refused"):
            adapter.send(batch, 1.0)
    sink.listen()
    (batch,) = adapter.encode(snapshot((series, 12)), since)
    assert adapter.send(batch, 1.0) is UNCONFIRMED
    wait_for(lambda: sink.datagrams, what="the datagram")
    assert sink.datagrams == [b"a.b:12|c"]


def test_a_refusal_known_late_holds_the_next_datagram_back(sink, adapter):
    """It is about the datagram before, which is settled; the next one is not sent."""
    adapter.send(Batch((b"a.b:1|c",), 1), 1.0)
    wait_for(lambda: sink.datagrams, what="the first datagram")
    late = adapter._datagrams._socket  # the kernel's own report, as a router's would come
    sink.refuse()
    late.send(b"")
    with pytest.raises(Unavailable, match="the last datagram was refused"):
        adapter.send(Batch((b"a.b:2|c",), 1), 1.0)
    sink.listen()
    assert adapter.send(Batch((b"a.b:2|c",), 1), 1.0) is UNCONFIRMED
    wait_for(lambda: sink.datagrams == [b"a.b:1|c", b"a.b:2|c"], what="both, once")


def test_a_datagram_the_kernel_cannot_send_is_rejected(sink, adapter):
    """All of its entries, as too long."""
    with pytest.raises(Rejected) as caught:
        adapter.send(Batch((b"x" * 70_000,), 9), 1.0)
    assert (caught.value.reason, caught.value.samples) == ("too_long", 9)


def test_a_batch_without_entries_asks_whether_anyone_is_there(sink, adapter):
    """An empty datagram, which no daemon counts."""
    assert adapter.send(Batch((), 0), 1.0) is UNCONFIRMED
    sink.refuse()
    with pytest.raises(Unavailable):
        adapter.send(Batch((), 0), 1.0)


def test_an_address_that_cannot_be_reached_is_unavailable():
    """No byte has left."""
    (held,) = hold_ports(1)
    adapter = StatsD(host="255.255.255.255", port=held.getsockname()[1])
    with pytest.raises(Unavailable):
        adapter.send(Batch((b"a.b:1|c",), 1), 1.0)
    adapter.close()
    held.close()


def test_without_the_statsd_package_the_import_names_it():
    """So that the command can say what to install."""
    code = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "statsd":
            raise ModuleNotFoundError("No module named 'statsd'", name=name)
sys.meta_path.insert(0, Absent())
try:
    import sampler_statsd
except ModuleNotFoundError as error:
    print(error.name)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "statsd"


@pytest.mark.parametrize(
    ("setting", "value"), [("max_datagram", 64), ("max_datagram", 70_000), ("prefix", "a b")]
)
def test_a_bad_setting_names_itself(setting, value):
    """Constructing the adapter raises ValueError."""
    with pytest.raises(ValueError, match=setting):
        StatsD(**{setting: value})
