"""HTTPS, credentials, and warnings about a page that has neither."""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
import subprocess
import threading
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from sampler import ConfigurationError, Registry
from sampler.adapterkit._http import client_connection
from sampler.agent import Agent, Ledger
from sampler.agent.config.reading import parse
from sampler_prometheus import Prometheus
from tests.adapters.scraped import Source, large
from tests.adapters.shapes import gauge, snapshot
from tests.support.certificates import issue, trust
from tests.support.command import sampler
from tests.support.waiting import wait_for, within

NAME = "localhost"


def client_context(folder):
    return ssl.create_default_context(cafile=str(trust(folder)))


def secured(folder, **keys):
    """Return keys of a page with a certificate."""
    certificate, key = issue(folder, NAME, "127.0.0.1")
    return {"listen": "127.0.0.1:0", "tls_cert": str(certificate), "tls_key": str(key), **keys}


def place(adapter):
    host, _, port = adapter.address.rpartition(":")
    return host, int(port)


def get(adapter, context=None, path="/metrics", method="GET", credentials=None):
    """Ask over TLS; return status, headers and body."""
    host, port = place(adapter)
    if context is None:
        connection = http.client.HTTPConnection(host, port, timeout=10)
    else:
        connection = http.client.HTTPSConnection(host, port, timeout=10, context=context)
    headers = {}
    if credentials is not None:
        headers["Authorization"] = f"Basic {base64.b64encode(credentials.encode()).decode()}"
    try:
        connection.request(method, path, headers=headers)
        with connection.getresponse() as response:
            return response.status, dict(response.getheaders()), response.read()
    finally:
        connection.close()


@contextmanager
def serving(**keys):
    """Serve two entries; yield the adapter, its source and its ledger."""
    adapter, source, ledger = Prometheus(**keys), Source(), Ledger()
    adapter.open(source, ledger)
    try:
        yield adapter, source, ledger
    finally:
        source.open.set()
        adapter.close(5.0)
        assert ledger.balance().holds


def test_a_page_with_a_certificate_is_served_over_tls_only(tmp_path):
    """The client verifies it; plain HTTP gets no reply."""
    with serving(**secured(tmp_path)) as (adapter, _, ledger):
        status, headers, body = get(adapter, client_context(tmp_path))
        assert status == 200
        assert int(headers["Content-Length"]) == len(body)
        assert body.endswith(b"a_c 2\n")
        wait_for(lambda: ledger.balance().delivered == 2, what="the client's end")
        with pytest.raises((http.client.BadStatusLine, ConnectionError)):
            get(adapter)
        assert ledger.balance().collected == 2


def test_a_large_page_arrives_whole_at_a_slow_reader(tmp_path):
    """In any number of pieces."""
    with serving(**secured(tmp_path)) as (adapter, source, ledger):
        source.shot = large()
        status, headers, body = get(adapter, client_context(tmp_path))
        assert (status, int(headers["Content-Length"])) == (200, len(body))
        wait_for(lambda: ledger.balance().delivered == 20_000, what="the client's end")


def test_old_versions_of_tls_are_refused(tmp_path):
    """TLS 1.2 or later."""
    context = client_context(tmp_path)
    with serving(**secured(tmp_path)) as (adapter, _, _ledger):
        context.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1"):
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionError)):
            get(adapter, context)


@pytest.mark.scenario(35)
def test_clients_that_dawdle_over_the_handshake_keep_nobody_out(tmp_path, monkeypatch):
    """They are evicted, and closed in time, like clients that are slow to send a head."""
    context = client_context(tmp_path)
    with (
        serving(**secured(tmp_path, max_connections=8)) as (adapter, _, _ledger),
        ExitStack() as on,
    ):
        idle = [on.enter_context(socket.create_connection(place(adapter))) for _ in range(30)]
        idle[1].sendall(b"\x16\x03\x01")
        assert get(adapter, context)[0] == 200
        assert len(adapter._server._clients) <= 8
        monkeypatch.setattr(client_connection, "HEAD_LIMIT", 0.3)
        late = on.enter_context(socket.create_connection(place(adapter), timeout=5))
        assert late.recv(1) == b""


