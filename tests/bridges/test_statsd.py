"""The StatsD listener: lines of real clients in, series out, and hostile lines bounded."""

from __future__ import annotations

import os
import random
import socket

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sampler
from sampler.bridges import statsd as bridge
from sampler.bridges._statsd_table import REASONS, Table
from tests.bridges.rig import Pulls, key
from tests.support.waiting import wait_for

N = "statsd"
LIMIT = 30.0


class Listening:
    """A listener, a consumer of it, and clients' sockets."""

    def __init__(self, *listen, **options):
        self.listener = bridge.StatsDListener(listen or ["127.0.0.1:0"], **options)
        self.listener.open()
        registry = sampler.Registry()
        registry.register(bridge.sampler_of(self.listener))
        self.pull = Pulls(registry)
        self.pull()
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.found = {}

    @property
    def port(self):
        return self.listener.addresses[0][1]

    def send(self, data):
        self.udp.sendto(data, ("127.0.0.1", self.port))

    def until(self, condition):
        """Pull until a condition of what is found holds; return that."""

        def holds():
            self.found = self.pull()
            return condition(self.found)

        wait_for(holds, LIMIT, lambda: str(self.found))
        return self.found

    def seen(self, number):
        """Pull until so many values were taken or refused."""
        return self.until(lambda found: taken(found) + sum(refused(found).values()) >= number)

    def close(self):
        self.pull.collector.close()
        self.listener.close()
        self.udp.close()


def taken(found):
    return found[key(f"{N}.bridge.values", {"bridge": N})]


def refused(found):
    """Return what was refused, by reason."""
    names = {
        reason: found[key(f"{N}.bridge.refused", {"bridge": N, "reason": reason})]
        for reason in REASONS
    }
    return {reason: count for reason, count in names.items() if count}


def series(found):
    """Return what clients have counted, without the listener's account."""
    return {
        each: value
        for each, value in found.items()
        if not (each if isinstance(each, str) else each[0]).startswith(f"{N}.bridge.")
    }


@pytest.fixture
def listening():
    made = []

    def make(*listen, **options):
        made.append(Listening(*listen, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


def table(*datagrams):
    """Return what a table tells of these, and what it has refused."""
    made = Table(N, 1_000)
    consumer = object()
    made.join(consumer)
    for data in datagrams:
        made.feed(data)
    found = {
        key(name, labels): value
        for name, value, labels, _ in made.samples(consumer)
        if not name.startswith("bridge.")
    }
    return found, {reason: count for reason, count in made.refused.items() if count}


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        (b"a:1|c\na:2|c", {"a": 3}),
        (b"a:1|c|@0.1", {"a": 10}),
        (b"a:1|c|@1e-1\r\n", {"a": 10}),
        (b"a:5|g\na:-2|g\na:+4|g", {"a": 7}),
        (b"a:-5|g", {"a": -5}),
        (b"a:9|g\na:-5|c\na:3|g", {"a": 3}),
        (b"a:x|s\na:y|s\na:x|s", {"a": 2}),
        (b"a:1|c:2|c", {"a": 3}),
        (b"a:1|c|#Env:prod,flag,empty:", {key("a", {"env": "prod", "flag": "true"}): 1}),
        (b"a:1|c|#url:http://x/|c:ci-123|T1656581400", {key("a", {"url": "http://x/"}): 1}),
        (b"a.b-C:1|c", {"a.b_c": 1}),
        (b"a:1|c\n\nb:2|g\n", {"a": 1, "b": 2}),
        (b"a:1|c|@0.5|#k:v\na:1|c|#k:v", {key("a", {"k": "v"}): 3}),
    ],
)
def test_lines_of_counters_gauges_and_sets_are_what_clients_mean(lines, wanted):
    """StatsD's and DogStatsD's: rates, signs, tags, several values."""
    assert table(lines)[0] == wanted


