"""The HTTP client: no reply takes more time or memory than allowed."""

from __future__ import annotations

import socket
import threading
import time
import tracemalloc
from contextlib import contextmanager
from itertools import repeat

import pytest

from sampler.adapterkit import http
from sampler.adapterkit.http import BadReply, Reply
from sampler.agent import Batch, Rejected, Unavailable
from sampler_prometheus import Pushgateway
from tests.support import scripted
from tests.support.scripted import ScriptedHTTP, status

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = b"HTTP/1.1 500 x\r\nTransfer-Encoding: chunked\r\n\r\n"


def raw(*parts):
    """Return an answer of these bytes."""
    return lambda: list(parts)


EMPTY = b"Content-Length: 0\r\n\r\n"


def ask(answer, seconds=5.0, method="POST", body=b"x" * 100_000, **fields):
    """Ask a server that gives one answer; return the reply."""
    with (
        ScriptedHTTP(answer) as server,
        http.connect(f"{server.url}/prefix/", time.monotonic() + seconds) as connection,
    ):
        return connection.request(method, "/path?a=b", fields, body)


def test_a_request_says_what_it_has_to():
    """The path of the URL comes first; a connection has one reply."""
    with ScriptedHTTP(status(200, b"yes")) as server:
        with http.connect(f"{server.url}/prefix/", time.monotonic() + 5) as connection:
            reply = connection.request("PUT", "/path", {"Content-Type": "text/plain"}, b"body")
        (request,) = server.requests
    lines = request.head.split(b"\r\n")
    assert lines[0] == b"PUT /prefix/path HTTP/1.1"
    assert b"Host: 127.0.0.1:%d" % server.port in lines
    assert {b"Connection: close", b"Content-Length: 4", b"Content-Type: text/plain"} <= {*lines}
    assert request.body == b"body"
    assert (reply.status, reply.text, reply.retry_after) == (200, "yes", None)


@pytest.mark.parametrize(
    ("answer", "reply"),
    [
        (raw(HEAD + b"Content-Length: 2\r\n\r\nok"), Reply(200, "ok")),
        (raw(HEAD + b"\r\nto the end"), Reply(200, "to the end")),
        (raw(b"HTTP/1.0 404\r\n\r\n"), Reply(404)),
        (raw(b"HTTP/1.1 204 \r\n\r\n"), Reply(204)),
        (raw(b"HTTP/1.1 304 x\r\nContent-Length: 99\r\n\r\n"), Reply(304)),
        (raw(b"HTTP/1.1 100 x\r\n\r\n" * 8, b"HTTP/1.1 202 x\r\n", EMPTY), Reply(202)),
        (raw(CHUNKED, b"2;a=b\r\nok\r\n0\r\nA: b\r\n\r\n"), Reply(500, "ok")),
        (raw(b"HTTP/1.1 429 x\r\nRetry-After: 7\r\n", EMPTY), Reply(429, "", 7.0)),
        (raw(HEAD, b"A: b\r\n c\r\n", EMPTY), Reply(200)),
        (raw(b"HTTP/1.1 500 \xff\nContent-Length: 4\n\n\x1b\r\n\xff"), Reply(500, "\\x1b \ufffd")),
        (scripted.endless, Reply(200, "x" * http.MAX_TEXT)),
        (scripted.huge, Reply(200, "x" * http.MAX_TEXT)),
    ],
)
def test_answers_are_read_as_http_has_them(answer, reply):
    """Interim replies are skipped, and the beginning of a body is read."""
    found = ask(answer)
    assert (found.status, found.text, found.retry_after) == (
        reply.status,
        reply.text,
        reply.retry_after,
    )


def endless_of(head, part):
    def answer():
        yield head
        yield from repeat(part)

    return answer


