"""The server behind ``/metrics``: one thread for every connection, one that asks for pages.

No client can hold a thread: heads are read and replies written as far as they go, each within a
limit. Whoever asks while a page is being made waits for the next one, which serves all of them.
"""

from __future__ import annotations

import contextlib
import errno
import math
import selectors
import socket
import time
from collections import deque
from typing import TYPE_CHECKING
from weakref import WeakSet

from sampler.agent.threads import Condition, Event, Selector, Thread, in_child
from sampler_prometheus._client import Answer, Client, makes_room
from sampler_prometheus._request import Request, read, reply

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

GRACE = 0.2
"""Seconds that clients who have connected have to send their request, when the server ends."""

_BACKLOG = 1024
_CHUNK = 65536
FULL = 0.5
"""Seconds that newcomers wait for a place before they are told that there is none."""
_LOOK_AGAIN = 0.02
"""Seconds between two looks for one."""
_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Server:
    """Answers GET of ``/metrics`` with what ``page`` returns.

    Args:
        listener: a listening socket, which the server closes at its end.
        page: called on a thread of the server; makes an answer for each request.
        ready: what ``/-/ready`` says.
        max_connections: clients served at once; whoever dawdles over a request makes room.
        patience: seconds a client has to take a reply and to end the connection.
        tls: wraps every connection; None: plain HTTP.
        authorization: what clients have to send under that name; None: nothing.
    """

    def __init__(
        self,
        listener: socket.socket,
        page: Callable[[list[Request]], list[Answer]],
        ready: Callable[[], bool],
        *,
        max_connections: int = 128,
        patience: float = 10.0,
        tls: ssl.SSLContext | None = None,
        authorization: str | None = None,
    ) -> None:
        self._listener = listener
        self._page = page
        self._ready_to_collect = ready
        self._tls = tls
        self._authorization = authorization
        self._max_connections = max_connections
        self._patience = patience
        self.address: tuple[str, int] = self._listener.getsockname()[:2]
        self._listener.setblocking(False)
        self._selector = Selector()
        self._bell, self._ear = socket.socketpair()
        self._bell.setblocking(False)
        self._ear.setblocking(False)
        self._selector.register(self._listener, _READ)
        self._selector.register(self._ear, _READ)
        self._clients: dict[int, Client] = {}
        self._asked = Condition()
        self._waiting: list[tuple[Client, Request]] = []
        self._ready: deque[tuple[Client, Answer]] = deque()
        self._until: float | None = None
        self._accept_again = self._full_since = math.inf
        self._over = Event()
        self._threads = [
            Thread(self._serve, "sampler-http"),
            Thread(self._make_pages, "sampler-http-page"),
        ]
        _servers.add(self)
        for thread in self._threads:
            thread.start()

    def share(self) -> socket.socket:
        """Return the listening socket once more, for a server that takes this one's place."""
        return self._listener.dup()

    def close(self, timeout: float) -> None:
        """Accept no more; end when the replies under way have, or after ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        self._until = deadline
        self._wake()
        for thread in self._threads:
            thread.join(deadline + GRACE - time.monotonic())

    def forget(self) -> None:
        """Let go of every socket without a word: in a forked child they are its parent's."""
        self._selector.close()
        for each in (self._listener, self._bell, self._ear):
            each.close()
        for client in self._clients.values():
            client.connection.close()
        self._asked = Condition()  # its parent may have held it
        self._over.set()
        self._threads = []

    def _wake(self) -> None:
        with self._asked:  # it is not closed meanwhile: its number may be another's at once
            if not self._over.is_set():
                with contextlib.suppress(BlockingIOError):  # so it rings already
                    self._bell.send(b"!")

    def _make_pages(self) -> None:
        while True:
            with self._asked:
                self._asked.wait_for(lambda: self._waiting or self._over.is_set())
                waiting, self._waiting = self._waiting, []
            if self._over.is_set():
                return
            answers = self._page([request for _, request in waiting])
            for (client, _), answer in zip(waiting, answers, strict=True):
                self._ready.append((client, answer))
            self._wake()

    def _serve(self) -> None:
        try:
            while self._until is None or self._may_go_on(self._until):
                for key, events in self._selector.select(self._pause()):
                    if key.fileobj is self._listener:
                        self._accept()
                    elif key.fileobj is self._ear:
                        self._ear.recv(_CHUNK)
                    elif key.data.connection.fileno() >= 0:
                        self._attend(key.data, events)
                self._hand_out()
                now = time.monotonic()
                if self._accept_again <= now and self._until is None:
                    self._accept_again = math.inf
                    self._selector.register(self._listener, _READ)
                for client in [c for c in self._clients.values() if c.deadline <= now]:
                    self._drop(client)
        finally:
            self._end()

    def _may_go_on(self, until: float) -> bool:
        """Stop accepting; tell whether replies under way have time left."""
        if self._listener.fileno() >= 0:
            if self._accept_again == math.inf:
                self._selector.unregister(self._listener)
            self._accept_again = math.inf
            self._listener.close()
            grace = time.monotonic() + GRACE
            for client in self._clients.values():
                if client.reading:  # its request may be on its way
                    client.deadline = min(client.deadline, grace)
        return bool(self._clients) and time.monotonic() < until

    def _pause(self) -> float | None:
        moments = [client.deadline for client in self._clients.values()]
        moments.append(self._accept_again)
        if self._until is not None:
            moments.append(self._until)
        soonest = min(moments, default=math.inf)
        return None if soonest == math.inf else max(0.0, soonest - time.monotonic())

    def _accept(self) -> None:
        room, now = self._make_room(), time.monotonic()
        self._full_since = math.inf if room else min(self._full_since, now)
        if now - self._full_since < FULL and not room:
            self._selector.unregister(self._listener)
            self._accept_again = now + _LOOK_AGAIN
            return
        try:
            connection, _ = self._listener.accept()
        except OSError as error:  # it left before we came, or there is no descriptor for it
            if error.errno in (errno.EMFILE, errno.ENFILE):
                time.sleep(0.05)
            return
        connection.setblocking(False)
        if self._tls is not None:
            try:
                connection = self._tls.wrap_socket(
                    connection, server_side=True, do_handshake_on_connect=False
                )
            except OSError:  # it left meanwhile
                connection.close()
                return
        client = Client(connection)
        self._clients[connection.fileno()] = client
        self._selector.register(connection, _READ, client)
        if not room:
            self._answer(client, (reply(503),))

    def _make_room(self) -> bool:
        """Let those go who dawdle, if need be; tell whether there is a place now."""
        while len(self._clients) >= self._max_connections:
            client = makes_room(self._clients.values())
            if client is None:
                return False
            if client.reading:
                self._receive(client)  # its request may have come just now
                if not client.reading:
                    continue
                with contextlib.suppress(OSError):
                    client.connection.send(reply(503))
            self._drop(client)
        return True

    def _attend(self, client: Client, events: int) -> None:
        if events & _READ:
            self._receive(client)
        if events & _WRITE and client.connection.fileno() >= 0:
            self._send(client)

    def _receive(self, client: Client) -> None:
        try:
            data = client.connection.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            self._drop(client)
            return
        if not data:
            client.ended = True
            if client.reading:
                self._drop(client)
            elif client.served:
                self._drop(client, taken=True)
            else:  # it may wait for its reply on the other half
                self._watch(client)
        elif client.reading:
            client.received += data
            ready = self._until is None and self._ready_to_collect()
            judged = read(client.received, ready=ready, authorization=self._authorization)
            if isinstance(judged, Request):
                client.asked = True
                client.deadline = math.inf
                with self._asked:
                    self._waiting.append((client, judged))
                    self._asked.notify_all()
            elif judged is not None:
                self._answer(client, (judged,))

    def _hand_out(self) -> None:
        while self._ready:
            client, answer = self._ready.popleft()
            if client.connection.fileno() < 0:
                answer.settle(False)
            else:
                self._answer(client, (answer.head, answer.body), answer.settle)

    def _answer(
        self,
        client: Client,
        parts: tuple[bytes, ...],
        settle: Callable[[bool], None] | None = None,
    ) -> None:
        client.answer(parts, settle, self._patience)
        self._send(client)

    def _send(self, client: Client) -> None:
        try:
            client.send()
            client.connection.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            self._watch(client)
            return
        except OSError:
            self._drop(client)
            return
        if client.ended:  # gone, or only silent: nothing will tell
            self._drop(client)
        else:  # closing now could destroy what the client has not read yet
            self._watch(client)

    def _watch(self, client: Client) -> None:
        """Wait for what concerns a client now."""
        events = (0 if client.ended else _READ) | (_WRITE if client.left else 0)
        key = self._selector.get_map().get(client.connection)
        if key is not None and not events:
            self._selector.unregister(client.connection)
        elif key is not None:
            self._selector.modify(client.connection, events, client)
        elif events:
            self._selector.register(client.connection, events, client)

    def _drop(self, client: Client, *, taken: bool = False) -> None:
        client.settled(taken)
        self._clients.pop(client.connection.fileno(), None)
        if self._selector.get_map().get(client.connection) is not None:
            self._selector.unregister(client.connection)
        client.connection.close()

    def _end(self) -> None:
        for client in list(self._clients.values()):
            self._drop(client)
        self._hand_out()
        with self._asked:
            self._over.set()
            self._bell.close()
            self._asked.notify_all()
        if self._listener.fileno() >= 0:
            self._listener.close()
        self._selector.close()
        self._ear.close()


def listening(family: int, address: tuple[object, ...]) -> socket.socket:
    """Return a listening socket.

    Args:
        family: ``socket.AF_INET`` or ``AF_INET6``.
        address: where to listen.

    Raises:
        OSError: the address cannot be bound.
    """
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


_servers: WeakSet[Server] = WeakSet()


def _forget_after_fork() -> None:
    """A child that kept the listener would keep the port when its parent ends."""
    for server in list(_servers):
        server.forget()


in_child(_forget_after_fork)