@pytest.mark.parametrize("kind", [b"ms", b"h", b"d"])
def test_timers_are_histograms(kind):
    """A sample rate gives each observation a weight."""
    found, bad = table(b"t:1:2:8|%s\nt:100|%s|@0.5" % (kind, kind))
    value = found["t"]
    assert not bad
    assert (value["count"], value["sum"]) == (5, 211)
    counts = value["buckets"]
    assert [counts[bound] for bound in (1, 2, 8)] == [1, 2, 3]
    assert max(counts.values()) == 5


def test_a_name_of_two_types_is_two_metrics():
    """StatsD keeps them apart, too."""
    found, bad = table(b"a:1|c", b"a:7|g")
    assert found == {"a": 1, "a.gauge": 7}
    assert not bad


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"a", "value"),
        (b"a:", "value"),
        (b"a:1", "type"),
        (b"a:1|", "type"),
        (b"a:1|x", "type"),
        (b":1|c", "name"),
        (b"n" * 300 + b":1|c", "name"),
        (b"a:x|c", "value"),
        (b"a:1_000|c", "value"),
        (b"a:nan|g", "value"),
        (b"a:inf|ms", "value"),
        (b"a:1e300|c", "value"),
        (b"a:-1|c", "negative"),
        (b"a:-1|ms", "negative"),
        (b"a:1|c|@0", "rate"),
        (b"a:1|c|@2", "rate"),
        (b"a:1|c|@x", "rate"),
        (b"\xff:1|c", "utf8"),
        (b"a:1|c|#\xff:x", "utf8"),
        (b"a:1|c|#" + b",".join(b"t%d:x" % n for n in range(40)), "tags"),
        (b"a:1|c|#" + b"x" * 9000, "long"),
        (b"_e{5,4}:title|text", "event"),
        (b"_sc|name|0", "event"),
        (b"   ", "empty"),
        (b"a:|s", "value"),
    ],
)
def test_a_bad_line_is_counted_by_its_reason_and_costs_itself_only(line, reason):
    """The lines beside it count."""
    found, bad = table(b"good:1|c\n" + line + b"\ngood:2|c")
    assert bad == {reason: 1}
    assert found["good"] == 3


def test_series_are_bounded():
    """Those that are there go on."""
    made = Table(N, 10)
    made.feed(b"\n".join(b"n%d:1|c" % n for n in range(100)))
    made.feed(b"n3:1|c")
    found = {name: value for name, value, *_ in made.samples(object())}
    assert found["n3"] == 2
    assert made.refused["series"] == 90


ODD = st.text("ab:|#@,.0123456789-+cgmsh\n\r \xff", max_size=60).map(lambda t: t.encode("latin-1"))


@given(st.lists(ODD | st.binary(max_size=80), max_size=10))
def test_no_bytes_raise_and_all_values_are_valid(datagrams):
    """Whatever is sent, a consumer takes what the listener tells."""
    made = Table(N, 50)
    for data in datagrams:
        made.feed(data)
    samples = list(made.samples(object()))
    with sampler.Registry().register({"name": N, "sample": lambda: iter(samples)}) as one:
        registry = one._registry
        pull = Pulls(registry)
        pull()
        assert not pull.failures
        assert not pull.refused()
        pull.collector.close()


COUNTS = st.tuples(
    st.sampled_from("abc"),
    st.integers(0, 1000),
    st.sampled_from(["", "x", "y"]),
    st.sampled_from([1, 0.5, 0.25]),
)


@given(st.lists(COUNTS, max_size=50), st.integers(1, 30))
def test_counters_are_the_sum_of_their_lines_however_they_are_packed(counts, size):
    """Datagrams of any number of lines."""
    wanted: dict[object, float] = {}
    lines = []
    for name, amount, tag, rate in counts:
        labels = {"tag": tag} if tag else {}
        wanted[key(name, labels)] = wanted.get(key(name, labels), 0) + amount / rate
        lines.append(f"{name}:{amount}|c" + f"|@{rate}" * (rate < 1) + f"|#tag:{tag}" * bool(tag))
    chunks = ["\n".join(lines[n : n + size]) for n in range(0, len(lines), size)]
    assert table(*(chunk.encode() for chunk in chunks)) == (wanted, {})