WRONG = {
    "chunk -1": raw(CHUNKED + b"-1\r\n", b"x" * 65536),
    "chunk -5": raw(CHUNKED + b"-5\r\nabc"),
    "chunk zz": raw(CHUNKED + b"zz\r\n"),
    "chunk of 21 digits": raw(CHUNKED + b"0" * 21 + b"\r\n"),
    "torn chunk": raw(CHUNKED + b"5\r\nhel"),
    "an endless chunk's head": endless_of(CHUNKED + b"1;", b" " * 1000),
    "extensions without end": endless_of(CHUNKED, b"1;" + b" " * 200 + b"\r\nx\r\n"),
    "trailers without end": endless_of(CHUNKED + b"0\r\n", b"A: b\r\n"),
    "a trailer of spaces": raw(CHUNKED + b"0\r\nA:" + b" " * 9000 + b"\0\r\n\r\n"),
    "a chunk's head of spaces": raw(CHUNKED + b"1;" + b" " * 9000 + b"\nx\r\n"),
    "length -1": raw(HEAD + b"Content-Length: -1\r\n\r\n"),
    "two lengths": raw(HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n"),
    "torn body": raw(HEAD + b"Content-Length: 9\r\n\r\nx"),
    "an unknown coding": raw(HEAD + b"Transfer-Encoding: gzip\r\n\r\n"),
    "status -20": raw(b"HTTP/1.1 -20 x\r\n\r\n"),
    "a long status": raw(b"HTTP/1.1 99999999999999999999 x\r\n\r\n"),
    "status 99": raw(b"HTTP/1.1 099 x\r\n\r\n"),
    "another protocol": raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    "an upgrade": raw(b"HTTP/1.1 101 x\r\nUpgrade: h2c\r\n\r\n"),
    "nothing": raw(),
    "zeros": raw(b"\0\0\0"),
    "escapes": raw(b"HTTP/1.1 200 \x1b[2J\x1b]0;owned\x07\r\n\r\n"),
    "a forged line": raw(b"HTTP/1.1 200 x\r2026-01-01 CRITICAL forged\r\n\r\n"),
    "spaces and a zero": raw(HEAD + b"A:" + b" " * 8000 + b"\0\r\n\r\n"),
    "a long status line": raw(b"a" * 60_000 + b"\r\n\r\n"),
    "interim ones": raw(b"HTTP/1.1 100 x\r\n\r\n" * 9),
    "interim ones without end": scripted.continued,
    "an endless head": scripted.endless_head,
    "half a head": scripted.torn,
    "garbage": scripted.garbage,
}


@pytest.mark.scenario(43)
@pytest.mark.parametrize("answer", WRONG.values(), ids=WRONG)
def test_what_is_no_answer_is_an_error_in_one_printable_line(answer):
    """At once, without control characters, and without taking memory."""
    tracemalloc.start()
    try:
        with pytest.raises(BadReply) as caught:
            ask(answer, 60.0, body=b"small")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    said = str(caught.value)
    assert said.isprintable()
    assert len(said) < 400
    assert peak < 2**21


@pytest.mark.scenario(43)
@pytest.mark.parametrize("answer", WRONG.values(), ids=WRONG)
def test_a_gateway_that_gives_none_is_asked_again(answer):
    """Nothing is rejected because of it."""
    with ScriptedHTTP(answer) as server:
        adapter = Pushgateway(url=server.url, gzip=False, delete_on_stop=False)
        with pytest.raises(Unavailable) as caught:
            adapter.send(Batch((b"up 1\n",), 1, note="/metrics/job/x"), 60.0)
    assert str(caught.value).isprintable()


@pytest.mark.scenario(43)
@pytest.mark.parametrize("code", [400, 503])
def test_what_a_gateway_says_is_printable_and_short_where_it_is_shown(code):
    """Whether it refuses or is unavailable."""
    said = (
        b"\x1b[2J\x1b]0;owned\x07\r2026 CRITICAL forged\n"
        + "\u202e\u2066".encode()
        + b"a" * 60_000
    )
    with ScriptedHTTP(status(code, said)) as server:
        adapter = Pushgateway(url=server.url, gzip=False)
        with pytest.raises((Unavailable, Rejected)) as caught:
            adapter.send(Batch((b"up 1\n",), 1, note="/metrics/job/x"), 60.0)
    assert str(caught.value).isprintable()
    assert "forged" in str(caught.value)
    assert len(str(caught.value)) < 2 * http.MAX_TEXT


@pytest.mark.scenario(43)
def test_a_group_that_cannot_be_deleted_is_one_printable_line(caplog):
    """The log has a printable form of the gateway's text."""
    with ScriptedHTTP(status(202), default=WRONG["escapes"]) as server:
        adapter = Pushgateway(url=server.url, gzip=False, delete_on_stop=True)
        adapter.send(Batch((b"up 1\n",), 1, note="/metrics/job/x"), 60.0)
        adapter.close()
    (record,) = caplog.records
    assert record.getMessage().startswith("the group /metrics/job/x stays in the gateway")
    assert record.getMessage().isprintable()


@pytest.mark.scenario(12, 43)
@pytest.mark.parametrize(
    "answer", [scripted.silent, scripted.dripping, scripted.slow_head], ids=lambda a: a.__name__
)
def test_one_deadline_is_for_all_of_it(answer):
    """However slowly it sends."""
    with pytest.raises(TimeoutError):
        ask(answer, 0.4)


@contextmanager
def listening(family, address):
    with socket.socket(family) as listener:
        listener.bind(address)
        listener.listen()
        yield listener


@pytest.mark.scenario(43)
def test_a_peer_that_reads_nothing_is_given_up():
    """What is sent has the same deadline."""
    with listening(socket.AF_INET, ("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with (
            http.connect(url, time.monotonic() + 0.4) as connection,
            pytest.raises(TimeoutError),
        ):
            connection.request("PUT", "/", {}, b"x" * 30_000_000)


def test_a_unix_socket_is_asked_too(tmp_path):
    """``Host`` is the host of the URL."""
    where = str(tmp_path / "endpoint")
    heard = []

    def serve(listener):
        channel, _ = listener.accept()
        with channel:
            heard.append(channel.recv(65536))
            channel.sendall(HEAD + b"Content-Length: 0\r\n\r\n")

    with listening(socket.AF_UNIX, where) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        with http.connect("http://sampler", time.monotonic() + 20, path=where) as connection:
            assert connection.request("GET", "/").status == 200
        thread.join()
    assert b"\r\nHost: sampler\r\n" in heard[0]


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/a b", {}),
        ("/a\r\nX: y", {}),
        ("/\xb5", {}),
        ("/", {"A": "b\r\nX: y"}),
        ("/", {"A b": "c"}),
    ],
)
def test_what_is_no_request_is_not_sent(path, fields):
    """A value cannot add a field to a request."""
    with ScriptedHTTP() as server:
        with (
            http.connect(server.url, time.monotonic() + 5) as connection,
            pytest.raises(ValueError, match=r"request|ascii"),
        ):
            connection.request("GET", path, fields)
        assert server.requests == []


@pytest.mark.parametrize(
    "url", ["ftp://a", "127.0.0.1:9091", "https://127.0.0.1", "http://", "http://a:99999"]
)
def test_what_is_no_url_is_said(url):
    """And https without a context, which would not be encrypted."""
    with pytest.raises(ValueError, match=r"URL|[Pp]ort"):
        http.connect(url, time.monotonic() + 5)


@pytest.mark.parametrize("path", ["/a b", "/\xb5", "/a\tb"])
def test_a_gateways_url_is_encoded_by_whoever_writes_it(path):
    """This is an error of the configuration, not of every push."""
    with pytest.raises(ValueError, match=r"url: .*written with %"):
        Pushgateway(url=f"http://127.0.0.1:9091{path}")
