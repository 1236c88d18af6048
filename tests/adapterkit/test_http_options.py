"""Keys of adapters that send by HTTP: credentials, header fields, certificates, proxies."""

from __future__ import annotations

import logging
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from sampler import ConfigurationError
from sampler.adapterkit import http
from sampler.adapterkit._http.proxies import proxy_for
from sampler.adapterkit.http_options import HTTPOptions, url_fault
from sampler.agent import Batch, Rejected, Unavailable, option, options
from sampler.agent.config.reading import parse, read
from sampler_prometheus import Pushgateway
from tests.support.certificates import issue, trust
from tests.support.http_proxy import HTTPProxy
from tests.support.ports import HOST, hold_ports
from tests.support.scripted import ScriptedHTTP, status

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "canary-7b2d-of-the-test"
NAME = "gateway.example"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch) -> None:
    """Whatever the machine that runs the tests has."""
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def lines(request: Any) -> set[str]:
    """Return the lines of a request's head."""
    return set(request.head.decode().split("\r\n"))


def probed(**keys: Any) -> Any:
    """Ask a server whether it answers, as ``sampler check`` does; return the request."""
    with ScriptedHTTP() as server:
        Pushgateway(url=server.url, **keys).send(Batch((), 0), 5.0)
        (request,) = server.requests
    return request


def test_header_fields_and_credentials_are_in_every_request() -> None:
    """The probe, too; bearer or basic."""
    request = probed(headers={"X-Scope-OrgID": "tenant", "x-key": "k"}, bearer="abc.def=")
    assert lines(request) >= {
        "X-Scope-OrgID: tenant",
        "x-key: k",
        "Authorization: Bearer abc.def=",
    }
    assert "Authorization: Basic bWU6cHc=" in lines(probed(username="me", password="pw"))
    assert "Authorization: ApiKey 1" in lines(probed(headers={"Authorization": "ApiKey 1"}))


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"headers": {"X-A": "b\r\nX-B: c"}}, "headers: 'X-A' has a value with a line break"),
        ({"headers": {"X-A": "b\n"}}, "headers: 'X-A' has a value with a line break"),
        ({"headers": {"X-A": " b"}}, "a space at an end"),
        ({"headers": {"X-A": "caf\xe9"}}, "no ASCII text"),
        ({"headers": {"X A": "b"}}, "headers: 'X A' is no name of a header field"),
        ({"headers": {"": "b"}}, "headers: '' is no name"),
        ({"headers": {"X-A\n": "b"}}, "is not a key"),
        ({"headers": {"Host": "b"}}, "headers: 'Host' is set by the adapter"),
        ({"headers": {"content-type": "b"}}, "'content-type' is set by the adapter"),
        ({"headers": {"X-A": "b", "x-a": "c"}}, "headers: 'x-a' is given twice"),
        ({"headers": {"X-A": 3}}, "headers: expected a table of strings"),
        ({"bearer": "Bearer abc"}, "bearer: write the token alone, without the word Bearer"),
        ({"bearer": "a b"}, "bearer: a token has"),
        ({"bearer": "a\n"}, "bearer: a token has"),
        ({"bearer": ""}, "bearer: a token has"),
        ({"bearer": "a", "username": "b", "password": "c"}, "bearer: a request has one"),
        ({"bearer": "a", "headers": {"AUTHORIZATION": "b"}}, "bearer: a request has one"),
        ({"username": "b"}, "username and password go together"),
        ({"tls_key": "/nowhere"}, "tls_key: url must begin with https://"),
        ({"tls_cert": __file__}, "tls_cert: url must begin with https://"),
        ({"url": "https://a", "tls_cert": "/nowhere"}, "tls_cert: '/nowhere' cannot be read"),
        ({"url": "https://a", "tls_cert": __file__}, "hold no certificate"),
        ({"proxy": "socks5://a:1"}, "proxy: a proxy's URL begins with http://"),
        ({"proxy": "https://a:1"}, "proxy: a proxy's URL begins with http://"),
        ({"proxy": "http://a:99999"}, "proxy: a proxy's URL begins with http://"),
        ({"proxy": f"http://me:{SECRET}@a:1"}, "set https_proxy or http_proxy in the env"),
    ],
)
def test_what_cannot_be_is_said_at_configuration_time(keys, said) -> None:
    """With the key, and without a value that may be a secret."""
    with pytest.raises(ConfigurationError) as caught:
        parse({"adapters": {"pushgateway": keys}})
    (problem,) = caught.value.problems
    assert said in problem
    assert SECRET not in problem
    assert "X-B" not in problem


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        ("token\n", 0o600, ""),
        ("token", 0o600, ""),
        ("token\r\nmore\n", 0o600, ""),
        ("  token  \n", 0o600, ""),
        ("", 0o600, "has an empty first line"),
        ("\ntoken\n", 0o600, "has an empty first line"),
        ("to ken\n", 0o600, "a token has letters"),
        ("token\n", 0o644, "others can read"),
        (None, 0o600, "cannot be read: No such file"),
        ("\ufefftoken\n", 0o600, "begins with a byte order mark"),
        ("x" * 2**21, 0o600, "more than 1,048,576 bytes"),
    ],
)
def test_a_token_may_come_from_a_file(tmp_path, content, mode, said) -> None:
    """Its first line; who else can read it is a problem, as of any secret. Headers likewise."""
    file = tmp_path / "token"
    if content is not None:
        file.write_text(content, "utf-8", newline="")
        file.chmod(mode)
    for key in ({"bearer": f"file:{file}"}, {"headers": {"X-Key": f"file:{file}"}}):
        if "to ken" in str(content) and "headers" in key:
            continue  # a header may have spaces
        try:
            settings = parse({"adapters": {"pushgateway": key}})
        except ConfigurationError as error:
            assert said
            assert said in str(error)
        else:
            assert not said
            (only,) = settings.adapters
            assert (only.adapter.bearer or only.adapter.headers["X-Key"]) == "token"


