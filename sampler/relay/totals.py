"""The relay's totals, as whoever asks for them is told: by the messages of a process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sampler.agent import ABSENT, Block, Series
from sampler.relay.exemplars import NewExemplars, keep, series_of
from sampler.relay.frames import frame
from sampler.relay.messages import BadMessage, Histogram, Kind, decode_body
from sampler.relay.tables import Slices, Tables
from sampler.relay.values import check_table, histogram, shaped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sampler._contract.snapshot import Absent, Value
    from sampler.agent import Snapshot
    from sampler.relay.messages import Row, Table, Values


def told(snapshot: Snapshot) -> Iterator[bytes]:
    """Yield the messages that tell a snapshot."""
    pairs, new = Slices().of(snapshot.blocks), NewExemplars()
    yield from Tables({}).update([each for _, each in pairs], {})
    for place, (block, part) in enumerate(pairs):
        yield part.values(block, place, new)[0]
    yield frame(Kind.SYNC)


def read(messages: Iterable[tuple[Kind, bytes]], time: float) -> tuple[Block, ...]:
    """Return the blocks that messages tell, up to SYNC.

    Args:
        messages: kinds and bodies.
        time: epoch seconds at which they were asked for.

    Raises:
        BadMessage: they tell none.
    """
    tables: dict[int, tuple[str, list[Series]]] = {}
    order: list[int] = []
    told: dict[str, tuple[list[Series], list[Any]]] = {}
    for kind, body in messages:
        message = decode_body(kind, body)
        if kind is Kind.SYNC:
            break
        if kind is Kind.TABLE:
            check_table(message)
            _add(tables, message)
        elif kind is Kind.LAYOUT:
            order = message.tables
        elif kind is Kind.VALUES:
            sampler, series = _table(tables, order, message)
            every, values = told.setdefault(sampler, ([], []))
            every += series
            values += _values(message, series)
        else:
            raise BadMessage(f"{kind.name} is no part of totals")
    return tuple(
        Block(sampler, tuple(series), values, time) for sampler, (series, values) in told.items()
    )


def _add(tables: dict[int, tuple[str, list[Series]]], table: Table) -> None:
    _, series = tables.setdefault(table.id, (table.sampler, []))
    series += map(_series, table.rows)


def _series(row: Row) -> Series:
    return series_of(row, dict(row.labels), row.start)


def _table(
    tables: dict[int, tuple[str, list[Series]]], order: list[int], values: Values
) -> tuple[str, list[Series]]:
    if values.place >= len(order) or order[values.place] not in tables:
        raise BadMessage(f"VALUES: there is no table {values.place}")
    sampler, series = tables[order[values.place]]
    if len(values.values) != len(series):
        raise BadMessage(f"VALUES: {len(values.values)} values for {len(series)} series")
    return sampler, series


def _values(values: Values, series: list[Series]) -> Iterator[Value | Absent]:
    shapes = [shaped(each) for each in values.shapes]
    for each, value in zip(series, values.values, strict=True):
        if value is None:
            yield ABSENT
        elif isinstance(value, Histogram) is not each.metric.histogram:
            raise BadMessage(f"VALUES: not a value of a {each.kind}")
        elif not isinstance(value, Histogram):
            yield value
        elif value.shape >= len(shapes):
            raise BadMessage("VALUES: a histogram without a shape")
        else:
            yield histogram(value, shapes[value.shape])
    keep(values.exemplars, series, values.values, shapes)
