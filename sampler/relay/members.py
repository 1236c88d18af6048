"""The processes of a relay: who they are, how they end, and what they say. For any thread."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import attrs

from sampler.adapterkit.threads import Lock
from sampler.relay.merging import Merger, Process

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sampler._contract.histogram import HistogramValue
    from sampler._contract.snapshot import Block
    from sampler.relay.messages import Hello, Row, ToldExemplar
    from sampler.relay.places import Reader

MAX_MEMBERS = 10_000
"""Processes, at most."""
MAX_PER_PID = 64
"""Interpreters of one process, at most."""
EXITS = ("exit", "signal", "lost")
"""How processes end: with a farewell, without one, or unseen."""
OWN = "relay"
"""The relay's own label among the processes."""


class Refusal(Exception):
    """A process is not taken; the text says why and what to do."""


@attrs.define(eq=False)
class Member:
    """One process.

    Attributes:
        uuid: made by it.
        pid: its id; 0 if the kernel does not tell.
        interval: seconds between its reports.
        adapter: which of its adapters speaks.
        process: its part of the merged series.
        role: what it is to its server.
        reported: epoch seconds at which its numbers came last; None: not yet.
        guest: it came to another socket than the first one.
    """

    uuid: str
    pid: int
    interval: float
    adapter: str
    process: Process
    role: str = ""
    reported: float | None = None
    guest: bool = False

    def heard(self) -> float:
        """Return when its numbers came last, in epoch seconds; where none came, when it began."""
        return self.process.began if self.reported is None else self.reported


class Members:
    """All processes.

    Args:
        start: epoch seconds at which the relay began.
        time: returns epoch seconds.
        number: of this relay among those of one command, from 1 on; 0: nobody counts them.

    Attributes:
        number: as given.
        retain: seconds for which the gauges of the dead stay.
        retain_merged: those that are merged stay, too.
        starts: processes that have begun.
        exits: processes that have ended, by how.
        entries: values received.
    """

    def __init__(self, start: float, time: Callable[[], float], number: int = 0) -> None:
        self.number: int = number
        self.retain: float = 0.0
        self.retain_merged: bool = False
        self.starts: int = 0
        self.exits: Counter[str] = Counter(dict.fromkeys(EXITS, 0))
        self.entries: int = 0
        self._time = time
        self._lock = Lock()
        self._merger = Merger(start)
        self._members: dict[str, Member] = {}

    def __len__(self) -> int:
        return len(self._members)

    @property
    def refused(self) -> int:
        """How many values were refused."""
        return self._merger.refused

    def own(self) -> Member:
        """Return the relay's own part: as if it were one more process, and counted with none."""
        with self._lock:
            member = Member("", 0, 0.0, "", Process(OWN, 0.0))
            self._merger.begin(member.process)
            return member

    def all(self) -> list[Member]:
        """Return the processes that have not ended."""
        with self._lock:
            return list(self._members.values())

    def known(self, uuid: str) -> Member | None:
        """Return a process that has not ended."""
        return self._members.get(uuid)

    def welcome(self, hello: Hello, pid: int) -> Member:
        """Take a process: a new one, or one that is known and connects again.

        Raises:
            Refusal: another process has its uuid, or there are too many.
        """
        with self._lock:
            member = self._members.get(hello.uuid)
            if member is None:
                alike = sum(each.pid == pid for each in self._members.values()) if pid else 0
                if alike >= MAX_PER_PID or len(self._members) >= MAX_MEMBERS:
                    raise Refusal("too many processes report, or too many interpreters of one")
                process = Process(self._label(hello, pid), hello.began)
                member = Member(hello.uuid, pid, hello.interval, hello.adapter, process)
                self._members[hello.uuid] = member
                self._merger.begin(process)
                self.starts += 1
            elif member.pid != pid:
                raise Refusal(
                    f"process {member.pid} has the same uuid as process {pid}: start another "
                    "agent after a fork"
                )
            member.interval, member.adapter = hello.interval, hello.adapter
            member.role = hello.role
            member.process.connects_again(claims=0 < hello.before == self.number - 1)
            return member

    def lay_out(
        self, member: Member, tables: Sequence[int], new: Mapping[int, tuple[str, list[Row]]]
    ) -> None:
        """See :meth:`Merger.lay_out`."""
        with self._lock:
            self._merger.lay_out(member.process, tables, new, self._time())

    def take(
        self,
        member: Member,
        place: int,
        values: list[Any],
        shapes: Sequence[HistogramValue],
        exemplars: Sequence[ToldExemplar] = (),
    ) -> None:
        """See :meth:`Merger.take`; the values are counted as received."""
        with self._lock:
            entries = self._merger.take(member.process, place, values, shapes, exemplars)
            member.reported = self._time()
            if member.uuid:
                self.entries += entries

    def spoken(self, member: Member) -> list[int]:
        """Return the numbers of the series with which a process speaks for the host or server."""
        with self._lock:
            return [number for part in member.process.order for number in part.spoken()]

    def end(self, member: Member, how: str) -> list[Member]:
        """Know that a process has ended; twice is harmless.

        Args:
            member: which one.
            how: one of :data:`EXITS`.

        Returns:
            Processes that are to connect anew: see :meth:`Merger.end`.
        """
        with self._lock:
            if self._members.get(member.uuid) is not member:
                return []
            del self._members[member.uuid]
            until = self._time() + self.retain if self.retain else 0.0
            others = self._merger.end(member.process, until, merged=self.retain_merged)
            self.exits[how] += 1
            return [each for each in self._members.values() if each.process in others]

    def reader(self) -> Reader:
        """Return a new consumer of the merged series."""
        with self._lock:
            return self._merger.reader()

    def collect(self, reader: Reader) -> tuple[Block, ...]:
        """Return the merged blocks."""
        with self._lock:
            return self._merger.collect(reader, self._time())

    def _label(self, hello: Hello, pid: int) -> str:
        """Return what sets a process apart from all that live now."""
        taken = {OWN, *(each.process.label for each in self._members.values())}
        named = f"{hello.service}-{hello.instance}"
        wanted = (hello.instance, named, f"{named}-{pid}", hello.uuid)
        return next(label for label in wanted if label not in taken)