PLAIN = st.tuples(
    st.sampled_from(["a{}", "b.{}", ""]),
    st.sampled_from(["1", "2.5", "-3", "+4", "1e3", "x", "", "1_0", "nan", "7:8"]),
    st.sampled_from(["c", "g", "ms", "h", "z", "c|@0.5", "g|#t:x"]),
).map(lambda parts: f"{parts[0].format(parts[2][0])}:{parts[1]}|{parts[2]}".encode())
ODD_LINES = st.sampled_from([b"", b"x", b"x|ms", b"x:1", b"x|1:c", b":", b"|", b"x:1|c|ms"])


@given(st.lists(PLAIN | ODD_LINES, max_size=30))
def test_lines_mean_the_same_however_they_are_packed(lines):
    """Together, where most are looked at in one go, or one by one."""
    together, _ = table(b"\n".join(lines))
    made = Table(N, 1_000)
    for line in lines:
        made.feed(line)
        made.drain()
    samples = made.samples(object())
    alone = {key(n, labels): v for n, v, labels, _ in samples if not n.startswith("bridge.")}
    assert together == alone


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=50))
@settings(max_examples=50)
def test_a_timer_has_every_observation_at_each_of_its_bounds(values):
    """As an instrument has."""
    found, _ = table("\n".join(f"t:{value!r}|ms" for value in values).encode())
    for bound, count in found["t"]["buckets"].items():
        assert count == sum(value <= bound for value in values)


def test_a_client_of_python_is_understood(listening):
    """Its own lines: what it counts is what a consumer finds."""
    statsd = pytest.importorskip("statsd")
    one = listening()
    client = statsd.StatsClient("127.0.0.1", one.port, prefix="legacy")
    client.incr("jobs", 3)
    client.gauge("depth", 5)
    client.gauge("depth", -2, delta=True)
    client.gauge("heat", -4)
    client.timing("wait", 12.5)
    client.set("users", "ann")
    found = series(one.until(lambda found: "statsd.legacy.users" in found))
    wait = found.pop("statsd.legacy.wait")
    assert (wait.count, wait.sum) == (1, 12.5)
    assert one.pull.series["statsd.legacy.wait"].unit == "ms"
    assert found == {
        "statsd.legacy.jobs": 3,
        "statsd.legacy.depth": 3,
        "statsd.legacy.heat": -4,
        "statsd.legacy.users": 1,
    }
    client.close()


def test_our_own_adapter_is_understood(listening):
    """What it sends arrives, labels as tags."""
    from sampler.agent import Agent
    from sampler.agent.config.reading import parse

    one = listening()
    registry = sampler.Registry()
    group = sampler.Instruments("shop", registry=registry)
    orders = group.counter("orders", labels=("route",))
    keys = {"port": one.port, "prefix": "", "tags": True, "self_metrics": "none"}
    agent = Agent(parse({"interval": 0.1, "adapters": {"statsd": keys}}), registry)
    agent.start()
    orders.inc(5, route="buy")
    agent.stop()
    wanted = key("statsd.shop.orders", {"route": "buy"})
    assert one.until(lambda found: wanted in found)[wanted] == 5


def test_all_four_transports_are_read(listening, tmp_path):
    """A stream's line may come in pieces, and its last one without an end."""
    paths = tmp_path / "stream", tmp_path / "datagrams"
    stream, grams = map(str, paths)
    one = listening(
        "udp://127.0.0.1:0", "tcp://127.0.0.1:0", f"unix://{stream}", f"unixgram://{grams}"
    )
    one.send(b"a:1|c")
    with socket.create_connection(one.listener.addresses[1]) as client:
        client.sendall(b"a:10|c\na:1")
        client.sendall(b"00|c")
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(stream)
        client.sendall(b"a:1000|c\n")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        client.sendto(b"a:10000|c\n", grams)
    one.until(lambda found: found.get("statsd.a") == 11111)
    one.listener.close()
    assert not any(path.exists() for path in paths)


