"""The relay's end of the socket: one thread for all processes.

No peer can block it, or cost others anything: what is read is bounded, each message has its time,
and whoever breaks the protocol loses the connection. The end of a connection is no end of its
process: that is when its pidfd says so, or, where the kernel gives none, when nothing has come for
some intervals. Before anything is made of an end, what is still in the socket is read.
"""

from __future__ import annotations

import errno
import os
import selectors
from contextlib import suppress
from time import monotonic, time
from typing import TYPE_CHECKING, Any

from sampler.adapterkit._http.wakeup import Wakeup, close_quietly
from sampler.adapterkit._unix.peer import peer_of
from sampler.adapterkit.sockets import Socket
from sampler.adapterkit.threads import Selector, Service
from sampler.agent import log
from sampler.relay.complaints import Complaints
from sampler.relay.frames import frame
from sampler.relay.members import Refusal
from sampler.relay.messages import VERSION, BadMessage, Kind, decode_body, version_of
from sampler.relay.peers import PeerConnection
from sampler.relay.readers import Readers
from sampler.relay.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from sampler.agent import Snapshot
    from sampler.relay.members import Member, Members

MAX_STRANGERS = 64
"""Connections whose peer has not said who it is, at most: the oldest makes room."""
MAX_PER_PROCESS = 64
"""Connections of one process, at most: each of its interpreters has one."""
MAX_CONNECTIONS = 4_000
MISSED = 3
"""Intervals after the end of a connection for which a process without a pidfd is waited for."""
NOBODY = 60.0
"""Seconds after which it is said that no process has reported."""
_AHEAD = 1.0  # seconds by which a process may have begun in the future
_SHORTEST_WAIT = 5.0
"""Seconds that are waited for one in any case."""
_ACCEPT_PAUSE = 0.2
_WAITING = 1_024
"""Connections that wait to be accepted, at most."""
_READ = selectors.EVENT_READ


