"""Receivers that remember what reached them and can fail as real ones do."""

from __future__ import annotations

import select
import socket
from functools import partial

from tests.support.loop import Double, reset

_CHUNK = 65536


class DatagramSink(Double):
    """Remembers every UDP datagram."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._datagrams: list[bytes] = []
        super().__init__()

    @property
    def datagrams(self) -> list[bytes]:
        """What has come so far, in order."""
        self._catch_up()
        return list(self._datagrams)

    @property
    def lines(self) -> list[bytes]:
        """The lines of all datagrams, without their ends."""
        return [line for datagram in self.datagrams for line in datagram.splitlines()]

    def _open(self) -> None:
        self._shut()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        self._watch(self._socket, self._receive)

    def _shut(self) -> None:
        if self._socket is not None:
            self._unwatch(self._socket)
            while select.select([self._socket], [], [], 0)[0]:
                self._receive()  # what has come has come
            self._socket.close()
            self._socket = None

    def _receive(self) -> None:
        assert self._socket is not None
        self._datagrams.append(self._socket.recv(_CHUNK))


class _Connection:
    def __init__(self, channel: socket.socket, reset_after: int | None) -> None:
        self.channel = channel
        self.reset_after = reset_after
        self.received = 0
        self.rest = b""
        self.ended = False


class LineSink(Double):
    """A TCP receiver of lines; answers a peer's end with its own, as carbon does.

    A line counts once its newline is read. `torn` holds what a connection left without one.
    """

    def __init__(self) -> None:
        self._listener: socket.socket | None = None
        self._filler: socket.socket | None = None
        self._connections: set[_Connection] = set()
        self._resets: list[int] = []
        self._holding = False
        self._lines: list[bytes] = []
        self._torn: list[bytes] = []
        self.accepted = 0  # connections so far
        self.ended = 0  # connections whose peer has sent its end
        self.reset = 0  # connections reset by either side
        super().__init__()

    @property
    def lines(self) -> list[bytes]:
        """The whole lines of all connections, without their ends, in the order read."""
        self._catch_up()
        return list(self._lines)

    @property
    def torn(self) -> list[bytes]:
        """What ended or reset connections had sent after their last newline."""
        return list(self._torn)

    @property
    def open_connections(self) -> int:
        """How many connections are open now, the held ones too."""
        return len(self._connections)

    def hold_eof(self) -> None:
        """From now on read each connection to its end, but do not answer the end."""
        self._holding = True

    def release_eof(self) -> None:
        """Answer the ends held back, and every later one at once."""
        self._inside(self._release)

    def reset_next(self, after: int) -> None:
        """Reset the next connection once exactly `after` of its bytes are read."""
        self._resets.append(after)

    def stall(self) -> None:
        """Accept and read nothing, until `listen`: the peer's window closes, then its sends hang.

        Connections are completed by the kernel only, so they do not count as accepted yet.
        """
        self._inside(self._stall)

    def blackhole(self) -> None:
        """Let new connections hang unanswered, as behind a dropping firewall, until `listen`.

        Open connections are reset.
        """
        self._inside(self._blackhole)

    def _open(self) -> None:
        if self._filler is not None:
            self._shut()
        if self._listener is None:
            self._listener = self._listening()
        if not self._watched(self._listener):
            self._watch(self._listener, self._accept)
        for connection in self._connections:
            if not connection.ended and not self._watched(connection.channel):
                self._watch(connection.channel, partial(self._read, connection))

    def _shut(self) -> None:
        for channel in filter(None, (self._listener, self._filler)):
            self._unwatch(channel)
            channel.close()
        self._listener = self._filler = None
        for connection in tuple(self._connections):
            self._drop(connection, hard=True)

    def _stall(self) -> None:
        self._open()
        for channel in (self._listener, *(c.channel for c in self._connections)):
            if channel is not None:
                self._unwatch(channel)

    def _blackhole(self) -> None:
        self._shut()
        # A full backlog: the kernel drops every further SYN.
        self._listener = self._listening(0)
        self._filler = socket.create_connection(self.address)

    def _accept(self) -> None:
        assert self._listener is not None
        channel, _ = self._listener.accept()
        connection = _Connection(channel, self._resets.pop(0) if self._resets else None)
        self._connections.add(connection)
        self.accepted += 1
        self._watch(channel, partial(self._read, connection))
        if connection.reset_after == 0:
            self._drop(connection, hard=True)

    def _read(self, connection: _Connection) -> None:
        wanted = _CHUNK
        if connection.reset_after is not None:
            wanted = min(wanted, connection.reset_after - connection.received)
        try:
            data = connection.channel.recv(wanted)
        except OSError:
            self._drop(connection, hard=True)
            return
        connection.received += len(data)
        *whole, connection.rest = (connection.rest + data).split(b"\n")
        self._lines.extend(whole)
        if connection.received == connection.reset_after:
            self._drop(connection, hard=True)
        elif not data:
            self.ended += 1
            connection.ended = True
            self._tear(connection)
            self._unwatch(connection.channel)
            if not self._holding:
                self._drop(connection)

    def _release(self) -> None:
        self._holding = False
        for connection in tuple(self._connections):
            if connection.ended:
                self._drop(connection)

    def _drop(self, connection: _Connection, *, hard: bool = False) -> None:
        self._tear(connection)
        self._unwatch(connection.channel)
        if hard:
            self.reset += 1
            reset(connection.channel)
        connection.channel.close()
        self._connections.discard(connection)

    def _tear(self, connection: _Connection) -> None:
        if connection.rest:
            self._torn.append(connection.rest)
            connection.rest = b""
