"""A worker older than the relay, and a relay older than the worker: a line, and nothing lost."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec
import pytest

from sampler.relay.frames import FrameReader
from sampler.relay.messages import VERSION, Kind
from tests.relay import version_1
from tests.relay.processes import Host
from tests.relay.test_server import is_closed
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    with Host(tmp_path) as host:
        yield host


@contextmanager
def old_relay(address: str, answer: bytes) -> Iterator[None]:
    """Answer all who connect as a relay of version 1 did."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"\0{address[1:]}")
        listening.listen()

        def serve() -> None:
            while True:
                try:
                    peer, _ = listening.accept()
                except OSError:
                    return
                with peer:
                    peer.recv(65536)
                    peer.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(20)


@pytest.mark.parametrize("first", [version_1.ASK, version_1.HELLO])
def test_an_older_worker_is_refused_in_its_own_words(host: Host, first: bytes) -> None:
    """It gets a line that it can read, as the relay's log does; nothing of others is lost."""
    host.start_relay()
    worker = host.start_worker()
    worker.count(4)
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(20)
        peer.connect(f"\0{host.address[1:]}")
        peer.sendall(first + version_1.REPORT)
        ((kind, body),) = FrameReader().feed(peer.recv(65536))
        said = f"version 1, and the relay version {VERSION}: start both again with one version"
        assert kind is Kind.REFUSED
        version, reason = msgspec.msgpack.decode(body)
        assert (version, said in reason) == (VERSION, True)
        assert is_closed(peer)
    wait_for(lambda: said in host.log(), what="the relay's line")
    worker.count(3)
    host.everything_arrives()
    worker.end(1)
    host.everything_arrives()
    assert "Traceback" not in host.log()


@pytest.mark.parametrize("answer", [version_1.REFUSED, version_1.WELCOME])
def test_a_worker_with_an_older_relay_goes_on(host: Host, answer: bytes) -> None:
    """A line says so; the next relay gets all of it, and what is dropped at an end is told."""
    said = f"relay {host.address}: it speaks version 1, and this process version {VERSION}: start"
    with old_relay(host.address, answer):
        worker, ends = host.start_worker(), host.start_worker()
        worker.count(4)
        wait_for(lambda: host.workers_log().count(said) >= 2, what="the workers' lines")
        ends.count(5)
        host.counted -= 5
        assert ends.end(0) == 0
        assert f"entries are dropped: {said}" in host.workers_log()
    host.start_relay()
    worker.count(3)
    worker.end(1)
    host.everything_arrives()
    assert "Traceback" not in host.workers_log()
