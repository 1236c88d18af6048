"""The ``relay`` adapter: a worker's side."""

from __future__ import annotations

import os
from collections import ChainMap
from contextlib import contextmanager
from time import monotonic, time
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakSet

import attrs

from sampler.adapterkit.packing import Packing
from sampler.adapterkit.threads import Thread, in_child
from sampler.agent import DELIVERED, MAX_BATCH, Batch, Snapshot, Unavailable, log, option, reload
from sampler.agent.config.relay import socket_fault, users_fault
from sampler.exceptions import SamplerError
from sampler.relay.address import default_address
from sampler.relay.connection import Connection, unreadable
from sampler.relay.exemplars import NewExemplars
from sampler.relay.frames import frame
from sampler.relay.members import OWN
from sampler.relay.messages import BadMessage, Kind
from sampler.relay.tables import Slices
from sampler.relay.told import Told, values_of
from sampler.relay.totals import read

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sampler._contract.snapshot import Value
    from sampler.agent import Block, Outcome, Series, Since
    from sampler.relay.tables import Slice

_INTERVAL = 10.0
_PATIENCE = 1.0
"""Seconds that a relay has to answer; then the newest values take the place of older ones."""
_EXPECTED = 10.0
"""Seconds that a relay may be late, as on a busy host or while it starts: no warning before."""
_LAST_WORDS = 0.1
"""Seconds in which a relay that does not answer has to have room for what is left behind."""


@attrs.define(eq=False)
class _Pull:
    """What the batches of one snapshot have in common.

    Attributes:
        slices: the tables that their values belong to.
        since: where series begin that the relay does not know.
        hello: the fields of HELLO.
        turn: see :meth:`Relay.withdraw`.
        confirmed: what a relay has confirmed of it.
    """

    slices: tuple[Slice, ...]
    since: Since
    hello: tuple[object, ...]
    turn: int
    confirmed: list[tuple[Block, Slice]] = attrs.field(factory=list[Any])

    def bases(self) -> Since:
        """Return where series begin for a relay that does not know them."""
        return ChainMap(values_of(self.confirmed), self.since) if self.confirmed else self.since  # type: ignore[arg-type]


@attrs.frozen(eq=False)
class _Note:
    """What ``send`` needs beside the bytes: the pull, and which part of it this is."""

    pull: _Pull
    pairs: tuple[tuple[Block, Slice], ...]


