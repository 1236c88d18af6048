"""An HTTP server for a few pages: one thread for every connection, one that makes answers.

No client can hold a thread: heads are read and replies written as far as they go, each within a
limit, and every connection carries one request. Whoever asks while an answer is being made waits
for the next one, which serves all who wait. Whatever a client sends, and whenever it leaves, costs
that client at most; what goes wrong beside that costs a fresh start of the loop, and nobody's
connection.
"""

from __future__ import annotations

import contextlib
import errno
import math
import selectors
import time
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from sampler.adapterkit.http_access import Access
from sampler.adapterkit.http_head import BadMessage
from sampler.adapterkit.http_listening import listening
from sampler.adapterkit.http_making import Making
from sampler.adapterkit.http_request import Answer, Request, plain
from sampler.adapterkit.http_served import Client, makes_room
from sampler.adapterkit.sockets import socketpair
from sampler.adapterkit.threads import Lock, Selector, Service, in_child
from sampler.adapterkit.tls import Secured
from sampler.agent import log

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Collection

    from sampler.adapterkit.sockets import Socket

__all__ = ["Answer", "Request", "Server", "listening", "plain"]

GRACE = 0.2
"""Seconds that clients who have connected have to send their request, when the server ends."""
FULL = 0.5
"""Seconds that newcomers wait for a place before they are told that there is none."""

