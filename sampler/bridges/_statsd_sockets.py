"""The sockets of a StatsD listener: one thread reads all of them into a table."""

from __future__ import annotations

import socket
import stat
from contextlib import suppress
from errno import EADDRINUSE
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from sampler.adapterkit.sockets import Socket, socketpair
from sampler.adapterkit.threads import Selector, Service, in_child, sleep
from sampler.bridges._datagrams import MOST, reader
from sampler.bridges._statsd_lines import LONGEST_LINE

if TYPE_CHECKING:
    import selectors

    from sampler.bridges._statsd_table import Table

SCHEMES = ("udp", "tcp", "unix", "unixgram")
_READ = 1
_BURST = 64
"""Reads of one socket in turn, before others have theirs and a pull may come between."""
_LARGEST = 65_535
_PAUSE = 0.05
_SHORTEST, _LONGEST = 0.001, 0.01
_FASTEST, _TAKES = 100_000, 1_280
"""Datagrams that may come in a second, and bytes of the queue that a usual one takes."""
_MOST_CONNECTIONS = 256
_SILENT = 60.0
"""Seconds after which a connection that says nothing makes room for another one."""
_QUEUE = 4 * 2**20
"""Bytes that the kernel is asked to keep for us."""
_SO_MEMINFO = 55
_DROPS = slice(32, 36)


class Address:
    """Where to listen.

    Args:
        text: ``HOST:PORT``, ``udp://HOST:PORT``, ``tcp://HOST:PORT``, ``unix:///PATH`` for a
            stream or ``unixgram:///PATH`` for datagrams.

    Raises:
        ValueError: it is none.
    """

    def __init__(self, text: str) -> None:
        scheme, divided, rest = text.rpartition("://")
        self.scheme = scheme if divided else "udp"
        self.path = self.host = ""
        self.port = 0
        if self.scheme not in SCHEMES:
            raise ValueError(f"{text!r} begins with none of {', '.join(SCHEMES)}")
        if self.scheme.startswith("unix"):
            if not rest.startswith("/"):
                raise ValueError(f"{text!r} has no absolute path: {self.scheme}:///PATH")
            self.path = rest
            return
        host, _, port = rest.rpartition(":")
        self.host = host.strip("[]") or "127.0.0.1"
        if self.host == "localhost":
            self.host = "127.0.0.1"
        try:
            self._family = (
                socket.AF_INET6 if ip_address(self.host).version == 6 else socket.AF_INET
            )
            self.port = int(port)
        except ValueError:
            raise ValueError(f"{text!r} is no address: write 127.0.0.1:8125") from None
        if not 0 <= self.port < 2**16:
            raise ValueError(f"{text!r}: there are ports up to 65535")

    def __str__(self) -> str:
        if self.path:
            return f"{self.scheme}://{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def streams(self) -> bool:
        """Whether clients connect."""
        return self.scheme in {"tcp", "unix"}

    def open(self) -> Socket:
        """Return a socket that listens there.

        Raises:
            OSError: nobody can, or somebody does.
        """
        kind = socket.SOCK_STREAM if self.streams else socket.SOCK_DGRAM
        made = Socket(socket.AF_UNIX if self.path else self._family, kind)
        try:
            if self.path:
                _remove_stale(self.path, kind)
                made.bind(self.path)
            else:
                if self.streams:
                    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                made.bind((self.host, self.port))
            if self.streams:
                made.listen(128)
            else:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _QUEUE)
            made.setblocking(not self.streams)
        except OSError as error:
            made.close()
            raise OSError(error.errno, f"{self}: {error.strerror or error}") from None
        return made


def _remove_stale(path: str, kind: int) -> None:
    """Remove the socket of a listener that has ended; leave all else."""
    with suppress(FileNotFoundError):
        if stat.S_ISSOCK(Path(path).lstat().st_mode):
            with Socket(socket.AF_UNIX, kind) as probe:
                try:
                    probe.connect(path)
                except ConnectionRefusedError:
                    Path(path).unlink()
                else:
                    raise OSError(EADDRINUSE, "somebody listens there")