def test_credentials_are_needed_for_every_path_and_method(tmp_path):
    """Without credentials nothing is answered, not even which paths exist."""
    keys = secured(tmp_path, username="prom", password="s3cret pass:word")
    context = client_context(tmp_path)
    with serving(**keys) as (adapter, source, _ledger):
        for path in ("/metrics", "/", "/-/healthy", "/-/ready", "/other"):
            for method in ("GET", "HEAD", "POST"):
                for wrong in (None, "prom:", "prom:s3cret", "prom:s3cret pass:word ", ":", "x:y"):
                    status, headers, _ = get(adapter, context, path, method, wrong)
                    assert (status, headers["WWW-Authenticate"]) == (401, 'Basic realm="sampler"')
        assert source.calls == 0
        assert get(adapter, context, credentials="prom:s3cret pass:word")[0] == 200
        assert get(adapter, context, "/other", credentials="prom:s3cret pass:word")[0] == 404


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (b"basic cDpw", 200),
        (b"BASIC  cDpw ", 200),
        (b"Bearer cDpw", 401),
        (b"Basic", 401),
        (b"Basic cDpw\r\nAuthorization: Basic cDpw", 401),
        (b"Basic \xff\xfe", 401),
    ],
)
def test_a_header_of_credentials_is_read_as_http_has_it(header, status):
    """The scheme in any case; one header only."""
    with (
        serving(listen="127.0.0.1:0", username="p", password="p") as (adapter, _, _ledger),
        socket.create_connection(place(adapter), timeout=10) as client,
    ):
        client.sendall(
            b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nAuthorization: %s\r\n\r\n" % header
        )
        assert int(client.recv(100).split()[1]) == status


def test_closing_lets_an_answer_over_tls_end(tmp_path):
    """The port is free afterwards."""
    context = client_context(tmp_path)
    with serving(**secured(tmp_path)) as (adapter, source, _ledger):
        source.open.clear()
        got = []
        asking = threading.Thread(target=lambda: got.append(get(adapter, context)[0]))
        asking.start()
        wait_for(lambda: source.calls == 1, what="the pull")
        where = place(adapter)
        closing = threading.Thread(target=adapter.close, args=(10.0,))
        closing.start()
        source.open.set()
        asking.join()
        closing.join()
        assert got == [200]
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(where)


def test_a_reload_takes_a_renewed_certificate_and_keeps_the_port(tmp_path):
    """The configuration is the same, but the files are not. Unchanged files replace nothing."""
    keys = secured(tmp_path)
    registry = Registry()
    registry.register({"name": "job", "sample": lambda: [("rows", 7)]})

    def settings(**changes):
        table = {**keys, **changes}
        return parse({"samplers": {"enable": ["job"]}, "adapters": {"prometheus": table}})

    def serial(adapter):
        context = client_context(tmp_path)
        with (
            socket.create_connection(place(adapter), timeout=10) as raw,
            context.wrap_socket(raw, server_hostname=NAME) as client,
        ):
            return client.getpeercert()["serialNumber"]

    agent = Agent(settings(), registry)
    agent.start()
    try:
        first = agent.settings.adapters[0].adapter
        where, before = place(first), serial(first)
        agent.reload(settings())
        assert place(first) == where, "it is kept"
        secured(tmp_path)
        agent.reload(settings())
        second = agent.settings.adapters[0].adapter
        assert second is not first
        assert place(second) == where
        assert serial(second) != before
        assert b"job_rows 7" in get(second, client_context(tmp_path))[2]
        agent.reload(settings(username="p", password="password"))
        third = agent.settings.adapters[0].adapter
        assert place(third) == where
        assert get(third, client_context(tmp_path))[0] == 401
    finally:
        agent.stop()
    assert agent.balances()["prometheus"].holds


def test_a_real_client_verifies_and_authenticates(tmp_path):
    """As the manual says: curl, where there is one."""
    with serving(**secured(tmp_path, username="prom", password="password")) as (
        adapter,
        _,
        _ledger,
    ):
        url = "https://{}:{}/metrics".format(*place(adapter))
        command = ["curl", "-sS", "--cacert", str(trust(tmp_path)), "-u", "prom:password", url]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=20)
        except FileNotFoundError:
            pytest.skip("no curl here")
        assert done.stdout.endswith("a_c 2\n"), done.stderr


def bad(folder, make):
    """Return options with files that a function has made unusable."""
    keys = secured(folder)
    changes = make(keys["tls_cert"], keys["tls_key"], folder)
    return {k: v for k, v in {**keys, **(changes or {})}.items() if v is not None}