def test_a_token_that_has_changed_is_read_by_a_reload(tmp_path) -> None:
    """The adapter is another one then."""
    file = tmp_path / "token"
    file.touch(0o600)
    found = []
    for token in ("one", "one", "two"):
        file.write_text(f"{token}\n")
        found += parse({"adapters": {"pushgateway": {"bearer": f"file:{file}"}}}).adapters
    assert found[0] == found[1] != found[2]


def test_a_file_with_secrets_in_it_has_to_be_private(tmp_path) -> None:
    """Whichever key holds them; a variable or a file is none."""
    file = tmp_path / "sampler.toml"
    for keys in ("bearer = 'abc'", "headers = { X-Key = 'abc' }"):
        file.write_text(f"[adapters.pushgateway]\n{keys}\n")
        file.chmod(0o644)
        with pytest.raises(ConfigurationError, match="holds a secret, and others can read"):
            read(file)
        file.chmod(0o600)
        assert read(file).adapters


def test_nobody_is_shown_a_secret(caplog) -> None:
    """No repr, no error, no line in the log: of a token, a header field, a proxy's password."""
    keys = {"bearer": SECRET, "headers": {"X-Key": f"{SECRET}-2"}, "proxy": ""}
    settings = parse({"adapters": {"pushgateway": keys}})
    adapter = settings.adapters[0].adapter
    logging.getLogger("sampler").warning("it says %s and %s", SECRET, f"{SECRET}-2")
    shown = f"{settings!r} {settings.adapters!r} {adapter!r} {adapter.exposure} {caplog.text}"
    assert SECRET not in shown
    for option_ in ("bearer", "headers"):
        assert options(Pushgateway)[option_].secret


@pytest.mark.parametrize(
    ("keys", "what"),
    [
        ({"bearer": "abc"}, "token"),
        ({"headers": {"X-Key": "abc"}}, "header fields"),
        ({"username": "a", "password": "b"}, "password"),
        ({}, None),
    ],
)
def test_what_others_could_read_on_its_way_is_said(keys, what) -> None:
    """Unless it is encrypted, or stays on this host."""
    said = Pushgateway(url="http://gateway.example", **keys).exposure
    assert said == (None if what is None else said)
    assert what is None or f"sends its {what} unencrypted" in str(said)
    assert Pushgateway(url="https://gateway.example", **keys).exposure is None
    assert Pushgateway(url="http://127.0.0.1", **keys).exposure is None


@attrs.define(eq=False)
class Post(HTTPOptions):
    """An adapter of somebody else."""

    url: str = option("http://127.0.0.1:8080", "Where to post to.", check=url_fault)
    colour: str = option("red", "Which.")


def test_another_adapter_inherits_all_of_it() -> None:
    """Its own keys come first."""
    assert list(options(Post))[:3] == ["url", "colour", "username"]
    with ScriptedHTTP(status(200)) as server:
        post = Post(url=server.url, bearer="abc")
        with post.connect(time.monotonic() + 5) as connection:
            fields = post.fields({"Content-Type": "text/plain"})
            assert connection.request("POST", "/", fields, b"x").status == 200
        (request,) = server.requests
    assert lines(request) >= {"Authorization: Bearer abc", "Content-Type: text/plain"}