class Server:
    """Serves as soon as it is started, until it is closed.

    Args:
        listeners: listening unix sockets; the server owns them. Who comes to another one than the
            first is a guest.
        members: the processes.
        totals: returns what they have counted, within some seconds.
        nobody: what is said, once, if no process reports at all: why that may be, and what to do.

    Attributes:
        users: numbers of the users whose processes are taken.
        settings: what processes are told.
    """

    def __init__(
        self,
        listeners: Sequence[Socket],
        members: Members,
        users: Collection[int],
        settings: Mapping[str, Any],
        totals: Callable[[float], Snapshot],
        nobody: str = "",
    ) -> None:
        self.users: Collection[int] = users
        self.settings: Mapping[str, Any] = settings
        self._listeners = tuple(listeners)
        self._members = members
        self._readers = Readers(totals)
        self._nobody = nobody
        self._nobody_at = monotonic() + NOBODY if nobody else float("inf")
        self._selector = Selector()
        self._wakeup = Wakeup()
        self._closing = False
        self._strangers: list[PeerConnection] = []
        self._peers: dict[Member, PeerConnection] = {}
        self._pidfds: dict[Member, int] = {}
        self._lost: dict[Member, float] = {}
        self._accept_at = float("inf")
        self._complaints = Complaints()
        self._service = Service(self._serve, "sampler-relay")
        for each in self._listeners:
            each.setblocking(False)

    def start(self) -> None:
        """Begin to accept."""
        self._service.start()

    def close(self, timeout: float) -> None:
        """Take what has come, and no more; nothing is confirmed from now on."""
        self._closing = True
        self._wakeup.wake()
        self._service.join(timeout)

    def _serve(self) -> None:
        self._watch_everything()
        while not self._closing:
            for key, _ in self._selector.select(self._pause()):
                self._handle(key.data)
            self._look_at_the_clock()
        self._accept_waiting()
        for peer in self._everybody():
            self._read_rest(peer)
            peer.close()
        for descriptor in self._pidfds.values():
            os.close(descriptor)
        self._peers, self._pidfds, self._strangers = {}, {}, []
        for each in (*self._listeners, self._wakeup, self._selector):
            close_quietly(each)

    def _watch_everything(self) -> None:
        """Make a new selector with all that is open; after a failure this runs again."""
        close_quietly(self._selector)
        self._selector = Selector()
        self._selector.register(self._wakeup.receiver, _READ, None)
        self._watch_listeners()
        for peer in (*self._strangers, *self._peers.values()):
            self._selector.register(peer.connection, _READ, peer)
        for member, descriptor in self._pidfds.items():
            self._selector.register(descriptor, _READ, member)

    def _watch_listeners(self) -> None:
        for each in self._listeners:
            self._selector.register(each, _READ, each)
        self._accept_at = float("inf")

    def _handle(self, what: Any) -> None:
        if what is None:
            self._wakeup.clear()
        elif isinstance(what, Socket):
            self._accept(what)
        elif isinstance(what, PeerConnection):
            if not what.closed:
                self._read(what)
        elif what in self._pidfds:
            self._read_last_words(what)
            self._end(what, "signal")

    def _accept_waiting(self) -> None:
        """Take the connections that wait, and what their processes have said so far."""
        for listener in self._listeners:
            for _ in range(_WAITING):
                if not self._accept(listener):
                    break
                if self._strangers:
                    self._read_rest(self._strangers[-1])

    def _accept(self, listener: Socket) -> bool:
        """Take a connection, if one waits; return whether another one may."""
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS):
                raise
            self._complaints.add("a process cannot connect: %s", error.strerror)
            for each in self._listeners:
                with suppress(KeyError):  # the other one has failed before
                    self._selector.unregister(each)
            self._accept_at = monotonic() + _ACCEPT_PAUSE
            return False
        try:
            who = peer_of(connection)
            if who.uid not in self.users:
                remedy = "name that user in relay.users"
                raise Refusal(f"it belongs to user {who.uid}: {remedy}")
            mine = [each for each in self._everybody() if who.pid and each.who.pid == who.pid]
            if len(mine) >= MAX_PER_PROCESS or len(self._peers) >= MAX_CONNECTIONS:
                raise Refusal("too many connections")
        except (OSError, Refusal) as refusal:
            self._complaints.add("a process is refused: %s", refusal)
            connection.close()
            return True
        if len(self._strangers) >= MAX_STRANGERS:
            self._drop(self._strangers[0], "others want its place, and it says nothing")
        peer = PeerConnection(connection, who, guest=listener is not self._listeners[0])
        self._strangers.append(peer)
        self._selector.register(connection, _READ, peer)
        return True

    def _everybody(self) -> list[PeerConnection]:
        return [*self._strangers, *self._peers.values()]

    def _read(self, peer: PeerConnection) -> None:
        """Take what has come from a peer; only its own connection can fail."""
        try:
            for kind, body in peer.read():
                if peer.session is None:
                    self._greet(peer, kind, body)
                    if peer.closed:  # refused, or read by another thread
                        return
                elif answer := peer.session.receive(kind, body):
                    peer.answer(answer)
                if peer.session is not None and peer.session.ended:
                    self._end(peer.session.member, "exit")
                    return
            if peer.closed:
                self._forget(peer)
        except BadMessage as error:
            self._drop(peer, str(error))
        except Exception as error:
            self._drop(peer, "its messages could not be handled")
            log.exception("relay: %s", error)

    def _read_rest(self, peer: PeerConnection) -> None:
        """Take all that is in a peer's socket."""
        for _ in range(1_000):
            if peer.closed or not _readable(peer):
                return
            self._read(peer)

    def _read_last_words(self, member: Member) -> None:
        """Take all that a process has said before its end, on whichever connection."""
        self._accept_waiting()
        for peer in [each for each in self._strangers if each.who.pid == member.pid]:
            self._read_rest(peer)
        if (last := self._peers.get(member)) is not None:
            self._read_rest(last)

    def _greet(self, peer: PeerConnection, kind: Kind, body: bytes) -> None:
        if kind not in (Kind.HELLO, Kind.ASK, Kind.READ):
            raise BadMessage(f"{kind.name} comes before HELLO")
        theirs = version_of(body)
        welcome = frame(Kind.WELCOME, (VERSION, self.settings))
        try:
            if theirs != VERSION:
                what = f"the process speaks version {theirs}, and the relay version {VERSION}"
                raise Refusal(f"{what}: start both again with one version of sampler-api")
            if kind is Kind.READ:
                self._selector.unregister(peer.connection)
                self._strangers.remove(peer)
                peer.closed = True
                self._readers.serve(peer.connection, welcome)
                return
            if kind is Kind.HELLO:
                self._welcome(peer, decode_body(kind, body))
        except Refusal as refusal:
            peer.answer(frame(Kind.REFUSED, (VERSION, str(refusal))))
            self._drop(peer, str(refusal))
            return
        peer.answer(welcome)

    def _welcome(self, peer: PeerConnection, hello: Any) -> None:
        known = self._members.known(hello.uuid)
        if known is not None and known.pid == peer.who.pid and (old := self._peers.get(known)):
            self._read_rest(old)  # all that it has said before comes first
            if not old.closed and known.adapter != hello.adapter:
                raise Refusal(
                    f"another adapter of process {known.pid} reports here: one table is enough"
                )
            self._forget(old)
        member = self._members.welcome(hello, peer.who.pid)
        if (ahead := hello.began - time()) > _AHEAD:
            log.warning(
                "relay: the clock of process %d is %.0f s ahead of the relay's: its totals are "
                "right, and when it began is not",
                member.pid,
                ahead,
            )
        member.guest = peer.guest
        self._strangers.remove(peer)
        self._peers[member] = peer
        self._lost.pop(member, None)
        peer.session = Session(self._members, member)
        if member not in self._pidfds and (descriptor := peer.pidfd()) is not None:
            self._pidfds[member] = descriptor
            self._selector.register(descriptor, _READ, member)

    def _drop(self, peer: PeerConnection, why: str) -> None:
        self._complaints.add(f"process {peer.who.pid} is disconnected: %s", why)
        self._forget(peer)

    def _forget(self, peer: PeerConnection) -> None:
        """Close a connection; its process may come back."""
        with suppress(KeyError, ValueError):
            self._selector.unregister(peer.connection)
        peer.close()
        if peer in self._strangers:
            self._strangers.remove(peer)
        member = peer.session.member if peer.session else None
        if member is not None and self._peers.get(member) is peer:
            del self._peers[member]
            if member not in self._pidfds and self._members.known(member.uuid) is member:
                wait = max(MISSED * member.interval, _SHORTEST_WAIT)
                self._lost[member] = monotonic() + wait

    def _end(self, member: Member, how: str) -> None:
        """Let a process end, whatever tells of it first."""
        if how != "exit" and self._members.known(member.uuid) is member:
            log.warning(
                "relay: process %d has ended without a word: what it counted in its last %.1f s "
                "may be missing",
                member.pid,
                max(0.0, time() - member.heard()),
            )
        for other in self._members.end(member, how):
            if peer := self._peers.get(other):
                log.info("relay: process %d declares anew what it says", other.pid)
                self._forget(peer)
        self._lost.pop(member, None)
        descriptor = self._pidfds.pop(member, None)
        if descriptor is not None:
            self._selector.unregister(descriptor)
            os.close(descriptor)
        if peer := self._peers.get(member):
            self._forget(peer)

    def _look_at_the_clock(self) -> None:
        now = monotonic()
        if self._accept_at <= now:
            self._watch_listeners()
        if self._nobody_at <= now or self._members.starts:
            if not self._members.starts:
                log.warning("no process has reported for %g s: %s", NOBODY, self._nobody)
            self._nobody_at = float("inf")
        for peer in [each for each in self._everybody() if each.deadline <= now]:
            self._drop(peer, "it began to say something, and did not end in time")
        for member in [member for member, until in self._lost.items() if until <= now]:
            self._end(member, "lost")

    def _pause(self) -> float | None:
        moments = [each.deadline for each in self._everybody()]
        others = (*self._lost.values(), self._accept_at, self._nobody_at)
        soonest = min((*moments, *others), default=float("inf"))
        return None if soonest == float("inf") else max(0.0, soonest - monotonic())


def _readable(peer: PeerConnection) -> bool:
    """Tell whether a read would give something, or the end."""
    from socket import MSG_PEEK

    try:
        peer.connection.recv(1, MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return False
    return True
