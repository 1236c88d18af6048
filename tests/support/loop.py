"""One thread around one selector, for doubles of servers."""

from __future__ import annotations

import heapq
import itertools
import queue
import selectors
import socket
import struct
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING

from tests.support.ports import HOST, hold_ports

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self


_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def reset(channel: socket.socket) -> None:
    """Close a TCP connection with a reset instead of an end."""
    channel.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    channel.close()


_ROUNDS = 1_000
"""Looks at what has come, where a sender never ends."""


class Double:
    """A receiver on loopback whose port, for TCP, stays its own while it refuses.

    Whatever a test asks of it is done inside its thread, so a method has taken effect when it
    returns. Closing joins the thread and closes every socket.
    """

    def __init__(self) -> None:
        (self._held,) = hold_ports(1)
        self.port: int = self._held.getsockname()[1]
        self.address = (HOST, self.port)
        self._selector = selectors.DefaultSelector()
        self._bell, self._ear = socket.socketpair()
        self._orders: queue.SimpleQueue[tuple[Future[None], Callable[[], None]]]
        self._orders = queue.SimpleQueue()
        self._alarms: list[tuple[float, int, Callable[[], None]]] = []
        self._number = itertools.count()
        self._closed = False
        self._watch(self._ear, self._hear)
        self._thread = threading.Thread(target=self._run, name=type(self).__name__, daemon=True)
        self._thread.start()
        self.listen()

    def listen(self) -> None:
        """Take what comes: the state at first, and the end of every other."""
        self._inside(self._open)

    def refuse(self) -> None:
        """Be absent, as a stopped server is, until `listen`; open connections are reset."""
        self._inside(self._shut)

    def close(self) -> None:
        """Stop for good, with every socket closed and the thread joined."""
        if self._closed:
            return
        self._inside(self._end)
        self._thread.join()
        for item in (self._bell, self._ear, self._held, self._selector):
            item.close()

    def _open(self) -> None:
        raise NotImplementedError

    def _shut(self) -> None:
        raise NotImplementedError

    def _end(self) -> None:
        self._shut()
        self._closed = True

    def _listening(self, backlog: int = 128, buffer: int | None = None) -> socket.socket:
        """Listen for TCP; a smaller receive buffer is inherited by what is accepted."""
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if buffer is not None:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        listener.bind(self.address)
        listener.listen(backlog)
        return listener

    def _inside(self, order: Callable[[], None]) -> None:
        done: Future[None] = Future()
        self._orders.put((done, order))
        self._bell.send(b"!")
        done.result(timeout=10)

    def _catch_up(self) -> None:
        """Read what the kernel has: whoever has ended by now has sent all of it."""
        if not self._closed:
            self._inside(self._read_all)

    def _read_all(self) -> None:
        for _ in range(_ROUNDS):
            if not self._look(0):
                return

    def _look(self, patience: float | None) -> bool:
        """Handle what can be read now, and tell whether there was something."""
        ready = self._selector.select(patience)
        for key, _ in ready:
            # An earlier handler of this round may have closed this one.
            if self._selector.get_map().get(key.fd) is key:
                key.data()
        return bool(ready)

    def _run(self) -> None:
        while not self._closed:
            self._look(self._patience())
            if not self._orders.empty():  # last: what is ready may be read by an order
                self._obey()
            while self._alarms and self._patience() == 0.0:
                heapq.heappop(self._alarms)[-1]()

    def _patience(self) -> float | None:
        return max(0.0, self._alarms[0][0] - time.monotonic()) if self._alarms else None

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something on this thread after some time; it has to look whether it still can."""
        due = time.monotonic() + seconds
        heapq.heappush(self._alarms, (due, next(self._number), action))

    def _hear(self) -> None:
        self._ear.recv(4096)

    def _obey(self) -> None:
        while not self._orders.empty():
            done, order = self._orders.get()
            try:
                done.set_result(order())
            except BaseException as error:
                done.set_exception(error)

    def _watch(self, channel: socket.socket, handler: Callable[[], None]) -> None:
        self._selector.register(channel, selectors.EVENT_READ, handler)

    def _unwatch(self, channel: socket.socket) -> None:
        if self._watched(channel):
            self._selector.unregister(channel)

    def _watched(self, channel: socket.socket) -> bool:
        return channel.fileno() in self._selector.get_map()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