class Secure:
    """An https server that keeps what it is asked; asks for a certificate of an authority."""

    def __init__(self, folder: Path, *, ask: bool = False) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*issue(folder, "localhost", NAME))
        if ask:
            context.load_verify_locations(trust(folder))
            context.verify_mode = ssl.CERT_REQUIRED
        self.heads: list[str] = []
        heads = self.heads

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                heads.append(f"{self.requestline}\n{self.headers}")
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        class Quiet(HTTPServer):
            def handle_error(self, *_: object) -> None:
                """A client that cannot prove who it is ends with an error."""

        self.server = Quiet((HOST, 0), Handler)
        self.port: int = self.server.server_port
        self.server.socket = context.wrap_socket(
            self.server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))

    def __enter__(self) -> Secure:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(10)


@pytest.fixture
def client(tmp_path) -> Iterator[tuple[str, str]]:
    """The certificate of a client, and its key."""
    folder = tmp_path / "client"
    folder.mkdir()
    certificate, key = issue(folder, "client")
    return str(certificate), str(key)


def test_a_server_may_ask_for_a_certificate(tmp_path, client) -> None:
    """In one file or two; without it, it is said what it asks for."""
    certificate, key = client
    both = tmp_path / "both.pem"
    both.touch(0o600)
    both.write_text(Path(certificate).read_text() + Path(key).read_text())
    with Secure(tmp_path, ask=True) as server:
        keys = {"url": f"https://localhost:{server.port}", "tls_ca": str(trust(tmp_path))}
        for shown in (
            {"tls_cert": certificate, "tls_key": key},
            {"tls_cert": str(both)},
        ):
            Pushgateway(**keys, **shown).send(Batch((), 0), 5.0)
        assert len(server.heads) == 2
        with pytest.raises(Unavailable, match=r"asks for a certificate: set tls_cert|reset|pipe"):
            Pushgateway(**keys).send(Batch((), 0), 5.0)
    assert set(Pushgateway(**keys, tls_cert=certificate, tls_key=key).files) == {
        str(trust(tmp_path)),
        certificate,
        key,
    }


def test_a_plain_server_is_asked_through_a_proxy_by_its_whole_url() -> None:
    """By the key, also for this host: it was asked for."""
    with ScriptedHTTP() as server, HTTPProxy() as proxy:
        Pushgateway(url=f"{server.url}/prefix", proxy=proxy.url).send(Batch((), 0), 5.0)
        (head,) = proxy.heads
        (request,) = server.requests
    target = f"GET http://{HOST}:{server.port}/prefix/-/ready HTTP/1.1"
    assert head.decode().startswith(target)
    assert f"Host: {HOST}:{server.port}" in lines(request)


def test_an_https_server_is_reached_through_a_tunnel(tmp_path) -> None:
    """The proxy sees a name and a port, and neither path nor token."""
    with Secure(tmp_path) as server, HTTPProxy() as proxy:
        Pushgateway(
            url=f"https://localhost:{server.port}",
            tls_ca=str(trust(tmp_path)),
            bearer=SECRET,
            proxy=proxy.url,
        ).send(Batch((), 0), 5.0)
        (head,) = proxy.heads
        (asked,) = server.heads
        passed = proxy.passed
    assert head.decode().splitlines() == [
        f"CONNECT localhost:{server.port} HTTP/1.1",
        f"Host: localhost:{server.port}",
    ]
    assert SECRET in asked
    assert SECRET.encode() not in passed
    assert b"ready" not in passed


