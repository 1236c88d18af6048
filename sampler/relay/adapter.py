"""The ``relay`` adapter: a worker's side."""

from __future__ import annotations

import os
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakSet

import attrs

from sampler.adapterkit.packing import Packing
from sampler.adapterkit.threads import in_child
from sampler.agent import DELIVERED, MAX_BATCH, Batch, Unavailable, log, option
from sampler.agent.config.relay import socket_fault, users_fault
from sampler.relay.address import default_address
from sampler.relay.connection import Connection
from sampler.relay.frames import frame
from sampler.relay.messages import Kind
from sampler.relay.tables import Slices

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sampler.agent import Outcome, Series, Since, Snapshot
    from sampler.relay.tables import Slice

_INTERVAL = 10.0


@attrs.frozen
class _Note:
    """What ``send`` needs beside the bytes.

    Attributes:
        slices: the tables that the values belong to.
        since: where series begin that the relay does not know.
        hello: the fields of HELLO.
    """

    slices: tuple[Slice, ...]
    since: Since
    hello: tuple[object, ...]


@attrs.define(eq=False)
class Relay:
    """Report to the relay of this host, which merges the numbers of many processes.

    Whole values travel, so what is not sent is part of what comes next: while no relay is there
    the process goes on counting, and nothing is lost or counted twice.
    """

    stamped = False
    relative = True
    idempotent = True
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
    _slices: Slices = attrs.field(factory=Slices, init=False)
    _numbers: dict[Series, int] = attrs.field(factory=dict[Any, int], init=False)
    _connection: Connection | None = attrs.field(default=None, init=False)
    _mark: str = attrs.field(factory=lambda: os.urandom(16).hex(), init=False)

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
            return cls(socket=address)._ask(timeout)  # noqa: SLF001 - its own
        except (Unavailable, ValueError) as error:
            log.warning("%s; built-in settings are used until then", error)
            return None

    def encode(self, snapshot: Snapshot, since: Since) -> Iterator[Batch]:
        """Yield batches of whole values, each with what ``send`` needs of this snapshot."""
        pairs = self._slices.of(snapshot.blocks)
        identity = snapshot.identity
        words = (identity.get(word) or "-" for word in ("service", "instance", "role"))
        uuid, interval = identity.get("uuid", self._mark), snapshot.interval or _INTERVAL
        hello = (uuid, *words, float(snapshot.start), interval, self._mark)
        note = _Note(tuple(each for _, each in pairs), since, hello)
        packing = Packing(MAX_BATCH)
        for place, (block, part) in enumerate(pairs):
            data, entries = part.values(block, place)
            for batch in packing.add(data, entries):
                yield Batch(batch.frames, batch.samples, note=note)
        for batch in packing.rest():
            yield Batch(batch.frames, batch.samples, note=note)

    def send(self, batch: Batch, timeout: float) -> Outcome:
        """Send one batch within ``timeout`` seconds, and wait until the relay has counted it.

        Raises:
            Unavailable: it has not.
        """
        if not batch.frames:
            self._ask(timeout)
            return DELIVERED
        deadline = monotonic() + timeout
        connection = None
        try:
            connection = self._connected(batch.note, deadline)
            tables = connection.tables.update(batch.note.slices, batch.note.since)
            connection.send((*tables, *batch.frames, frame(Kind.SYNC)), deadline)
            connection.wait_for(Kind.ACK, deadline)
        except (OSError, Unavailable) as error:
            self._disconnect()
            raise self._unavailable(error) from None
        return DELIVERED

    def close(self) -> None:
        """End this process' part in the relay."""
        self._disconnect(farewell=True)

    def _connected(self, note: _Note, deadline: float) -> Connection:
        if self._connection is None:
            new = Connection(self.address, self.users, deadline, self._numbers)
            self._connection = new
            new.greet(Kind.HELLO, note.hello, deadline)
        return self._connection

    def _ask(self, timeout: float) -> dict[str, Any]:
        deadline = monotonic() + timeout
        try:
            connection = Connection(self.address, self.users, deadline)
            try:
                return connection.greet(Kind.ASK, (), deadline)
            finally:
                connection.close()
        except (OSError, Unavailable) as error:
            raise self._unavailable(error) from None

    def _disconnect(self, *, farewell: bool = False) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close(farewell=farewell)

    def _unavailable(self, error: OSError | Unavailable) -> Unavailable:
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
