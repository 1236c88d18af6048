"""Which host names a server answers to."""

from __future__ import annotations

import http.client
import socket

import pytest

from sampler.adapterkit._http.hosts import answers_to, own_names
from sampler.agent import Ledger
from sampler_prometheus import Prometheus, WSGIApp
from tests.adapters.shapes import gauge, snapshot

GOOD = [
    *("127.0.0.1", "127.0.0.1:9464", "10.1.2.3", "[::1]", "[::1]:9464", "[fe80::1%eth0]:80"),
    *("localhost", "LOCALHOST:1", "localhost.", "web1.example", "WEB1.example.:9464"),
    *("192.168.1.1:", "8.8.8.8:80"),
]
BAD = [
    *("evil.example", "evil.example:9464", "127.0.0.1.evil.example", "localhost.evil.example"),
    *("xlocalhost", "", ":", ":80", "[", "[]", "[::1", "::1", "[127.0.0.1]", "[::1]x", "[::1]:x"),
    *(
        "127.0.0.1:x",
        "127.0.0.1:80:90",
        "me@127.0.0.1",
        "127.0.0.1/",
        "127.1",
        "0x7f.1",
        "2130706433",
    ),
    *("web1.example,evil.example", "web1", "localhost, localhost", "a" * 300, "\xb5", "..", "."),
]


@pytest.mark.scenario(46)
@pytest.mark.parametrize("host", GOOD)
def test_addresses_and_known_names_are_good(host):
    """With a port or without."""
    assert answers_to(host, {"web1.example"})


@pytest.mark.scenario(46)
@pytest.mark.parametrize("host", BAD)
def test_other_names_are_not(host):
    """DNS rebinding needs a name, and a name that is similar to a known one is unknown."""
    assert not answers_to(host, {"web1.example"})


def asked(head: bytes, **options) -> bytes:
    """Return the answer of a page to raw bytes."""
    page = Prometheus(listen="127.0.0.1:0", **options)
    page.open(lambda: snapshot((gauge("a.b"), 1)), Ledger())
    host, _, port = page.address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=10) as client:
            client.sendall(head)
            return b"".join(iter(lambda: client.recv(65536), b""))
    finally:
        page.close(5.0)


@pytest.mark.scenario(46)
@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421),
        (b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421),
        (b"HEAD /-/healthy HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421),
        (b"GET /metrics HTTP/1.0\r\nHost: evil.example\r\n\r\n", 421),
        (b"GET http://evil.example/metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", 421),
        (b"GET http://evil.example/metrics HTTP/1.0\r\n\r\n", 421),
        (b"GET http://localhost/metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n", 200),
        (b"GET HTTPS://localhost:1/metrics HTTP/1.1\r\nHost: x\r\n\r\n", 200),
        (b"GET /metrics HTTP/1.1\r\nHost:\r\n\r\n", 421),
        (b"GET /metrics HTTP/1.1\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.2\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.0\r\n\r\n", 200),
        (b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\nHost: Shop.example:80\r\n\r\n", 200),
        (b"GET /metrics HTTP/1.1\r\nHost: app\r\n\r\n", 200),
    ],
)
def test_a_page_is_for_those_who_mean_it(head, status):
    """421 says which names are answered; a whole URL as target comes before Host."""
    answer = asked(head, hosts=("shop.example", "App"))
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    if status == 421 and not head.startswith(b"HEAD"):
        assert b"hosts = [...]" in answer
        assert b"evil" not in answer


def test_a_host_is_known_with_and_without_its_domain(monkeypatch):
    """In lower case; a host without a domain has one name."""
    for name, names in (("Web1.example.org", {"web1.example.org", "web1"}), ("web1", {"web1"})):
        monkeypatch.setattr("socket.gethostname", lambda name=name: name)
        assert own_names() == names


@pytest.mark.scenario(46)
def test_this_hosts_own_names_are_good():
    """Whatever its name is."""
    for name in own_names():
        answer = asked(b"GET /metrics HTTP/1.1\r\nHost: %s:9464\r\n\r\n" % name.encode())
        assert answer.startswith(b"HTTP/1.1 200 ")


def test_the_name_that_is_listened_on_is_good():
    """The name in ``listen`` is answered, too."""
    page = Prometheus(listen="localhost:0")
    page.open(lambda: snapshot((gauge("a.b"), 1)), Ledger())
    try:
        host, _, port = page.address.rpartition(":")
        connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=10)
        connection.request("GET", "/metrics", headers={"Host": f"localhost:{port}"})
        assert connection.getresponse().status == 200
        connection.close()
    finally:
        page.close(5.0)


def test_the_first_refused_names_are_a_line_each_in_the_log(caplog):
    """In a container it may be the page's own name: the log says what to add."""
    page = Prometheus(listen="127.0.0.1:0")
    page.open(lambda: snapshot((gauge("a.b"), 1)), Ledger())
    host, _, port = page.address.rpartition(":")
    names = [b"app\xff" + b"a" * 3000, b"", *[b"n%d" % number for number in range(20)]]
    try:
        for name in names * 2:
            with socket.create_connection((host, int(port)), timeout=10) as client:
                client.sendall(b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % name)
                assert client.recv(12) == b"HTTP/1.1 421"
    finally:
        page.close(5.0)
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 5
    assert r"'app\xffaaa" in said[0]
    assert "'n0'" in said[1]
    assert all("hosts = [...]" in line and len(line) < 300 for line in said)


@pytest.mark.parametrize(
    "host", ["", "a b", "http://a", "a:80", "a/b", "[::1]", "a,b", "me@a", "a\n", "a" * 300]
)
def test_what_is_no_name_is_explained(host):
    """Like every bad option."""
    with pytest.raises(ValueError, match="hosts: expected a host name alone"):
        Prometheus(hosts=(host,))


def test_a_mounted_page_is_its_applications():
    """The application checks hosts itself."""
    app = WSGIApp()
    said = []
    body = app({"REQUEST_METHOD": "GET", "HTTP_HOST": "evil.example"}, lambda *a: said.append(a))
    body.close()
    app.close()
    assert said[0][0] == "200 OK"


@pytest.mark.parametrize("error", [OSError, UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad")])
def test_a_host_without_a_name_has_none(error, monkeypatch):
    """Or one that is not text: the page answers to addresses and the names that it is given."""

    def refuse():
        raise error

    monkeypatch.setattr("socket.gethostname", refuse)
    assert own_names() == frozenset()
