"""A TCP proxy that fails as networks do."""

from __future__ import annotations

import socket
from functools import partial
from typing import TYPE_CHECKING

from tests.support.loop import Double, reset

if TYPE_CHECKING:
    from collections.abc import Callable

_CHUNK = 65536
_AGAIN = 0.005
"""Seconds until a receiver that took nothing is asked again."""


class _Half:
    """One direction of a connection: what is read here is written there."""

    def __init__(
        self, source: socket.socket, sink: socket.socket, given: list[bytes], *, forth: bool
    ) -> None:
        self.source = source
        self.sink = sink
        self.given = given  # what the server got, for the tap
        self.forth = forth  # from the client to the server
        self.passed = 0
        self.swallowed = False
        self.rest = b""


class Proxy(Double):
    """Passes TCP bytes on to a server.

    Its faults are attributes, which concern new bytes of old connections, too, and only the way
    from the client to the server.

    Args:
        upstream: the server's address.
        buffer: bytes that the kernel takes for this proxy while it reads nothing; default: many.
        tap: called at the end of each connection with what the server was given, and whether it
            then ended the connection by itself: it has read everything.

    Attributes:
        latency: seconds by which each chunk is late.
        bandwidth: bytes a second; 0: no limit.
        reset_after: reset the client's connection once so many of its bytes were passed on.
        swallow: read everything and pass nothing on, and no end either; once a connection has
            lost something so, all that follows on it.
        hold_close: seconds by which the server's end is late.
        accepted: connections so far.
        most: the largest number of clients at one time.
    """

    def __init__(
        self,
        upstream: tuple[str, int],
        buffer: int | None = None,
        tap: Callable[[bytes, bool], None] | None = None,
    ) -> None:
        self._as_it_should_be()
        self.accepted = self.most = 0
        self._tap = tap
        self._upstream = upstream
        self._buffer = buffer
        self._listener: socket.socket | None = None
        self._dark = False
        self._halves: list[_Half] = []
        super().__init__()

    def heal(self) -> None:
        """End every fault."""
        self._as_it_should_be()
        self.listen()

    def blackhole(self) -> None:
        """Read and say nothing any more, in old connections and in new ones, until `listen`."""
        self._inside(partial(setattr, self, "_dark", True))

    def reset_all(self) -> None:
        """Reset every connection that is open now."""
        self._inside(self._cut)

    def _as_it_should_be(self) -> None:
        self.latency = self.bandwidth = self.hold_close = 0.0
        self.reset_after: int | None = None
        self.swallow = False

    def _open(self) -> None:
        self._dark = False
        if self._listener is None:
            self._listener = self._listening(buffer=self._buffer)
            self._watch(self._listener, self._accept)

    def _shut(self) -> None:
        if self._listener is not None:
            self._unwatch(self._listener)
            self._listener.close()
            self._listener = None
        self._cut()

    def _cut(self) -> None:
        while self._halves:  # also of connections that have ended one way
            self._drop(self._halves[0])

    def _accept(self) -> None:
        assert self._listener is not None
        client, _ = self._listener.accept()
        self.accepted += 1
        try:
            server = socket.create_connection(self._upstream, timeout=5)
        except OSError:
            reset(client)
            return
        client.setblocking(False)
        server.setblocking(False)
        given: list[bytes] = []
        forth = _Half(client, server, given, forth=True)
        self._halves += [forth, _Half(server, client, given, forth=False)]
        self.most = max(self.most, len(self._halves) // 2)
        for half in self._halves[-2:]:
            self._watch(half.source, partial(self._read, half))
        if self.reset_after == 0:
            self._drop(forth)

    def _read(self, half: _Half) -> None:
        if self._dark:
            self._pause(half, _AGAIN, partial(self._resume, half))
            return
        most = _CHUNK
        if half.forth and self.reset_after is not None:
            most = max(1, self.reset_after - half.passed)
        try:
            data = half.source.recv(most)
        except OSError:
            self._drop(half)
            return
        if half.forth and (self.swallow or half.swallowed):
            half.swallowed = True
            if not data:
                self._unwatch(half.source)  # its end is swallowed, too
            return
        delay = self.hold_close if not half.forth and not data else 0.0
        if half.forth and data:
            delay = self.latency + (len(data) / self.bandwidth if self.bandwidth else 0.0)
        half.rest = data
        self._pause(half, delay, partial(self._write, half, over=not data))

    def _pause(self, half: _Half, seconds: float, then: Callable[[], None]) -> None:
        """Read nothing for a while."""
        self._unwatch(half.source)
        self._later(seconds, lambda: then() if half in self._halves else None)

    def _resume(self, half: _Half) -> None:
        self._watch(half.source, partial(self._read, half))

    def _write(self, half: _Half, *, over: bool) -> None:
        try:
            sent = half.sink.send(half.rest) if half.rest else 0
            half.passed += sent
            if half.forth and self._tap is not None:
                half.given.append(half.rest[:sent])
            half.rest = half.rest[sent:]
        except BlockingIOError:
            pass
        except OSError:
            self._drop(half)
            return
        if half.rest:
            self._pause(half, _AGAIN, partial(self._write, half, over=over))
        elif half.forth and self.reset_after is not None and half.passed >= self.reset_after:
            self._drop(half)
        elif not over:
            self._resume(half)
        else:
            self._end_of(half)

    def _end_of(self, half: _Half) -> None:
        """Pass an end on; the second one of a connection is the end of it."""
        if self._other(half) is None:
            self._halves.remove(half)
            self._tell(half, whole=not half.forth)
            half.source.close()
            half.sink.close()
            return
        try:
            half.sink.shutdown(socket.SHUT_WR)
        except OSError:  # it is dead already
            self._drop(half)
        else:
            self._halves.remove(half)

    def _other(self, half: _Half) -> _Half | None:
        return next((each for each in self._halves if each.sink is half.source), None)

    def _drop(self, half: _Half) -> None:
        """Reset the client's connection; to the server it ends, as some servers die of a reset."""
        client, server = half.source, half.sink
        if not half.forth:
            client, server = server, client
        self._halves = [each for each in self._halves if each not in (half, self._other(half))]
        for channel in (client, server):
            self._unwatch(channel)
        reset(client)
        server.close()
        self._tell(half, whole=False)

    def _tell(self, half: _Half, *, whole: bool) -> None:
        if self._tap is not None and half.given:
            self._tap(b"".join(half.given), whole)
