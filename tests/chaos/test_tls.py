"""A gateway that cannot prove who it is gets no byte of what we have."""

from __future__ import annotations

import contextlib
import datetime as dt
import socket
import ssl
import threading

import pytest
import trustme

from sampler import Registry
from sampler.agent import Agent, Batch, Unavailable
from sampler.agent.config.reading import parse
from sampler_prometheus import Pushgateway
from tests.adapters.shapes import gauge, snapshot
from tests.chaos.ledger import check
from tests.support.certificates import issue, trust
from tests.support.command import sampler
from tests.support.waiting import wait_for

PASSWORD = "canary-7f3a9c"
YESTERDAY = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)


class Gateway:
    """Takes pushes over TLS, or speaks plain HTTP; remembers every byte that it understood."""

    def __init__(self, context=None):
        self.context = context
        self.heard = b""
        self.raw = b""
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self):
        while True:
            try:
                channel, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            channel.settimeout(5)
            with contextlib.suppress(OSError), channel:
                self._answer(channel)

    def _answer(self, channel):
        if self.context is None:
            self.raw += channel.recv(65536)
            channel.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            return
        with self.context.wrap_socket(channel, server_side=True) as secure:
            heard = b""
            while b"\r\n\r\n" not in heard and (data := secure.recv(65536)):
                heard += data
            head, _, body = heard.partition(b"\r\n\r\n")
            length = next(
                (int(line[15:]) for line in head.split(b"\r\n") if b"Content-Length" in line), 0
            )
            while len(body) < length and (data := secure.recv(65536)):
                body += data
            self.heard += head + body
            secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    @property
    def pushes(self):
        """How many snapshots it has taken."""
        return self.heard.count(b"PUT /metrics/")


def presenting(folder, *names, **how):
    """Return a server's context with a certificate for these names."""
    certificate, key = issue(folder, *names, **how)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context


def agent(folder, gateway):
    """Return an agent that pushes one entry, beside its own metrics, to localhost."""
    registry = Registry()
    registry.register({"name": "job", "sample": lambda: [("rows", 7)]})
    keys = {
        "url": f"https://localhost:{gateway.port}",
        "username": "me",
        "password": PASSWORD,
        "tls_ca": str(trust(folder)),
        "delete_on_stop": False,
        "gzip": False,
        "timeout": 2.0,
    }
    table = {"interval": 0.1, "samplers": {"enable": ["job"]}, "adapters": {"pushgateway": keys}}
    return Agent(parse(table), registry)


FAULTS = {
    "expired": (("localhost",), {"expires": YESTERDAY}, "certificate has expired"),
    "wrong name": (("other.example",), {}, "localhost"),
    "another authority": (("localhost",), {"by": trustme.CA()}, "certificate"),
}


@pytest.mark.scenario(13)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_certificate_is_one_line_and_no_byte_until_it_is_mended(fault, tmp_path, caplog):
    """Nothing goes out in plain either; afterwards the newest arrives."""
    names, how, said = FAULTS[fault]
    with Gateway(presenting(tmp_path, *names, **how)) as gateway:
        running = agent(tmp_path, gateway)
        running.start()
        try:
            wait_for(lambda: gateway.connections >= 2, what="a second attempt")
            assert gateway.heard == b""
            assert "its certificate is not accepted" in running.troubles()["pushgateway"]
            gateway.context = presenting(tmp_path, "localhost")
            wait_for(lambda: gateway.pushes, limit=20, what="a push")
        finally:
            running.stop()
        balance = running.balances()["pushgateway"]
    assert b"job_rows 7" in gateway.heard
    warnings = [r.getMessage() for r in caplog.records if "not accepted" in r.getMessage()]
    (warning,) = warnings
    assert said in warning
    assert PASSWORD not in caplog.text
    received = sum(line_is_entry(line) for line in gateway.heard.splitlines())
    check(balance, received)
    assert balance.unconfirmed == 0


def line_is_entry(line):
    """Tell whether a line of a page, or the end of one before a head, is an entry's first."""
    return line.startswith((b"job_", b"sampler_")) and b"_bucket" not in line


@pytest.mark.scenario(13)
def test_a_plain_port_behind_an_https_address_gets_a_greeting_only(tmp_path):
    """Neither the credentials nor the payload: there is no way back to plain HTTP."""
    with Gateway() as gateway:
        adapter = Pushgateway(
            url=f"https://localhost:{gateway.port}",
            username="me",
            password=PASSWORD,
            tls_ca=str(trust(tmp_path)),
            gzip=False,
        )
        (batch,) = adapter.encode(snapshot((gauge("a.b"), 1)), {})
        with pytest.raises(Unavailable):
            adapter.send(batch, 5.0)
        adapter.close()
        raw = gateway.raw
    assert raw.startswith(b"\x16\x03"), "a TLS record"
    assert b"HTTP" not in raw
    assert b"a_b" not in raw


@pytest.mark.scenario(13)
def test_a_handshake_that_drips_has_an_end(tmp_path):
    """At the limit of the attempt."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip():
            channel, _ = listener.accept()
            with channel, contextlib.suppress(OSError):
                channel.sendall(b"\x16\x03\x03\x40\x00")
                while not over.wait(0.05):
                    channel.sendall(b"\x02")

        thread = threading.Thread(target=drip)
        thread.start()
        url = f"https://localhost:{listener.getsockname()[1]}"
        adapter = Pushgateway(url=url, tls_ca=str(trust(tmp_path)))
        with pytest.raises(Unavailable):
            adapter.send(Batch((), 0), 0.5)
        over.set()
        thread.join(10)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"tls_ca": "/nowhere/ca.pem"}, "tls_ca: '/nowhere/ca.pem' cannot be read: No such file"),
        ({"tls_ca": __file__}, "holds no certificate in PEM"),
        ({"tls_ca": __file__, "url": "http://localhost"}, "url must begin with https://"),
    ],
)
def test_an_authority_that_is_none_is_said_at_configuration_time(keys, said):
    """With the key."""
    with pytest.raises(ValueError, match="tls_ca: ") as caught:
        Pushgateway(**{"url": "https://localhost", **keys})
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("url", "exposed"),
    [
        ("http://gateway.example:9091", True),
        ("http://10.0.0.1:9091", True),
        ("http://[2001:db8::1]:9091", True),
        ("http://localhost:9091", False),
        ("http://127.8.9.1:9091", False),
        ("http://[::1]:9091", False),
        ("https://gateway.example:9091", False),
    ],
)
def test_a_password_that_others_could_read_on_its_way_is_said(url, exposed):
    """Without a password there is nothing to say."""
    said = Pushgateway(url=url, username="me", password=PASSWORD).exposure
    assert bool(said) == exposed
    assert PASSWORD not in (said or "")
    assert Pushgateway(url=url).exposure is None


def test_check_warns_of_a_password_that_others_could_read(tmp_path):
    """Once, and it is no failure."""
    (tmp_path / "sampler.toml").write_text(
        '[adapters.pushgateway]\nurl = "http://gateway.example"\n'
        'username = "me"\npassword = "${PASSWORD}"\n'
    )
    done = sampler("check", "--no-network", cwd=tmp_path, PASSWORD=PASSWORD)
    assert done.returncode == 0
    (line,) = [line for line in done.stderr.splitlines() if "password" in line]
    assert line.startswith("adapter 'pushgateway' sends its password unencrypted: use")
    assert PASSWORD not in done.stdout + done.stderr
