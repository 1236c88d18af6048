"""An HTTP server for a few pages: one thread serves every connection, another makes answers.

No client can block a thread: the server reads requests and sends answers only as far as the
kernel allows, each within a time limit, and a connection carries one request. Requests that arrive
while an answer is being made are answered together afterwards. Whatever a client sends, and
whenever it leaves, only its own connection can fail. After any other failure the serving loop
starts again, and every client keeps its connection.
"""

from __future__ import annotations

import errno
import math
import selectors
import time
from functools import partial
from typing import TYPE_CHECKING
from weakref import WeakSet

import attrs

from sampler.adapterkit._http.access import Access
from sampler.adapterkit._http.answer_queue import AnswerQueue
from sampler.adapterkit._http.client_connection import ClientConnection, client_to_evict
from sampler.adapterkit._http.connections import Connections
from sampler.adapterkit._http.exchange import PLAIN_TEXT, Answer, Request, plain_answer
from sampler.adapterkit._http.head import BadMessage
from sampler.adapterkit._http.hosts import host_fault
from sampler.adapterkit._http.listener import Ear, listening_socket
from sampler.adapterkit._http.wakeup import Wakeup, close_quietly
from sampler.adapterkit.threads import Service, in_child
from sampler.agent import log

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Collection

    from sampler.adapterkit.sockets import Socket

__all__ = [
    "PLAIN_TEXT",
    "Answer",
    "Beside",
    "Request",
    "Server",
    "host_fault",
    "listening_socket",
    "plain_answer",
]

GRACE = 0.2
"""Seconds that connected clients have to send their request when the server closes."""
FULL = 0.5
"""Seconds that a new client waits for a place before it gets a 503."""

LOOK = 2.0
"""Seconds between two looks whether the program has closed our descriptors."""

_PLACE_CHECK = 0.02
"""Seconds between two checks whether there is a place."""
_ACCEPT_PAUSE = 0.05
"""Seconds until the next try to accept, when the system lacks a descriptor or memory."""
_FATAL = (errno.EBADF, errno.ENOTSOCK, errno.EINVAL, errno.EOPNOTSUPP)
"""Errors that last: the program has closed the descriptor."""
_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


@attrs.frozen
class Beside:
    """Requests whose answers are made beside all others.

    Attributes:
        wanted: tells, on the serving thread, whether a request is one of these.
        make_answers: returns an answer for each, as that of :class:`Server`.
    """

    wanted: Callable[[Request], bool]
    make_answers: Callable[[list[Request]], list[Answer]]


def _never(_: Request) -> bool:
    return False