def test_the_socket_of_a_listener_that_was_killed_is_taken_over(listening, tmp_path):
    """One that is in use, and a file that is none, are left alone."""
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as dead:
        dead.bind(str(path))
        with pytest.raises(OSError, match="somebody listens"):
            listening(f"unixgram://{path}")
    listening(f"unixgram://{path}")
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(OSError, match="in use"):
        listening(f"unixgram://{file}")
    assert file.read_text() == "mine"


def test_a_line_without_an_end_takes_no_memory(listening):
    """A stream that sends megabytes of one is read on, and what comes later counts."""
    one = listening("tcp://127.0.0.1:0")
    with socket.create_connection(one.listener.addresses[0]) as client:
        for _ in range(64):
            client.sendall(b"x" * 65_536)
        client.sendall(b"\ngood:1|c\n")
        found = one.until(lambda found: found.get("statsd.good") == 1)
    assert refused(found)["long"] > 0
    assert sum(map(len, one.listener._listener._buffers.values())) < 65_536


def test_connections_are_bounded(listening):
    """One too many is closed at once, and counted; the others go on."""
    one = listening("tcp://127.0.0.1:0")
    clients = [socket.create_connection(one.listener.addresses[0]) for _ in range(260)]
    found = one.until(lambda found: refused(found).get("connections") == 4)
    clients[0].sendall(b"good:1|c\n")
    one.until(lambda found: found.get("statsd.good") == 1)
    assert refused(found) == {"connections": 4}
    for each in clients:
        each.close()


def test_a_connection_that_is_silent_makes_room_for_one_that_speaks(listening, monkeypatch):
    """The longest silent one first; what it has begun is a line."""
    monkeypatch.setattr("sampler.bridges._statsd_sockets._SILENT", 0.0)
    one = listening("tcp://127.0.0.1:0")
    clients = [socket.create_connection(one.listener.addresses[0]) for _ in range(256)]
    for each in clients:
        each.sendall(b"begun:1|c")
    more = [socket.create_connection(one.listener.addresses[0]) for _ in range(3)]
    more[-1].sendall(b"good:1|c\n")
    found = one.until(lambda found: found.get("statsd.good") == 1)
    assert found["statsd.begun"] == 3
    assert not refused(found)
    clients += more
    for each in clients:
        each.close()


def test_a_hundred_thousand_hostile_lines_are_counted_and_take_bounded_memory(listening):
    """Each of them differs; a good line among them counts."""
    one = listening("tcp://127.0.0.1:0", max_series=1_000)
    chance = random.Random(22)
    kinds = [b"c", b"g", b"ms", b"s", b"zz", b"c|@0.%d", b"c|#t%d:v", b"c|#t:%d"]
    lines = []
    for number in range(100_000):
        kind = chance.choice(kinds)
        kind = kind % number if b"%d" in kind else kind
        lines.append(b"%s%d:%d|%s" % (chance.choice([b"n", b"\xff", b"A."]), number, number, kind))
    data = b"\n".join(lines) + b"\n"
    before = psutil.Process().memory_info().rss
    with socket.create_connection(one.listener.addresses[0]) as client:
        client.sendall(data)
        client.sendall(b"n0good:1|c\n")
        found = one.seen(100_001)
    grown = psutil.Process().memory_info().rss - before
    assert len(series(found)) <= 1_000
    assert taken(found) + sum(refused(found).values()) == 100_001
    assert {"series", "type", "utf8"} <= set(refused(found))
    assert grown < 64e6


