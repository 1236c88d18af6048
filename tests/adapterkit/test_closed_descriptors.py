"""Descriptors of ours that the program closes, and whose numbers it gets for files of its own."""

from __future__ import annotations

import os
import socket
import sys

import pytest

from sampler.adapterkit._http.listener import Ear
from sampler.adapterkit.endpoint import Endpoint
from sampler.adapterkit.http_server import listening_socket
from sampler.adapterkit.sockets import Socket
from sampler.adapterkit.threads import unhealthy
from sampler.adapterkit.udp import DatagramSender
from sampler.agent import Batch
from tests.adapterkit.pages import Pages, serves, serving
from tests.support.descriptors import taken_over, untouched
from tests.support.doubles import DatagramSink
from tests.support.ports import HOST
from tests.support.waiting import wait_for

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the lowest free descriptor is taken next"
)


def test_a_socket_does_not_close_what_has_its_number_now():
    """Nor when it is forgotten."""
    ours = Socket(socket.AF_INET, socket.SOCK_DGRAM)
    assert ours.is_ours()
    pair = taken_over(ours)
    assert not ours.is_ours()
    ours.close()
    assert ours.fileno() == -1
    assert untouched(pair)


def test_a_socket_whose_descriptor_is_closed_says_so():
    """As a socket of the standard library does."""
    ours = Socket(socket.AF_INET, socket.SOCK_DGRAM)
    os.close(ours.fileno())
    assert not ours.is_ours()
    with pytest.raises(OSError, match="Bad file descriptor"):
        ours.close()
    ours.close()


def test_a_socket_whose_descriptor_is_closed_is_forgotten_in_silence(recwarn):
    """Python would print a traceback for what is raised then."""
    ours = Socket(socket.AF_INET, socket.SOCK_DGRAM)
    os.close(ours.fileno())
    del ours
    assert not recwarn.list  # pytest makes a warning of what nobody catches


def test_a_selector_is_not_closed_where_a_file_has_its_number_now(tmp_path):
    """The server takes another one, and serves."""
    with serving(Pages()) as server:
        assert serves(server)
        number = server._selector.fileno()
        os.close(number)
        with (tmp_path / "theirs").open("w") as theirs:
            assert theirs.fileno() == number
            server._wakeup.wake()
            wait_for(lambda: serves(server), what="the server to go on")
            assert not unhealthy()
            server.close(1.0)
            theirs.write("all of it")
    assert (tmp_path / "theirs").read_text() == "all of it"


def test_a_client_whose_descriptor_is_closed_gets_no_answer():
    """It would go to what the program has opened under that number."""
    pages = Pages()
    with serving(pages) as server, socket.create_connection(server.address) as client:
        wait_for(lambda: server._clients, what="the client")
        (theirs,) = server._clients.values()
        pair = taken_over(theirs.connection)
        server._connections.advance(theirs, lambda each: each.connection.send(b"an answer"))
        assert theirs.gone
        assert untouched(pair)
        client.close()


def test_a_unix_socket_whose_file_has_gone_is_made_again(tmp_path):
    """Closing all descriptors and emptying a folder are both what a daemon does."""
    path = tmp_path / "socket"
    ear = Ear(listening_socket(socket.AF_UNIX, str(path), mode=0o600), "a server")
    os.close(ear.socket.fileno())
    path.unlink()
    assert ear.listen_again()
    assert path.is_socket()
    ear.socket.close()


def test_datagrams_do_not_go_to_what_has_their_sockets_number_now():
    """Another socket is opened."""
    with DatagramSink() as sink:
        sender = DatagramSender(Endpoint("StatsD", *sink.address))
        sender.send(Batch((b"a:1|c",), 1), 5.0)
        pair = taken_over(sender._socket)
        sender.send(Batch((b"b:1|c",), 1), 5.0)
        wait_for(lambda: sink.lines == [b"a:1|c", b"b:1|c"], what="both datagrams")
        sender.close()
    assert untouched(pair)


def test_an_address_that_another_one_takes_meanwhile_is_tried_again(caplog):
    """One line says so, and the thread is not well; then it listens again."""
    with serving(Pages()) as server:
        assert serves(server)
        os.close(server._listener.fileno())
        with listening_socket(socket.AF_INET, server.address):
            wait_for(lambda: "sampler-http" in unhealthy(), what="the server to notice")
            assert "cannot be opened again" in unhealthy()["sampler-http"]
        wait_for(lambda: serves(server), what="the server to listen again")
        assert not unhealthy()
    lines = [line for line in caplog.messages if "os.closerange()" in line]
    assert [f"{HOST}:{server.address[1]} cannot" in line for line in lines] == [True, False]
    assert "is open again" in lines[1]


def test_a_server_whose_listener_is_closed_gives_another_one_to_its_successor():
    """As at a reload before it has noticed."""
    with serving(Pages()) as server:
        pair = taken_over(server._listener)
        with server.duplicate_listener() as another:
            assert another.getsockname() == server.address
        wait_for(lambda: serves(server), what="the server to listen again")
    assert untouched(pair)