def other_key(_certificate, key, folder):
    (folder / "other").mkdir()
    _, other = issue(folder / "other", NAME)
    return {"tls_key": str(other)}


def encrypt(_certificate, key, _folder):
    file = Path(key)
    loaded = serialization.load_pem_private_key(file.read_bytes(), None)
    encrypted = serialization.BestAvailableEncryption(b"x")
    formats = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    file.write_bytes(loaded.private_bytes(*formats, encrypted))


def write(text):
    def spoil(certificate, _key, _folder):
        Path(certificate).write_text(text)

    return spoil


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda c, k, f: {"tls_cert": "/nowhere/x.pem"}, "tls_cert: '/nowhere/x.pem' cannot be"),
        (lambda c, k, f: {"tls_key": "/nowhere/x.pem"}, "tls_key: '/nowhere/x.pem' cannot be"),
        (lambda c, k, f: {"tls_cert": None}, "tls_key: set tls_cert, too"),
        (lambda c, k, f: {"tls_key": None}, "tls_cert: "),
        (other_key, "tls_key: the key in "),
        (encrypt, "is encrypted: store it without a passphrase"),
        (write(""), "hold no certificate with its private key, in PEM"),
        (write("-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"), "in PEM"),
        (lambda c, k, f: Path(k).chmod(0o640), "tls_key: others can read "),
        (lambda c, k, f: {"username": "me"}, "username and password go together"),
        (lambda c, k, f: {"username": "a:b", "password": "passwd"}, "does not allow ':'"),
    ],
)
def test_what_cannot_be_served_is_said_at_configuration_time(tmp_path, make, said):
    """The message names the option and the file."""
    with pytest.raises(ConfigurationError) as caught:
        parse({"adapters": {"prometheus": bad(tmp_path, make)}})
    (problem,) = caught.value.problems
    assert problem.startswith("adapters.prometheus")
    assert said in problem


@pytest.mark.parametrize(
    ("listen", "exposed"),
    [
        ("127.0.0.1:0", False),
        ("127.8.9.1:0", False),
        ("[::1]:0", False),
        ("localhost:0", False),
        ("0.0.0.0:0", True),
        ("[::]:0", True),
        ("10.0.0.1:0", True),
        ("web1.example:0", True),
    ],
)
def test_a_page_for_others_says_what_it_lacks(tmp_path, listen, exposed):
    """With both there is no warning."""
    said = Prometheus(listen=listen).exposure
    assert bool(said) == exposed
    if said:
        assert "set username and password" in said
        assert "set tls_cert" in said
    with_both = secured(tmp_path, listen=listen, username="p", password="password")
    assert Prometheus(**with_both).exposure is None


def test_an_open_page_is_one_warning_at_the_start(caplog):
    """A reload that changes nothing does not repeat it."""
    settings = parse({"adapters": {"prometheus": {"listen": "0.0.0.0:0"}}})
    agent = Agent(settings, Registry())
    agent.start()
    try:
        agent.reload(parse({"adapters": {"prometheus": {"listen": "0.0.0.0:0"}}}))
    finally:
        agent.stop()
    (warning,) = [r.getMessage() for r in caplog.records if "listens on" in r.getMessage()]
    assert warning.startswith("adapter 'prometheus' listens on 0.0.0.0:0: anybody who reaches it")


def test_check_warns_of_an_open_page(tmp_path):
    """Once, and the check succeeds."""
    (tmp_path / "sampler.toml").write_text('[adapters.prometheus]\nlisten = "0.0.0.0:0"\n')
    done = sampler("check", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stderr.count("listens on 0.0.0.0:0") == 1


def test_a_stalled_client_of_tls_delays_nobody(tmp_path):
    """A client that reads nothing of a page larger than every buffer."""
    context = client_context(tmp_path)
    with serving(**secured(tmp_path)) as (adapter, source, _ledger):
        source.shot = large()
        with (
            socket.create_connection(place(adapter)) as raw,
            context.wrap_socket(raw, server_hostname=NAME) as idle,
        ):
            idle.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
            wait_for(lambda: source.calls == 1, what="the first pull")
            source.shot = snapshot((gauge("a.b"), 1))
            with within(5.0, "a scrape"):
                assert get(adapter, context)[0] == 200