def test_a_flood_is_taken_or_counted_as_dropped(listening):
    """By the kernel's own count, to the datagram."""
    one = listening()
    for _ in range(20_000):
        one.send(b"a:1|c\nb:2|c")
    dropped = key(f"{N}.bridge.datagrams.dropped", {"bridge": N})
    if dropped not in one.pull():
        pytest.skip("this kernel does not tell how many it has dropped")
    found = one.until(lambda found: found.get("statsd.a", 0) + found[dropped] == 20_000)
    assert found["statsd.b"] == 2 * found["statsd.a"]


def test_members_of_a_set_are_counted_since_a_consumers_own_last_pull(listening):
    """Two consumers have a window each."""
    one = listening()
    other = Pulls(one.pull.registry)
    other()
    one.send(b"users:ann|s\nusers:bob|s")
    one.until(lambda found: found.get("statsd.users") == 2)
    one.send(b"users:cid|s")
    one.until(lambda found: found.get("statsd.users") == 1)
    assert other()["statsd.users"] == 3
    assert other()["statsd.users"] == 0
    other.collector.close()


def test_a_forked_child_does_not_hold_the_listeners_port(listening):
    """The port is free when the parent has ended, though the child lives."""
    one = listening()
    port = one.port
    (ready, tell), (forked, told) = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        os.write(told, b"x")
        os.read(ready, 1)
        os._exit(0)
    try:
        os.read(forked, 1)
        one.listener.close()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
            again.bind(("127.0.0.1", port))
    finally:
        os.write(tell, b"x")
        os.waitpid(child, 0)
        for each in (ready, tell, forked, told):
            os.close(each)


@pytest.mark.parametrize(
    "listen", ["localhost", "http://127.0.0.1:1", "127.0.0.1:99999", "unix://relative"]
)
def test_an_address_that_is_none_is_refused_with_what_it_should_be(listen):
    """Before anything is opened."""
    with pytest.raises(ValueError, match=r"address|begins|ports|path"):
        bridge.StatsDListener([listen])


def test_a_forked_child_that_closes_a_listener_does_not_end_its_parents(listening, tmp_path):
    """As at the end of a with block. It says that it does not listen, and has nothing to tell."""
    path = tmp_path / "statsd.sock"
    one = listening(f"unixgram://{path}")
    with one.listener._table.lock:  # as while lines come
        child = os.fork()
        if not child:
            said = one.listener.addresses == () and not series(one.pull())
            one.listener.close()
            os._exit(0 if said else 1)
    assert os.waitpid(child, 0)[1] == 0
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        client.sendto(b"hits:1|c", str(path))
    one.until(lambda found: found.get("statsd.hits") == 1)


@pytest.mark.parametrize(("kind", "told"), [(b"c", 3), (b"ms", 3)])
def test_one_line_with_a_sample_rate_cannot_begin_a_total_anew(kind, told):
    """As 9e15 at a rate of a millionth: both are fine alone."""
    found, refused = table(b"a:3|" + kind, b"a:9e15|" + kind + b"|@1e-6")
    assert getattr(found["a"], "get", lambda _: found["a"])("sum") == told
    assert refused == {"value": 1}


def test_no_line_takes_the_place_of_the_listeners_own_account(listening):
    """It would hide what was refused."""
    one = listening()
    one.send(b"bridge.refused:5|c|#bridge:statsd,reason:utf8\nbridge_values:7|g\nno line")
    one.until(lambda found: refused(found) == {"value": 1})
    assert taken(one.found) == 2
    assert not one.pull.refused()


def test_a_listener_removes_its_own_sockets_only(tmp_path):
    """All of them, where one of its addresses is taken; not one that came later to its path."""
    path, free = tmp_path / "statsd.sock", tmp_path / "free.sock"
    with bridge.StatsDListener([f"unixgram://{path}"]):
        with pytest.raises(OSError, match="somebody listens"):
            bridge.StatsDListener([f"unixgram://{free}", f"unixgram://{path}"]).open()
        assert not free.exists()
        path.unlink()
        later = bridge.StatsDListener([f"unixgram://{path}"])
        later.open()
    assert path.exists()
    later.close()
    assert not path.exists()