def test_the_environment_names_proxies(tmp_path, monkeypatch) -> None:
    """With a password, for the proxy only; ``no_proxy`` is obeyed; none is asked for this host."""
    with (
        Secure(tmp_path) as server,
        ScriptedHTTP() as plain,
        HTTPProxy(f"me:{SECRET}", hosts=(NAME,)) as proxy,
    ):
        url = proxy.url.replace("://", f"://me:{SECRET}@")
        monkeypatch.setenv("https_proxy", url)
        monkeypatch.setenv("http_proxy", url)
        keys = {"tls_ca": str(trust(tmp_path))}
        Pushgateway(url=f"https://{NAME}:{server.port}", **keys).send(Batch((), 0), 5.0)
        Pushgateway(url=f"http://{NAME}:{plain.port}").send(Batch((), 0), 5.0)
        assert [head.split()[0] for head in proxy.heads] == [b"CONNECT", b"GET"]
        assert SECRET not in server.heads[0]
        Pushgateway(url=plain.url).send(Batch((), 0), 5.0)
        Pushgateway(url=f"http://localhost:{plain.port}").send(Batch((), 0), 5.0)
        assert len(proxy.heads) == 2
        monkeypatch.setenv("no_proxy", "a.example,gateway.example")
        with pytest.raises(Unavailable):  # there is no such host
            Pushgateway(url=f"http://{NAME}:{plain.port}").send(Batch((), 0), 5.0)
        monkeypatch.delenv("no_proxy")
        with pytest.raises(Unavailable):
            Pushgateway(url=f"http://{NAME}:{plain.port}", proxy="").send(Batch((), 0), 5.0)
        assert len(proxy.heads) == 2


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_fails_is_named_and_nothing_is_lost(tmp_path, scheme, monkeypatch) -> None:
    """Down, without a way, asking for a password, or no proxy at all; no password is shown."""
    keys = {"tls_ca": str(trust(tmp_path))} if scheme == "https" else {}
    batch = Batch((b"a 1\n",), 1, note="/metrics/job/x")

    def pushed(url: str, to: str = f"{NAME}:9091") -> str:
        monkeypatch.setenv(f"{scheme}_proxy", url.replace("://", f"://me:{SECRET}@"))
        adapter = Pushgateway(url=f"{scheme}://{to}", delete_on_stop=False, **keys)
        with pytest.raises((Unavailable, Rejected)) as caught:
            adapter.send(batch, 5.0)
        assert SECRET not in str(caught.value)
        return f"{type(caught.value).__name__}: {caught.value}"

    (held,) = hold_ports(1)
    port = held.getsockname()[1]
    said = pushed(f"http://{HOST}:{port}")
    assert f"the proxy {HOST}:{port} does not answer: Connection refused" in said
    (closed,) = hold_ports(1)
    with HTTPProxy(hosts=(NAME,)) as proxy:
        assert "502" in pushed(proxy.url, f"{NAME}:{closed.getsockname()[1]}")
    with HTTPProxy("other:password", hosts=(NAME,)) as proxy:
        assert "the proxy requires a name and a password" in pushed(proxy.url)
    with HTTPProxy(answer=b"SSH-2.0-x\r\n\r\n") as proxy:
        assert "reply is not HTTP" in pushed(proxy.url)
    with HTTPProxy(answer=b"HTTP/1.1 200 OK\r\n\r\nand more") as proxy:
        if scheme == "https":
            assert "the proxy does not connect" in pushed(proxy.url)
    monkeypatch.setenv(f"{scheme}_proxy", f"socks5://me:{SECRET}@{HOST}:1")
    with pytest.raises(Unavailable, match="a proxy's URL begins with http://") as caught:
        Pushgateway(url=f"{scheme}://{NAME}", **keys).send(batch, 5.0)
    assert SECRET not in str(caught.value)
    held.close()
    closed.close()


def test_a_unix_socket_has_no_proxy(tmp_path, monkeypatch) -> None:
    """It is on this host, whatever the URL says."""
    monkeypatch.setenv("http_proxy", f"http://{HOST}:1")
    with pytest.raises(FileNotFoundError):
        http.connect(f"http://{NAME}", time.monotonic() + 5, path=str(tmp_path / "absent"))


@pytest.mark.parametrize(
    ("excepted", "none"),
    [
        ("", False),
        ("*", True),
        (NAME, True),
        ("GATEWAY.example", True),
        ("example", True),
        (".example", True),
        ("a.b, example:9091", True),
        ("example:9092", False),
        ("way.example", False),
        ("other", False),
        (",", False),
    ],
)
def test_no_proxy_has_hosts_and_domains(monkeypatch, excepted, none) -> None:
    """As curl and others read it."""
    monkeypatch.setenv("http_proxy", "http://proxy.example")
    monkeypatch.setenv("NO_PROXY", excepted)
    assert (proxy_for("http", NAME, 9091, None) is None) == none


def test_a_variable_in_capitals_counts_but_not_where_a_client_may_have_made_it(
    monkeypatch,
) -> None:
    """In CGI a request's field ``Proxy`` becomes ``HTTP_PROXY``."""
    monkeypatch.setenv("HTTP_PROXY", "proxy.example:3128")
    found = proxy_for("http", NAME, 80, None)
    assert found is not None
    assert (found.host, found.port) == ("proxy.example", 3128)
    monkeypatch.setenv("REQUEST_METHOD", "GET")
    assert proxy_for("http", NAME, 80, None) is None
    monkeypatch.setenv("all_proxy", "http://last.example")
    found = proxy_for("https", NAME, 443, None)
    assert found is not None
    assert (found.host, found.port) == ("last.example", 80)