_CHUNK = 65536
_LOOK_AGAIN = 0.02
"""Seconds between two looks for a place."""
_REST = 0.05
"""Seconds until the next try to accept, when the system has no descriptor or memory for it."""
_DEAD = (errno.EBADF, errno.ENOTSOCK, errno.EINVAL, errno.EOPNOTSUPP)
"""What accepting fails with for good: the program has closed the descriptor."""
_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Server:
    """Answers requests, one a connection.

    It begins at once, and owns ``listener`` also where that fails.

    Args:
        listener: a listening socket, of TCP or a unix socket.
        make: called on a thread of the server with all requests that wait; returns an answer for
            each. It may take its time.
        at_once: called with each request first, on the thread that serves: an answer that needs
            no time, or None to have one made.
        hosts: names that it answers to, in lower case, beside ``localhost``, this host's name
            and every address; None: to any.
        authorization: what clients have to send under that name; None: nothing.
        max_connections: clients served at once; whoever dawdles over a request makes room.
        patience: seconds a client has to take a reply and to end the connection.
        tls: what every connection is secured with; None: plain HTTP.
        name: of the thread that serves; the one that makes answers has ``-page`` behind it.

    Attributes:
        address: where it listens: host and port, or a path and 0.
    """

    def __init__(
        self,
        listener: Socket,
        make: Callable[[list[Request]], list[Answer]],
        at_once: Callable[[Request], Answer | None] | None = None,
        *,
        hosts: Collection[str] | None = None,
        authorization: str | None = None,
        max_connections: int = 128,
        patience: float = 10.0,
        tls: ssl.SSLContext | None = None,
        name: str = "sampler-http",
    ) -> None:
        self._listener = listener
        self._at_once = at_once
        self._access = Access(hosts, authorization, name)
        self._max_connections = max_connections
        self._patience = patience
        self._tls = tls
        self._name = name
        self._clients: dict[int, Client] = {}
        self._bell_lock = Lock()
        self._until: float | None = None
        self._accept_again = self._full_since = math.inf
        self._over = False
        self._said: set[str] = set()
        self._selector = Selector()
        self._bell = self._ear = listener
        self._making = Making(make, self._wake, self._say_unmade, f"{name}-page")
        self._services = [self._making.service, Service(self._serve, name)]
        try:
            where = listener.getsockname()
            self.address: tuple[str, int] = (
                where[:2] if isinstance(where, tuple) else (str(where), 0)
            )
            listener.setblocking(False)
            self._bell, self._ear = socketpair()
            self._bell.setblocking(False)
            self._ear.setblocking(False)
            _servers.add(self)
            for service in self._services:
                service.start()
        except BaseException:  # as where no thread can start
            self._over = True
            self._making.end()
            self._let_go()
            raise

    @property
    def ends(self) -> bool:
        """Whether it has been told to end."""
        return self._until is not None

    def share(self) -> Socket:
        """Return the listening socket once more, for a server that takes this one's place."""
        return self._listener.dup()

    def close(self, timeout: float) -> None:
        """Accept no more; end when the replies under way have, or after ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        self._until = deadline
        self._wake()
        for service in reversed(self._services):
            if service.join(deadline + GRACE - time.monotonic()):
                self._end()  # so it has, but perhaps not as far as it should

    def forget(self) -> None:
        """Let go of every socket without a word: in a forked child they are its parent's."""
        self._over, self._bell_lock = True, Lock()  # its parent may have held it
        self._making.forget()
        self._services = []
        self._let_go()

    def _let_go(self) -> None:
        clients = [client.connection for client in self._clients.values()]
        for each in (self._selector, self._listener, self._bell, self._ear, *clients):
            let_go(each)

    def _wake(self) -> None:
        with self._bell_lock:  # it is not closed meanwhile: its number may be another's at once
            if not self._over:
                with contextlib.suppress(OSError):  # it rings already, or nobody hears it
                    self._bell.send(b"!")

    def _serve(self) -> None:
        """Serve until the end; a call that comes after one that raised goes on."""
        if not self._over:
            self._watch_anew()
            while self._until is None or self._may_go_on(self._until):
                self._round()
        self._end()

    def _watch_anew(self) -> None:
        """Wait for everything that is open, whatever was waited for before."""
        let_go(self._selector)
        self._selector = Selector()
        self._selector.register(self._ear, _READ)
        pending = self._making.pending()
        for client in list(self._clients.values()):
            if client.waits and client not in pending:
                client.leave()
            try:
                self._follow(client)
            except (OSError, ValueError):  # its descriptor has been closed behind our back
                client.leave()
                self._forget(client)
        self._accept_again = math.inf
        if not self.ends:
            self._selector.register(self._listener, _READ)

    def _round(self) -> None:
        for client, answer in self._making.answers():
            self._answer(client, answer)
        for key, events in self._selector.select(self._pause()):
            if key.fileobj is self._listener:
                self._accept()
            elif key.fileobj is self._ear:
                self._ear.recv(_CHUNK)
            else:
                if events & _READ:
                    self._attend(key.data, self._read)
                if events & _WRITE:
                    self._attend(key.data, Client.write)
        now = time.monotonic()
        if self._accept_again <= now and not self.ends:
            self._accept_again = math.inf
            self._selector.register(self._listener, _READ)
        for client in [each for each in self._clients.values() if each.deadline <= now]:
            self._attend(client, Client.leave)

    def _may_go_on(self, until: float) -> bool:
        """Stop accepting; tell whether replies under way have time left."""
        if self._listener.fileno() >= 0:
            if self._listener in (self._selector.get_map() or ()):
                self._selector.unregister(self._listener)
            let_go(self._listener)
            self._accept_again = math.inf
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
        room, now = self._make_room(self._max_connections), time.monotonic()
        self._full_since = math.inf if room else min(self._full_since, now)
        if now - self._full_since < FULL and not room:
            self._rest(_LOOK_AGAIN)
            return
        try:
            connection, _ = self._listener.accept()
        except BlockingIOError:  # it left before we came
            return
        except OSError as error:
            if error.errno in _DEAD:
                raise
            self._make_room(len(self._clients))  # a place is a descriptor, too
            self._rest(_REST)
            return
        client = self._welcome(connection)
        if client is not None and not room:
            self._answer(client, plain(503))

    def _rest(self, seconds: float) -> None:
        self._selector.unregister(self._listener)
        self._accept_again = time.monotonic() + seconds

    def _welcome(self, connection: Socket) -> Client | None:
        try:
            connection.setblocking(False)
            tls = self._tls
            client = Client(Secured(connection, tls, server_side=True) if tls else connection)
        except OSError:  # it left meanwhile
            connection.close()
            return None
        except BaseException:
            connection.close()
            raise
        if before := self._clients.pop(client.number, None):  # closed behind our back
            before.leave()
            before.connection.detach()
            if client.number in self._selector.get_map():
                self._selector.unregister(client.number)
        self._clients[client.number] = client
        self._follow(client)
        return client

    def _make_room(self, places: int) -> bool:
        """Let those go who dawdle, if need be; tell whether one of the places is free now."""
        while self._clients and len(self._clients) >= places:
            client = makes_room(self._clients.values())
            if client is None:
                return False
            if client.reading:
                self._attend(client, self._read)  # its request may have come just now
                if not client.reading:
                    continue
                self._answer(client, plain(503))
            self._attend(client, Client.leave)
        return True

    def _attend(self, client: Client, step: Callable[[Client], object]) -> None:
        """Do the next step of a client: the one place where clients are touched.

        One that has left is not touched again. What a step raises costs its client only.
        """
        if client.gone:
            return
        try:
            step(client)
        except OSError:
            client.leave()
        except BaseException as error:
            client.leave()
            self._say_once(error, "a client was dropped")
        finally:
            self._follow(client)

    def _follow(self, client: Client) -> None:
        """Wait for what concerns a client now; close the socket of one that has left."""
        if client.gone:
            self._forget(client)
            return
        key = (self._selector.get_map() or {}).get(client.number)
        events = client.events
        if key is None and events:
            self._selector.register(client.connection, events, client)
        elif key is not None and not events:
            self._selector.unregister(client.number)
        elif key is not None and key.events != events:
            self._selector.modify(client.number, events, client)

    def _forget(self, client: Client) -> None:
        if self._clients.get(client.number) is not client:
            return
        if client.number in (self._selector.get_map() or ()):
            self._selector.unregister(client.number)
        let_go(client.connection)
        del self._clients[client.number]

    def _read(self, client: Client) -> None:
        try:
            request = client.read()
        except BadMessage as error:
            client.answer(plain(error.status, str(error)), self._patience)
            return
        if request is None:
            return
        answer = self._access.refusal(request)
        if answer is None and self._at_once is not None:
            answer = self._at_once(request)
        if answer is None:
            self._making.ask(client, request)
        else:
            client.answer(answer, self._patience)

    def _answer(self, client: Client, answer: Answer) -> None:
        if client.gone:
            answer.settle(False)
        else:
            self._attend(client, lambda each: each.answer(answer, self._patience))

    def _end(self) -> None:
        """Let go of everything; doing it twice is harmless."""
        for client in list(self._clients.values()):
            client.leave()
            self._forget(client)
        self._making.end()
        with self._bell_lock:
            self._over = True
            let_go(self._bell)
        for each in (self._listener, self._ear, self._selector):
            let_go(each)

    def _say_unmade(self, error: BaseException) -> None:
        self._say_once(error, "an answer could not be made")

    def _say_once(self, error: BaseException, what: str) -> None:
        """Log a fault that was not foreseen, each kind of it once."""
        if type(error).__name__ not in self._said:
            self._said.add(type(error).__name__)
            log.exception("%s: %s", self._name, what)


def let_go(what: Any) -> None:
    """Close something, also where the program has closed its descriptor already."""
    with contextlib.suppress(OSError):
        what.close()


_servers: WeakSet[Server] = WeakSet()


def _forget_after_fork() -> None:
    """A child that kept the listener would keep the port when its parent ends."""
    for server in list(_servers):
        server.forget()


in_child(_forget_after_fork)
