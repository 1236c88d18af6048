"""What one process says on one connection, in order. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampler.relay.frames import frame
from sampler.relay.messages import MAX_ROWS, BadMessage, Kind, Shape, decode_body
from sampler.relay.values import check_table, shaped

if TYPE_CHECKING:
    from sampler._contract.histogram import HistogramValue
    from sampler.relay.members import Member, Members
    from sampler.relay.messages import Layout, Row, Table, Values

MAX_SERIES = 200_000
"""Series of a process, at most."""
_ACK = frame(Kind.ACK, ())


class Session:
    """Takes the messages of a process.

    Args:
        members: all processes.
        member: this one.

    Attributes:
        member: this one.
        ended: the process has said that its part is over.
    """

    def __init__(self, members: Members, member: Member) -> None:
        self.member = member
        self.ended: bool = False
        self._members = members
        self._sizes: dict[int, int] = {}
        self._new: dict[int, tuple[str, list[Row]]] = {}
        self._shapes: dict[int, dict[Shape, HistogramValue]] = {}
        self._spoken: list[int] | None = None

    def receive(self, kind: Kind, body: bytes) -> bytes:
        """Take a message, and return the answer.

        Raises:
            BadMessage: it makes no sense; what came before it stands.
        """
        message = decode_body(kind, body)
        if kind is Kind.VALUES:
            self._take(message)
        elif kind is Kind.SYNC:
            return self._confirmed()
        elif kind is Kind.TABLE:
            self._add(message)
        elif kind is Kind.LAYOUT:
            self._lay_out(message)
        elif kind is Kind.BYE:
            self.ended = True
        else:
            raise BadMessage(f"{kind.name} is not for a relay now")
        return b""

    def _confirmed(self) -> bytes:
        spoken = self._members.spoken(self.member)
        if spoken == self._spoken or len(spoken) > MAX_ROWS:
            return _ACK
        self._spoken = spoken
        return frame(Kind.ACK, (spoken, self._members.number))

    def _add(self, table: Table) -> None:
        check_table(table)
        if table.id in self._sizes:
            raise BadMessage(f"TABLE: {table.id} is in use")
        sampler, rows = self._new.setdefault(table.id, (table.sampler, []))
        rows += table.rows
        total = sum(self._sizes.values()) + sum(len(new) for _, new in self._new.values())
        if sampler != table.sampler or total > MAX_SERIES:
            raise BadMessage(f"TABLE: more than one sampler, or more than {MAX_SERIES:,} series")

    def _lay_out(self, layout: Layout) -> None:
        wanted = set(layout.tables)
        if len(wanted) < len(layout.tables) or not wanted <= self._sizes.keys() | self._new.keys():
            raise BadMessage("LAYOUT: a table is there twice, or was not sent")
        new, self._new = self._new, {}
        self._members.lay_out(self.member, layout.tables, new)
        sizes = {**self._sizes, **{table: len(rows) for table, (_, rows) in new.items()}}
        self._shapes = {}
        self._sizes = {table: sizes[table] for table in layout.tables}

    def _take(self, values: Values) -> None:
        if values.place >= len(self._sizes):
            raise BadMessage(f"VALUES: there is no table {values.place}")
        # A shape that was there the last time is the same object again.
        before = self._shapes.get(values.place, {})
        shapes = [before.get(each) or shaped(each) for each in values.shapes]
        self._shapes[values.place] = dict(zip(values.shapes, shapes, strict=True))
        self._members.take(self.member, values.place, values.values, shapes, values.exemplars)
