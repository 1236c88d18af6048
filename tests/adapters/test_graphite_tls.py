"""Graphite over TLS: delivered only if the receiver ends TLS properly, else unconfirmed."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from typing import TYPE_CHECKING

import pytest

from sampler import ConfigurationError
from sampler.agent import DELIVERED, UNCONFIRMED, Agent, Batch, Unavailable
from sampler.agent.config.reading import parse
from sampler_graphite import Graphite
from tests.support.carbon_relay import CarbonCRelayTLS
from tests.support.certificates import issue, trust
from tests.support.doubles import LineSink
from tests.support.ports import HOST, hold_ports
from tests.support.process import MissingServerError
from tests.support.stunnel import Stunnel
from tests.support.waiting import wait_for, within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LINES = [b"a.b%d 1 1700000000" % i for i in range(100)]
BATCH = Batch((b"".join(line + b"\n" for line in LINES),), len(LINES))
PROBE = Batch((), 0)


@pytest.fixture
def sink() -> Iterator[LineSink]:
    """A receiver of lines, as carbon is one."""
    with LineSink() as sink:
        yield sink


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path, Path]:
    """A server's certificate, its key, and what to trust."""
    return *issue(tmp_path, HOST, "localhost"), trust(tmp_path)


def tunnel(folder: Path, behind: int, files: tuple[Path, Path, Path], **more: Path) -> Stunnel:
    """Return a stunnel; skip the test where there is none."""
    certificate, key, _ = files
    try:
        return Stunnel(folder / "stunnel", behind, certificate, key, **more)
    except MissingServerError as missing:
        pytest.skip(str(missing))


def adapter(port: int, files: tuple[Path, Path, Path], **keys: str) -> Graphite:
    """Return an adapter that trusts the tests' authority."""
    return Graphite(host=HOST, port=port, tls=True, tls_ca=str(files[2]), **keys)


def test_stunnel_confirms_what_the_receiver_behind_it_has_read(tmp_path, sink, files) -> None:
    """It answers the end when that one does; a batch without frames sends nothing."""
    with tunnel(tmp_path, sink.port, files) as stunnel:
        graphite = adapter(stunnel.port, files)
        assert graphite.send(PROBE, 5.0) is DELIVERED
        assert not sink.lines
        for _ in range(2):
            assert graphite.send(BATCH, 5.0) is DELIVERED
        assert sink.lines == LINES * 2
        large = Batch((b"a.b 1 1700000000\n" * 30_000,), 30_000)
        assert graphite.send(large, 10.0) is DELIVERED
        assert len(sink.lines) == 30_200


def test_behind_stunnel_a_receiver_that_hangs_confirms_nothing(tmp_path, sink, files) -> None:
    """What ends TLS has every byte; whether it was stored, nobody says."""
    with tunnel(tmp_path, sink.port, files) as stunnel:
        sink.hold_eof()
        assert adapter(stunnel.port, files).send(BATCH, 1.0) is UNCONFIRMED


def test_stunnel_without_a_receiver_is_unavailable(tmp_path, files) -> None:
    """Also when it is only asked whether it answers."""
    (held,) = hold_ports(1)
    with held, tunnel(tmp_path, held.getsockname()[1], files) as stunnel:
        graphite = adapter(stunnel.port, files)
        for batch in (PROBE, BATCH):
            with pytest.raises(Unavailable, match=f"Graphite at {HOST}:{stunnel.port}"):
                graphite.send(batch, 5.0)


def test_a_receiver_may_ask_for_a_certificate(tmp_path, sink, files) -> None:
    """Without one nothing is delivered, and it is said what to do."""
    (tmp_path / "client").mkdir()
    certificate, key = map(str, issue(tmp_path / "client", "client"))
    with tunnel(tmp_path, sink.port, files, ask=files[2]) as stunnel:
        known = adapter(stunnel.port, files, tls_cert=certificate, tls_key=key)
        assert known.send(BATCH, 5.0) is DELIVERED
        for batch in (PROBE, BATCH):
            with pytest.raises(Unavailable, match=r"asks for a certificate|[Rr]eset|pipe|closed"):
                adapter(stunnel.port, files).send(batch, 5.0)
        assert sink.lines == LINES
    assert known.files == (str(files[2]), certificate, key)


def test_who_receives_has_to_prove_it(tmp_path, sink, files) -> None:
    """The authority, the name, and that it speaks TLS at all."""
    with tunnel(tmp_path, sink.port, files) as stunnel:
        for graphite in (
            Graphite(host=HOST, port=stunnel.port, tls=True),
            Graphite(host="127.1", port=stunnel.port, tls=True, tls_ca=str(files[2])),
        ):
            with pytest.raises(Unavailable, match="its certificate is not accepted"):
                graphite.send(BATCH, 5.0)
    with pytest.raises(Unavailable):
        adapter(sink.port, files).send(BATCH, 0.5)
    assert not any(line.startswith(b"a.b") for line in sink.lines)


def test_carbon_c_relay_confirms_nothing_and_loses_nothing(tmp_path, sink, files) -> None:
    """It closes without TLS' end, so what arrives is unconfirmed, and sent once."""
    certificate, key, _ = files
    try:
        relay = CarbonCRelayTLS(tmp_path / "relay", sink.port, certificate, key)
    except MissingServerError as missing:
        pytest.skip(str(missing))
    with relay:
        graphite = adapter(relay.port, files)
        graphite.send(PROBE, 5.0)
        for _ in range(2):
            assert graphite.send(BATCH, 10.0) is UNCONFIRMED
        wait_for(lambda: len(sink.lines) == 200, what="what the relay passes on")
    assert sorted(sink.lines) == sorted(LINES * 2)


