"""What receivers answer that no good receiver answers: nothing is lost without a word."""

from __future__ import annotations

import json
import os
import time
from email.utils import formatdate

import pytest

pytest.importorskip("cramjam")

from sampler.adapterkit.protobuf import integer, message, text
from sampler.agent import DELIVERED, UNCONFIRMED, Rejected, Unavailable
from sampler_cloudwatch import EMF
from sampler_influx import Influx
from sampler_json import JSONLines
from sampler_otlp import OTLP
from sampler_remote_write import RemoteWrite
from tests.adapters.shapes import counter, gauge
from tests.adapters.shapes import snapshot as shot
from tests.support.scripted import ScriptedHTTP, status
from tests.support.sending import delivered

HTTP = {
    "remote_write": RemoteWrite,
    "otlp": OTLP,
    "influx": lambda **options: Influx(database="d", **options),
}


def many(count=50):
    return shot(*((gauge(f"a.g{n}"), n) for n in range(count)))


@pytest.mark.parametrize("code", [301, 401, 403, 404, 405, 415])
@pytest.mark.parametrize("adapter", HTTP.values(), ids=HTTP)
def test_a_refusal_that_is_not_about_what_was_sent_is_one_request(adapter, code):
    """Of two snapshots, each; remote write asks for the clock besides, once."""
    with ScriptedHTTP(default=status(code)) as server:
        balance = delivered(adapter(url=server.url), [many(), many()])
    assert sum(balance.dropped.values()) == 100
    assert len(server.requests) == 2 + (adapter is RemoteWrite)


@pytest.mark.parametrize("why", ["short", "long " * 2000])
def test_points_that_otlp_refuses_are_counted_however_long_the_reason_is(why):
    """Of a reply its beginning is read."""
    said = message(1, integer(1, 7) + text(2, why))
    with ScriptedHTTP(default=status(200, said)) as server:
        balance = delivered(OTLP(url=server.url), [many()])
    assert (balance.delivered, balance.dropped["rejected"]) == (43, 7)


@pytest.mark.parametrize(
    "said",
    [
        message(1, integer(1, 2) + integer(2, 7)),
        message(1, text(1, "2") + text(2, "no")),
        message(1, integer(1, -1) + text(2, "no")),
        integer(1, 7),
        b"\xff" * 50,
        b"{}",
        message(1, b""),
    ],
)
def test_a_receiver_that_accepts_in_words_of_its_own_has_accepted(said):
    """Nothing is raised, and nothing sent again."""
    with ScriptedHTTP(default=status(200, said)) as server:
        balance = delivered(OTLP(url=server.url), [many()])
        assert len(server.requests) == 1
    assert balance.delivered == 50


def test_a_tag_cannot_say_how_many_points_influxdb_has_dropped():
    """Its value is in the reply, before what the server says."""
    error = 'partial write: max-values-per-tag: tag=\\"a\\" value=\\"dropped=40\\" dropped=2'
    with ScriptedHTTP(default=status(400, json.dumps({"error": error}).encode())) as server:
        balance = delivered(Influx(url=server.url, database="d"), [many()])
    assert (balance.delivered, balance.dropped["rejected"]) == (48, 2)


def at(seconds):
    return formatdate(time.time() + seconds, usegmt=True)


def test_a_receiver_whose_clock_is_set_right_is_written_to_again():
    """It is asked for its time before anything is dropped as ahead of it."""
    wrong, right = status(204, date=at(-3600)), status(204, date=at(0))
    with ScriptedHTTP(wrong, wrong, default=right) as server:
        adapter = RemoteWrite(url=server.url)
        balance = delivered(adapter, [shot((gauge("a.b"), n), time=time.time()) for n in range(3)])
    assert (balance.delivered, balance.dropped["in_future"]) == (2, 1)


def test_a_receiver_that_was_asleep_with_this_host_loses_nothing():
    """A monotonic clock stands still meanwhile, so what is known of the other clock is late."""
    with ScriptedHTTP(status(204, date=at(-3600)), default=status(204, date=at(0))) as server:
        adapter = RemoteWrite(url=server.url)
        balance = delivered(adapter, [shot((gauge("a.b"), 1), time=time.time())])
    assert balance.delivered == 1


@pytest.mark.parametrize("first", [status(400), status(204)])
def test_a_receiver_that_tells_no_time_is_asked_for_it_once(first):
    """Whether it takes a request of nothing or not."""
    with ScriptedHTTP(first) as server:
        adapter = RemoteWrite(url=server.url)
        balance = delivered(adapter, [shot((gauge("a.b"), n), time=time.time()) for n in range(3)])
        assert len(server.requests) == 4
    assert balance.delivered == 3


def test_what_waited_compressed_arrives_after_gzip_was_turned_off():
    """As from a spool, over a restart; and where a part of it is refused."""
    (batch,) = OTLP().encode(many(), {})
    with ScriptedHTTP(status(400)) as server:
        adapter = OTLP(url=server.url, gzip=False)
        with pytest.raises(Rejected):
            adapter.send(batch, 10.0)
        halves = adapter.split(batch)
        assert [adapter.send(half, 10.0) for half in halves] == [DELIVERED] * 2
        encoded = [b"gzip" in request.head for request in server.requests]
    assert encoded == [True, False, False]
    assert sum(half.samples for half in halves) == 50


@pytest.fixture
def pipe(tmp_path):
    """A named pipe that is full, and its end to read from."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    yield path, reader
    os.close(reader)


def read(reader):
    return b"".join(iter(lambda: _some(reader), b""))


def _some(reader):
    try:
        return os.read(reader, 2**20)
    except BlockingIOError:
        return b""


def documents(data):
    """Return the lines that are whole."""
    found = []
    for line in data.splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def test_increases_that_a_pipe_has_taken_are_not_written_again(pipe):
    """CloudWatch adds up what it gets. What the pipe did not take is unconfirmed, too."""
    path, reader = pipe
    adapter = EMF(path=str(path))
    series = [(counter(f"a.c{n}", who="x" * 900 + str(n)), 1) for n in range(200)]
    first, *others = adapter.encode(shot(*series), {})
    assert others, "a batch is no more than a pipe holds"
    held = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    os.write(held, b"x" * 40_000 + b"\n")
    os.close(held)
    assert adapter.send(first, 0.2) is UNCONFIRMED
    with pytest.raises(Unavailable):
        adapter.send(others[0], 0.2)
    taken = documents(read(reader))
    assert 0 < len(taken) < first.samples
    assert adapter.send(others[0], 10.0) is UNCONFIRMED
    assert len(documents(read(reader))) == others[0].samples


def test_a_line_that_a_pipe_has_in_part_spoils_no_other(pipe):
    """The next one begins on a line of its own."""
    path, reader = pipe
    adapter = JSONLines(path=str(path))
    labels = {f"k{n}": "x" * 1000 for n in range(60)}
    wide = shot(*((gauge("a.b", i=str(i), **labels), 1) for i in range(3)))
    (batch,) = adapter.encode(wide, {})
    with pytest.raises(Unavailable):
        adapter.send(batch, 0.2)
    assert not read(reader).endswith(b"\n")
    (small,) = adapter.encode(shot((gauge("a.small"), 1)), {})
    assert adapter.send(small, 10.0) is UNCONFIRMED
    assert [each["name"] for each in documents(read(reader))] == ["a.small"]