class Server:
    """Answers requests, one per connection.

    It serves as soon as it is made, and owns ``listener``, even where making it fails.

    Args:
        listener: a listening socket, TCP or unix; see :func:`listening_socket`.
        make_answers: called with all the requests that wait, on a thread of the server of its
            own; returns an answer for each. It may take its time.
        quick_answer: called with each request first, on the serving thread: returns an answer
            that takes no time to make, or None to leave it to ``make_answers``.
        hosts: host names that are answered, in lower case, beside ``localhost``, this host's
            name and every address; None: any name is.
        authorization: the header ``Authorization`` that every request needs; None: none.
        max_connections: clients served at once; beyond it the slowest clients are evicted first.
        reply_timeout: seconds that a client has to read its answer and to close.
        tls: the context that secures every connection; None: plain HTTP.
        name: of the serving thread; the one that makes answers is called ``<name>-page``.
        beside: requests whose answers another thread makes, ``<name>-live``, so that none waits
            for one of ``make_answers``; they have half of the places at most.
        admits: tells whether a new connection is served; None: each one is.

    Attributes:
        address: where it listens: host and port, or the path of a unix socket and 0.
    """

    def __init__(
        self,
        listener: Socket,
        make_answers: Callable[[list[Request]], list[Answer]],
        quick_answer: Callable[[Request], Answer | None] | None = None,
        *,
        hosts: Collection[str] | None = None,
        authorization: str | None = None,
        max_connections: int = 128,
        reply_timeout: float = 10.0,
        tls: ssl.SSLContext | None = None,
        name: str = "sampler-http",
        beside: Beside | None = None,
        admits: Callable[[Socket], bool] | None = None,
    ) -> None:
        self._quick_answer = quick_answer
        self._access = Access(hosts, authorization, name)
        self._max_connections = max_connections
        self._most_beside = max(1, max_connections // 2)
        self._reply_timeout = reply_timeout
        self._tls = tls
        self._name = name
        self._close_by: float | None = None
        self._listen_again = 0.0
        self._accept_again = self._full_since = math.inf
        self._closed = False
        self._logged: set[str] = set()
        self._connections = Connections(partial(self._log_once, "a client was dropped"))
        self._clients = self._connections.clients
        try:
            self._wakeup = Wakeup()
            self._selector.register(self._wakeup.receiver, _READ)
            self._ear = Ear(listener, name)
        except BaseException:
            self._connections.close_sockets()
            close_quietly(listener)
            raise
        self._admits = admits
        self._is_beside = beside.wanted if beside is not None else _never
        makers = [make_answers] if beside is None else [make_answers, beside.make_answers]
        unmade = partial(self._log_once, "an answer could not be made")
        self._queues = [
            AnswerQueue(make, self._wakeup.wake, unmade, f"{name}-{word}")
            for make, word in zip(makers, ("page", "live"), strict=False)
        ]
        self._service = Service(self._serve, name)
        self._services = [*(each.service for each in self._queues), self._service]
        try:
            where = self._ear.address
            self.address: tuple[str, int] = (
                where[:2] if isinstance(where, tuple) else (str(where), 0)
            )
            listener.setblocking(False)
            _servers.add(self)
            for service in self._services:
                service.start()
        except BaseException:  # such as when no thread can start
            for queue in self._queues:
                queue.close()
            self._close_sockets()
            raise

    @property
    def closing(self) -> bool:
        """Whether :meth:`close` has been called."""
        return self._close_by is not None

    @property
    def _selector(self) -> selectors.BaseSelector:
        return self._connections.selector

    @property
    def _listener(self) -> Socket:
        return self._ear.socket

    def duplicate_listener(self) -> Socket:
        """Return a duplicate of the listening socket, for a server that replaces this one."""
        return self._ear.duplicate()

    def close(self, timeout: float) -> None:
        """Accept no more clients; end when all have their answer, or after ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        self._close_by = deadline
        self._wakeup.wake()
        for service in reversed(self._services):
            if service.join(deadline + GRACE - time.monotonic()):
                self._end()  # the thread has ended, but may have failed to close everything

    def close_in_child(self) -> None:
        """Close every socket in a forked child, without sending anything: its parent serves on."""
        for queue in self._queues:
            queue.close_in_child()
        if self._connections.lost(self._wakeup):
            self._connections.forget_selector()
        self._wakeup.close_in_child()
        self._services = []
        self._close_sockets()

    def _close_sockets(self) -> None:
        self._connections.close_sockets()
        for each in (self._listener, self._wakeup):
            close_quietly(each)

    def _serve(self) -> None:
        """Serve until it is closed; :class:`Service` calls this again after a failure."""
        if not self._closed:
            self._watch_everything()
            while self._close_by is None or self._finishing(self._close_by):
                try:
                    self._round()
                except OSError as error:
                    lost = self._ear.lost or self._connections.lost(self._wakeup)
                    if error.errno not in _FATAL or not lost:
                        raise
        self._end()

    def _watch_everything(self) -> None:
        """Make a new selector, and register everything that is open."""
        self._look_after_descriptors()
        self._connections.renew_selector()
        self._selector.register(self._wakeup.receiver, _READ)
        self._connections.register_all({c for each in self._queues for c in each.clients()})
        self._accept_again = math.inf
        if not self.closing and not self._ear.fault:
            self._selector.register(self._listener, _READ)

    def _look_after_descriptors(self) -> bool:
        """Open again what the program has closed, as daemons do; tell whether that was nothing."""
        now, deaf = time.monotonic(), bool(self._ear.fault)
        lost = self._ear.lost and not self.closing
        closed = self._connections.lost(self._wakeup)
        if closed or lost:
            self._connections.begin_anew()
            self._wakeup.renew()
            self._selector.register(self._wakeup.receiver, _READ)
            if not (lost or deaf or self.closing):
                self._selector.register(self._listener, _READ)
            self._accept_again = math.inf
        if lost or (deaf and self._listen_again <= now and not self.closing):
            self._listen_again = now + LOOK
            if self._ear.listen_again():
                self._selector.register(self._listener, _READ)
            self._service.impaired = self._ear.fault
        return not (closed or lost)

    def _round(self) -> None:
        self._look_after_descriptors()
        for queue in self._queues:
            for client, answer in queue.take_finished():
                self._answer(client, answer)
        found = self._selector.select(self._pause())
        for key, events in found if self._look_after_descriptors() else ():
            if key.fileobj is self._listener:
                self._accept()
            elif key.fileobj is self._wakeup.receiver:
                self._wakeup.clear()
            else:
                if events & _READ:
                    self._connections.advance(key.data, self._read)
                if events & _WRITE:
                    self._connections.advance(key.data, ClientConnection.write)
        now = time.monotonic()
        if self._accept_again <= now and not self.closing:
            self._accept_again = math.inf
            self._selector.register(self._listener, _READ)
        for client in [each for each in self._clients.values() if each.deadline <= now]:
            self._connections.advance(client, ClientConnection.leave)

    def _finishing(self, close_by: float) -> bool:
        """Stop accepting; tell whether there are clients left, and time for them."""
        if self._listener.fileno() >= 0:
            if self._listener in (self._selector.get_map() or ()):
                self._selector.unregister(self._listener)
            close_quietly(self._listener)
            self._accept_again = math.inf
            grace = time.monotonic() + GRACE
            for client in self._clients.values():
                if client.reading:  # its request may be on its way
                    client.deadline = min(client.deadline, grace)
        return bool(self._clients) and time.monotonic() < close_by

    def _pause(self) -> float:
        moments = [client.deadline for client in self._clients.values()]
        moments.append(self._accept_again)
        if self._close_by is not None:
            moments.append(self._close_by)
        return min(LOOK, max(0.0, min(moments) - time.monotonic()))

    def _accept(self) -> None:
        room, now = self._has_place(self._max_connections), time.monotonic()
        self._full_since = math.inf if room else min(self._full_since, now)
        if now - self._full_since < FULL and not room:
            self._pause_accepting(_PLACE_CHECK)
            return
        try:
            connection, _ = self._listener.accept()
        except BlockingIOError:  # the client has left already
            return
        except OSError as error:
            if error.errno in _FATAL:
                raise
            self._has_place(len(self._clients))  # evicting a client frees a descriptor
            self._pause_accepting(_ACCEPT_PAUSE)
            return
        if self._admits is not None and not self._admits(connection):
            connection.close()
            return
        client = self._connections.add(connection, self._tls)
        if client is not None and not room:
            self._answer(client, plain_answer(503))

    def _pause_accepting(self, seconds: float) -> None:
        self._selector.unregister(self._listener)
        self._accept_again = time.monotonic() + seconds

    def _has_place(self, places: int) -> bool:
        """Evict the slowest clients if need be; tell whether one of the places is free now."""
        while self._clients and len(self._clients) >= places:
            client = client_to_evict(self._clients.values())
            if client is None:
                return False
            if client.reading:
                # Its request may have arrived just now.
                self._connections.advance(client, self._read)
                if not client.reading:
                    continue
                self._answer(client, plain_answer(503))
            self._connections.advance(client, ClientConnection.leave)
        return True

    def _read(self, client: ClientConnection) -> None:
        try:
            request = client.read()
        except BadMessage as error:
            client.answer(plain_answer(error.status, str(error)), self._reply_timeout)
            return
        if request is None:
            return
        answer = self._access.refusal(request)
        if answer is None and self._is_beside(request):
            client.beside = True
            if sum(each.beside for each in self._clients.values()) > self._most_beside:
                answer = plain_answer(503, "too many viewers")
            else:
                self._queues[-1].add(client, request)
                return
        if answer is None and self._quick_answer is not None:
            answer = self._quick_answer(request)
        if answer is None:
            self._queues[0].add(client, request)
        else:
            client.answer(answer, self._reply_timeout)

    def _answer(self, client: ClientConnection, answer: Answer) -> None:
        if client.gone:
            answer.settle(False)
        else:
            self._connections.advance(
                client, lambda each: each.answer(answer, self._reply_timeout)
            )

    def _end(self) -> None:
        """Close everything; harmless a second time."""
        if self._connections.lost(self._wakeup):
            self._connections.forget_selector()
        self._connections.drop_all()
        for queue in self._queues:
            queue.close()
        self._closed = True
        for each in (self._wakeup, self._listener, self._selector):
            close_quietly(each)

    def _log_once(self, what: str, error: BaseException) -> None:
        """Log an unforeseen error, once for each type."""
        if type(error).__name__ not in self._logged:
            self._logged.add(type(error).__name__)
            log.exception("%s: %s", self._name, what)


_servers: WeakSet[Server] = WeakSet()


def _close_in_child() -> None:
    """Close servers in a forked child: its copy of a listener would keep the port taken."""
    for server in list(_servers):
        server.close_in_child()


in_child(_close_in_child)