@attrs.define(eq=False)
class Relay:
    """Report to the relay of this host, which merges the numbers of many processes.

    Whole values travel, so what is not sent is part of what comes next: while no relay is there
    the process goes on counting, and nothing is lost or counted twice.
    """

    stamped = False
    relative = True
    idempotent = True
    late_for = _EXPECTED
    unsupported: ClassVar[Mapping[str, str]] = {
        "timestamps": "left out: the relay stores the time at which it merges"
    }
    socket: str | None = option(
        None,
        "Where the relay listens: a path, or '@' and a name; default: '@sampler-relay-' and the "
        "number of this user.",
        kind=str,
        check=socket_fault,
    )
    users: tuple[str, ...] = option(
        (), "Users whose relay is trusted besides one's own and root's.", check=users_fault
    )
    asks: bool = attrs.field(default=False, init=False)
    """The agent runs with built-in settings, as no relay was there: it asks before it reports."""
    _joining: bool = attrs.field(default=False, init=False)
    _slices: Slices = attrs.field(factory=Slices, init=False)
    _exemplars: NewExemplars = attrs.field(factory=NewExemplars, init=False)
    _numbers: dict[Series, int] = attrs.field(factory=dict[Any, int], init=False)
    _connection: Connection | None = attrs.field(default=None, init=False)
    _unanswered: _Note | None = attrs.field(default=None, init=False)
    """What the answer that is owed on the connection confirms."""
    _silent: bool = attrs.field(default=False, init=False)
    _mark: str = attrs.field(factory=lambda: os.urandom(16).hex(), init=False)
    _stands: frozenset[int] = attrs.field(default=frozenset[int](), init=False)
    """Numbers of the series with which this process speaks for the host or server."""
    _before: int = attrs.field(default=0, init=False)
    """The number of the relay that has said so."""
    _told: Told = attrs.field(factory=Told, init=False)

    def __attrs_post_init__(self) -> None:
        _adapters.add(self)

    @property
    def address(self) -> str:
        """Where the relay listens."""
        return self.socket or default_address()

    @classmethod
    def ask(cls, address: str, timeout: float) -> dict[str, Any] | None:
        """Return the settings that a relay has for its workers.

        Args:
            address: where it listens.
            timeout: seconds.

        Returns:
            Tables of a configuration; None, and a line in the log, when no relay answers.
        """
        try:
            relay = cls(socket=address)
        except ValueError as error:
            log.warning("%s; built-in settings are used", error)
            return None
        try:
            return relay._ask(timeout)
        except Unavailable as error:
            if relay._silent:
                log.info("%s, and is expected to answer; built-in settings until then", error)
            else:
                log.warning("%s; built-in settings are used until then", error)
            return None

    def totals(self, timeout: float) -> Snapshot:
        """Return what all processes of the relay have counted.

        Args:
            timeout: seconds.

        Raises:
            Unavailable: it does not answer.
        """
        now = time()
        with self._asked(Kind.READ, monotonic() + timeout) as (connection, told):
            blocks = read(connection.messages(monotonic() + timeout), now)
        identity = {word: str(told.get(word, "")) for word in ("service", "host")}
        return Snapshot(blocks, now, now, {**identity, "instance": OWN})

    def encode(self, snapshot: Snapshot, since: Since) -> Iterator[Batch]:
        """Yield batches of whole values, each with what ``send`` needs of this snapshot."""
        pairs = self._slices.of(snapshot.blocks)
        identity = snapshot.identity
        words = (identity.get(word) or "-" for word in ("service", "instance", "role"))
        uuid, interval = identity.get("uuid", self._mark), snapshot.interval or _INTERVAL
        hello = (uuid, *words, float(snapshot.start), interval, self._mark)
        turn = getattr(snapshot, "turn", 0)
        pull = _Pull(tuple(each for _, each in pairs), since, hello, turn)
        packing, packed = Packing(MAX_BATCH), list[Any]()
        for place, (block, part) in enumerate(pairs):
            data, entries = part.values(block, place, self._exemplars)
            for batch in packing.add(data, entries):
                note = _Note(pull, tuple(packed))
                yield Batch(batch.frames, batch.samples, note=note)
                packed = []
            packed.append((block, part))
        self._exemplars.end()
        for batch in packing.rest():
            note = _Note(pull, tuple(packed))
            yield Batch(batch.frames, batch.samples, note=note)

    def send(self, batch: Batch, timeout: float) -> Outcome:
        """Send one batch within ``timeout`` seconds, and wait until the relay has counted it.

        Raises:
            Unavailable: it has not.
        """
        if not batch.frames:
            self._ask(timeout)
            return DELIVERED
        if self.asks:
            self._ask(min(timeout, _PATIENCE))
            if not self._joining:
                self._joining = True
                Thread(self._join, "sampler-join").start()
            first = "its settings come first, and then all that was counted"
            raise Unavailable(f"relay {self.address} is there now: {first}")
        deadline = monotonic() + timeout
        try:
            connection = self._greeted(batch.note.pull, deadline)
            self._take_answer(connection, deadline)
            frames = (*batch.frames, frame(Kind.SYNC))
            self._say(connection, batch.note, frames, Kind.ACK, deadline)
            self._unanswered = batch.note
            self._take_answer(connection, deadline)
        except (OSError, Unavailable) as error:
            waits = self._connection is not None and self._connection.owed
            if not waits or not isinstance(error, TimeoutError):
                self._disconnect()
            raise self._unavailable(error) from None
        return DELIVERED

    def leave(self, batch: Batch) -> bool:
        """Leave a batch in the socket of a relay that has not answered, as when it is stopped.

        It takes that when it goes on; there may be no room for it.
        """
        deadline = monotonic() + _LAST_WORDS
        try:
            if self._silent:
                connection = self._greeted(batch.note.pull, deadline)
                self._say(connection, batch.note, batch.frames, None, deadline)
        except (OSError, Unavailable):
            self._disconnect()
            return False
        return self._silent

    def withdraw(self, turn: int) -> dict[Series, Value]:
        """Leave to others what was collected before a turn, but for what may be there.

        Args:
            turn: of the snapshots to come.

        Returns:
            By series, what the relay may have been told.
        """
        return self._told.withdraw(turn)

    def close(self) -> None:
        """End this process' part in the relay."""
        self._disconnect(farewell=True)

    def _join(self) -> None:
        """Have the agent take the relay's settings; another adapter may take this one's place."""
        try:
            adapters = [each.adapter for each in reload().settings.adapters]
            self.asks = any(getattr(each, "asks", False) for each in adapters)
        except (RuntimeError, SamplerError):  # the agent ends, or is none that can be told
            self.asks = False
        finally:
            self._joining = False

    def _greeted(self, pull: _Pull, deadline: float) -> Connection:
        if self._connection is not None and not self._connection.is_ours():
            self._disconnect()
        if self._connection is None:
            self._exemplars.forget()
            new = Connection(self.address, self.users, deadline, self._numbers)
            self._connection = new
            new.greet(Kind.HELLO, (*pull.hello, self._before), deadline)
        return self._connection

    def _say(
        self,
        connection: Connection,
        note: _Note,
        frames: Iterable[bytes],
        answer: Kind | None,
        deadline: float,
    ) -> None:
        pull = note.pull
        tables = connection.tables.update(pull.slices, pull.bases(), self._stands)
        connection.say(tables, None, deadline)
        before = self._told.tell(pull.turn, note.pairs, len(pull.slices))
        try:
            connection.say(frames, answer, deadline)
        finally:
            if not connection.begun:
                self._told.untell(pull.turn, before)

    def _take_answer(self, connection: Connection, deadline: float) -> None:
        """Wait for what is owed; an answer that comes later is taken by the next attempt."""
        answer = connection.answer(min(deadline, monotonic() + _PATIENCE))
        note, self._unanswered = self._unanswered, None
        if note is not None:
            note.pull.confirmed += note.pairs
            if answer.stands is not None:
                self._stands, self._before = frozenset(answer.stands), answer.relay

    def _ask(self, timeout: float) -> dict[str, Any]:
        with self._asked(Kind.ASK, monotonic() + timeout) as (_, told):
            return told

    @contextmanager
    def _asked(self, kind: Kind, deadline: float) -> Iterator[tuple[Connection, dict[str, Any]]]:
        """Ask on a connection of its own; yield that, and the settings for workers."""
        try:
            connection = Connection(self.address, self.users, deadline)
            try:
                connection.greet(kind, (), deadline)
                yield connection, connection.answer(deadline).settings
            finally:
                connection.close()
        except BadMessage as error:
            raise self._unavailable(unreadable(error)) from None
        except (OSError, Unavailable) as error:
            raise self._unavailable(error) from None

    def _disconnect(self, *, farewell: bool = False) -> None:
        connection, self._connection = self._connection, None
        self._unanswered = None
        if connection is not None:
            connection.close(farewell=farewell)

    def _unavailable(self, error: OSError | Unavailable) -> Unavailable:
        self._silent = isinstance(error, TimeoutError)
        if isinstance(error, Unavailable):
            return Unavailable(f"relay {self.address}: {error}", error.retry_after)
        if isinstance(error, ConnectionRefusedError | FileNotFoundError):
            return Unavailable(f"relay {self.address}: none is running there")
        return Unavailable(f"relay {self.address}: {error.strerror or error}")


_adapters: WeakSet[Relay] = WeakSet()


def _close_in_child() -> None:
    """Close a forked child's copies: the relay would not see the end of the parent's."""
    for adapter in list(_adapters):
        adapter._disconnect()  # noqa: SLF001 - one module


in_child(_close_in_child)