class Listener:
    """Reads from all of its addresses until it is closed.

    Args:
        addresses: where.
        table: what takes the lines.

    Attributes:
        bound: where it listens, with the ports that the kernel has chosen.

    Raises:
        OSError: it cannot listen at one of them.
    """

    def __init__(self, addresses: tuple[Address, ...], table: Table) -> None:
        self._table = table
        self._addresses = addresses
        self._buffers: dict[Socket, bytes] = {}
        """What each connection has sent of a line; the one that is silent longest comes first."""
        self._spoken: dict[Socket, float] = {}
        self._sockets: list[Socket] = []
        self._closing = False
        self._paths: dict[str, int] = {}
        self._wake, self._woken = socketpair()
        try:
            for each in addresses:
                self._sockets.append(each.open())
                if each.path:
                    self._paths[each.path] = Path(each.path).lstat().st_ino
            self.bound: tuple[Any, ...] = tuple(each.getsockname() for each in self._sockets)
            _listeners.add(self)
            self._services = [Service(self._serve, "sampler-statsd-streams")]
            for each, socket_ in zip(addresses, self._sockets, strict=True):
                if not each.streams:
                    serve = partial(self._serve_datagrams, each, socket_)
                    self._services.append(Service(serve, f"sampler-statsd-{each.scheme}"))
            for service in self._services:
                service.start()
        except BaseException:
            self._close_sockets()
            self._remove_paths()
            raise

    def dropped(self) -> int | None:
        """Return how many datagrams the kernel has dropped; None if it does not tell."""
        found = None
        for address, each in zip(self._addresses, self._sockets, strict=True):
            if address.scheme == "udp":
                with suppress(OSError):
                    told = each.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 36)
                    found = (found or 0) + int.from_bytes(told[_DROPS], _order())
        return found

    def close(self) -> None:
        """End; what has arrived is read first."""
        self._closing = True
        with suppress(OSError):
            self._wake.send(b"x")
        for address, each in zip(self._addresses, self._sockets, strict=True):
            if not address.streams:
                _wake_up(each)
        for service in self._services:
            service.join(2.0)
        self._close_sockets()
        self._remove_paths()

    def _remove_paths(self) -> None:
        """Remove our sockets' paths; somebody else's may have come to one of them."""
        for path, made in self._paths.items():
            with suppress(OSError):
                if Path(path).lstat().st_ino == made:
                    Path(path).unlink()

    def close_in_child(self) -> None:
        """Close what a forked child has of its parent's sockets."""
        self._close_sockets()

    def _close_sockets(self) -> None:
        for each in (*self._sockets, *self._buffers, self._wake, self._woken):
            each.close()

    def _serve(self) -> None:
        with Selector() as selector:
            streams = [
                each
                for address, each in zip(self._addresses, self._sockets, strict=True)
                if address.streams
            ]
            for each in (*streams, *self._buffers, self._woken):
                selector.register(each, _READ)
            while not self._closing:
                for key, _ in selector.select():
                    if key.fileobj is not self._woken:
                        self._read(key.fileobj, selector)
            for each in (*streams, *self._buffers):
                self._read(each, selector)

    def _read(self, ready: Any, selector: selectors.BaseSelector) -> None:
        if ready in self._buffers:
            self._read_stream(ready, selector)
        else:
            self._accept(ready, selector)

    def _serve_datagrams(self, address: Address, ready: Socket) -> None:
        """Read one socket, which blocks, until it is closed and nothing is left in it."""
        table, read, pause, before = self._table, reader(ready), _pause(ready), 0.0
        while True:
            try:
                batch = read()
            except OSError as error:
                if self._closing or ready.fileno() < 0:
                    return
                raise OSError(error.errno, f"{address}: {error.strerror}") from None
            with table.lock:
                table.feed(*batch)
            if self._closing and len(batch) < MOST:
                return
            # To wake up costs more than to read: what comes fast is read in batches.
            if len(batch) < MOST and (len(batch) > 1 or monotonic() - before < pause):
                sleep(pause)
            before = monotonic()

    def _accept(self, ready: Socket, selector: selectors.BaseSelector) -> None:
        try:
            connection, _ = ready.accept()
        except BlockingIOError:  # it has left already
            return
        except OSError:  # no descriptor is left
            sleep(_PAUSE)
            return
        if len(self._buffers) >= _MOST_CONNECTIONS:
            self._make_room(selector)
        if len(self._buffers) >= _MOST_CONNECTIONS or self._closing:
            connection.close()
            with self._table.lock:
                self._table.refuse("connections")
            return
        connection.setblocking(False)
        self._buffers[connection] = b""
        self._spoken[connection] = monotonic()
        selector.register(connection, _READ)

    def _make_room(self, selector: selectors.BaseSelector) -> None:
        """End the connection that was silent longest, if that is long."""
        first = next(iter(self._buffers))
        if monotonic() - self._spoken[first] > _SILENT:
            with suppress(OSError):
                first.shutdown(socket.SHUT_RD)  # what has come is read, and then it is at its end
            self._read_stream(first, selector)

    def _read_stream(self, ready: Socket, selector: selectors.BaseSelector) -> None:
        for _ in range(_BURST):
            try:
                data = ready.recv(_LARGEST)
            except BlockingIOError:
                return
            except OSError:  # a reset
                data = b""
            rest = self._buffers[ready]
            with self._table.lock:
                if not data:
                    self._table.feed(rest)  # a last line without its end
                    break
                left = self._lines(rest + data)
            del self._buffers[ready]
            self._buffers[ready] = left  # the last one now
            self._spoken[ready] = monotonic()
        else:
            return
        selector.unregister(ready)
        del self._buffers[ready], self._spoken[ready]
        ready.close()

    def _lines(self, data: bytes) -> bytes:
        """Take whole lines; return what is left."""
        lines, newline, rest = data.rpartition(b"\n")
        if newline:
            self._table.feed(lines)
        if len(rest) > LONGEST_LINE:  # its end will be a line of its own, and be none
            self._table.refuse("long")
            return b""
        return rest


def _pause(ready: Socket) -> float:
    """Return seconds in which what comes at the highest rate fits into a socket's queue."""
    queue = ready.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    return max(_SHORTEST, min(_LONGEST, queue / (_FASTEST * _TAKES)))


def _wake_up(ready: Socket) -> None:
    """Send an empty datagram to a socket, so that who waits for one looks up."""
    with suppress(OSError), Socket(ready.family, ready.type) as sender:
        where: Any = ready.getsockname()
        if not isinstance(where, str):
            host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(where[0], where[0])
            where = host, where[1]
        sender.setblocking(False)
        sender.sendto(b"", where)


def _order() -> Any:
    import sys

    return sys.byteorder


_listeners: WeakSet[Listener] = WeakSet()


def _close_in_child() -> None:
    for each in list(_listeners):
        each.close_in_child()
    _listeners.clear()


in_child(_close_in_child)