@pytest.mark.parametrize("protocol", ["plaintext", "pickle"])
def test_the_law_holds_against_what_arrived(tmp_path, sink, files, protocol) -> None:
    """Through a whole agent."""
    with tunnel(tmp_path, sink.port, files) as stunnel:
        keys = {"host": HOST, "port": stunnel.port, "tls": True, "tls_ca": str(files[2])}
        table = {**keys, "protocol": protocol, "interval": 0.1, "self_metrics": "all"}
        enabled = {"enable": ["process"]}
        agent = Agent(parse({"samplers": enabled, "adapters": {"graphite": table}}))
        agent.start()
        wait_for(lambda: agent.balances()["graphite"].delivered > 50)
        balance = agent.stop()["graphite"]
    assert balance.collected == balance.delivered > 0
    if protocol == "plaintext":
        assert len(sink.lines) == balance.delivered


class Peer:
    """A TLS server that ends each connection as it is told.

    Attributes:
        read: what it read, by connection.
    """

    def __init__(
        self,
        files: tuple[Path, Path, Path],
        end: Callable[[Peer, ssl.SSLSocket], None],
    ) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*files[:2])
        self._end = end
        self.read: list[bytes] = []
        self.over = threading.Event()
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Peer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(20)

    def all_of(self, channel: ssl.SSLSocket) -> None:
        """Read to the peer's end."""
        data = b""
        while part := channel.recv(65536):
            data += part
        self.read.append(data)

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            plain.settimeout(10)
            with contextlib.suppress(OSError), plain:
                secure = self._context.wrap_socket(
                    plain, server_side=True, suppress_ragged_eofs=True
                )
                with contextlib.suppress(OSError), secure:
                    self._end(self, secure)


def answers(peer: Peer, channel: ssl.SSLSocket) -> None:
    """Read all, and end properly."""
    peer.all_of(channel)
    with contextlib.suppress(OSError):
        channel.unwrap()


def closes(peer: Peer, channel: ssl.SSLSocket) -> None:
    """Read all, and close the connection."""
    peer.all_of(channel)


def hangs(peer: Peer, channel: ssl.SSLSocket) -> None:
    """Read all, and do nothing."""
    peer.all_of(channel)
    peer.over.wait(20)


def talks(peer: Peer, channel: ssl.SSLSocket) -> None:
    """Read all, and answer, as no receiver of this protocol does."""
    peer.all_of(channel)
    channel.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    peer.over.wait(20)


def leaves(peer: Peer, channel: ssl.SSLSocket) -> None:
    """End properly, before anything is read."""
    with contextlib.suppress(OSError):
        channel.unwrap()
    peer.over.wait(20)


@pytest.mark.parametrize(
    ("end", "outcome"),
    [(answers, DELIVERED), (closes, UNCONFIRMED), (hangs, UNCONFIRMED)],
)
def test_only_an_answer_confirms(files, end, outcome) -> None:
    """Whoever closes without one, or keeps silent, may have read everything or not."""
    with Peer(files, end) as peer:
        assert adapter(peer.port, files).send(BATCH, 2.0) is outcome
        assert peer.read == list(BATCH.frames)


def test_another_answer_is_no_confirmation(files) -> None:
    """Something else listens there."""
    with Peer(files, talks) as peer, pytest.raises(Unavailable, match="sent an answer"):
        adapter(peer.port, files).send(BATCH, 5.0)


def test_who_ends_before_it_has_read_everything_confirms_nothing(files) -> None:
    """The batch is sent again."""
    huge = Batch((b"a.b 1 1700000000\n" * 2_000_000,), 2_000_000)
    with Peer(files, leaves) as peer, within(30), pytest.raises(Unavailable):
        adapter(peer.port, files).send(huge, 2.0)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"tls": True, "protocol": "udp"}, "tls: datagrams cannot be encrypted"),
        ({"tls_ca": "/nowhere"}, "tls: set it to true, as tls_ca"),
        ({"tls": True, "tls_ca": "/nowhere"}, "tls_ca: '/nowhere' cannot be read"),
        ({"tls": True, "tls_ca": __file__}, "holds no certificate in PEM"),
        ({"tls": True, "tls_key": "/nowhere"}, "tls_key: set tls_cert, too"),
        ({"tls": True, "tls_cert": __file__}, "hold no certificate with its private key"),
        ({"tls": "yes"}, "tls: expected true or false"),
    ],
)
def test_what_cannot_be_is_said_at_configuration_time(keys, said) -> None:
    """With its key."""
    with pytest.raises(ConfigurationError) as caught:
        parse({"adapters": {"graphite": keys}})
    assert said in str(caught.value)


def test_a_private_key_has_to_be_private(tmp_path, files) -> None:
    """As that of a page."""
    certificate, key, _ = files
    key.chmod(0o644)
    keys = {"tls": True, "tls_cert": str(certificate), "tls_key": str(key)}
    with pytest.raises(ConfigurationError, match="tls_key: others can read"):
        parse({"adapters": {"graphite": keys}})
