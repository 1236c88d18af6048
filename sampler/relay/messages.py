"""What workers and a relay say to each other: the schema of every message.

A worker says HELLO and is told WELCOME. A TABLE describes up to some thousand series of a sampler,
a LAYOUT says which tables the process has now, and in which order; both are sent again only when
they change. Then each pull is one VALUES for each table of the layout, whole and cumulative, and a
SYNC, which the relay answers with ACK once it has counted them. BYE ends a process' part.

Whoever says READ instead of HELLO is told all totals as a process tells its values, and then SYNC.

Bodies are arrays in MessagePack. Fields are added at the end, with a default; :data:`VERSION`
changes when an older reader would take something for what it is not.
"""

from __future__ import annotations

from enum import IntEnum
from math import isfinite
from operator import lt
from struct import pack, unpack
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

from sampler._contract.names import MAX_BUCKETS, MAX_LABEL_VALUE, MAX_LABELS, MAX_NAME
from sampler.agent.config.series import MAX_COMMON_LABELS

if TYPE_CHECKING:
    from collections.abc import Callable

VERSION = 2
MAX_TABLES = 10_000
"""Tables of a process, at most."""
MAX_ROWS = 5_000
"""Series of a table, at most."""
MAX_TEXT = 1_000
"""Characters of a help or a unit, at most; a worker cuts longer ones."""
_MOST_LABELS = MAX_LABELS + MAX_COMMON_LABELS + 1
"""Labels of a series: a sampler's, an operator's, and one that tells processes apart."""
_GREATEST = 1.7976931348623157e308


class Kind(IntEnum):
    """The kinds of messages."""

    HELLO = 1
    ASK = 2
    WELCOME = 3
    REFUSED = 4
    TABLE = 5
    LAYOUT = 6
    VALUES = 7
    SYNC = 8
    ACK = 9
    BYE = 10
    READ = 11


Integer: TypeAlias = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Finite: TypeAlias = Annotated[float, Meta(ge=-_GREATEST, le=_GREATEST)]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Word: TypeAlias = Annotated[str, Meta(min_length=1, max_length=250)]
Text: TypeAlias = Annotated[str, Meta(max_length=MAX_TEXT)]
Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
LabelText: TypeAlias = Annotated[str, Meta(min_length=1, max_length=MAX_LABEL_VALUE)]
Bounds: TypeAlias = Annotated[bytes, Meta(max_length=8 * MAX_BUCKETS)]
Counts: TypeAlias = Annotated[tuple[Count, ...], Meta(max_length=MAX_BUCKETS)]


class _Message(msgspec.Struct, array_like=True, frozen=True):
    """A message's body."""


class Ask(_Message, frozen=True):
    """A process asks for its settings, and is no process of the relay yet."""

    version: int


class Read(_Message, frozen=True):
    """Somebody asks for the totals."""

    version: int


class Hello(_Message, frozen=True):
    """A process begins, or goes on, on a new connection.

    Attributes:
        version: of the wire.
        uuid: of this process and interpreter, made after the fork.
        service: what runs there.
        instance: which of several.
        role: what it is to its server.
        began: epoch seconds at which it did.
        interval: seconds between its pulls.
        adapter: which adapter of the process speaks.
        before: the number of the relay that has confirmed something last; 0: it has none.
    """

    version: int
    uuid: Word
    service: Word
    instance: Word
    role: Word
    began: Finite
    interval: Annotated[float, Meta(gt=0, le=86_400)]
    adapter: Word
    before: Count = 0


class Welcome(_Message, frozen=True):
    """The relay's answer to HELLO and ASK.

    Attributes:
        version: of the wire.
        settings: tables of a configuration, for :func:`sampler.agent.start`.
    """

    version: int
    settings: dict[str, Any]


class Refused(_Message, frozen=True):
    """The relay does not take this process.

    Attributes:
        version: of the relay's wire.
        reason: why, and what to do.
    """

    version: int
    reason: Text


class Shape(_Message, frozen=True, gc=False):
    """What histograms of one sort have in common.

    Attributes:
        bounds: 8 bytes each, as :func:`packed` has them: most were there the last time, and are
            recognised as they are.
        scale: as of a histogram.
        zero_threshold: likewise.
    """

    bounds: Bounds
    scale: Annotated[int, Meta(gt=-(2**31), lt=2**31)] | None
    zero_threshold: Annotated[float, Meta(ge=0, lt=2.0**63)] | None


class Histogram(_Message, frozen=True, gc=False):
    """The value of a histogram; its shape is one of the message's, or given beside it."""

    shape: Count
    count: Count
    sum: Integer | Finite | None
    counts: Counts


class Base(_Message, frozen=True):
    """A histogram with its own shape."""

    shape: Shape
    value: Histogram


class Row(_Message, frozen=True):
    """One series of a table.

    Attributes:
        number: of this series in its process: a series that starts over gets another one.
        start: epoch seconds at which its value was zero, if the source says so.
        base: the value from which it counts; None: all of it counts.
        stands: the relay before has let this process speak for the host or server, up to ``base``.
        exemplars: it may have some.
    """

    number: Count
    name: Name
    labels: Annotated[tuple[tuple[Name, LabelText], ...], Meta(max_length=_MOST_LABELS)]
    kind: Literal["counter", "gauge", "histogram"]
    unit: Text
    help: Text
    scope: Literal["interpreter", "process", "server", "host"]
    merge: Literal["sum", "max", "min"] | None
    start: Finite | None
    base: Integer | Finite | Base | None
    stands: bool = False
    exemplars: bool = False


class Table(_Message, frozen=True):
    """Series of one sampler; more of the same ``id`` are added to those before."""

    id: Count
    sampler: Name
    rows: Annotated[list[Row], Meta(max_length=MAX_ROWS)]


class Layout(_Message, frozen=True):
    """The tables that a process has now, in the order of its VALUES."""

    tables: Annotated[list[Count], Meta(max_length=MAX_TABLES)]


class ToldExemplar(_Message, frozen=True, gc=False):
    """A single event.

    Attributes:
        place: of its series among those of the message.
        value: what was added or observed.
        labels: what it is found by.
        time: epoch seconds.
    """

    place: Count
    value: Integer | Finite
    labels: Annotated[tuple[tuple[Name, LabelText], ...], Meta(max_length=MAX_LABELS)]
    time: Finite


class Values(_Message, frozen=True):
    """The values of one table; None: it could not be read this time.

    Attributes:
        place: which table of the layout.
        values: one for each of its series, in their order.
        shapes: those of its histograms.
        exemplars: those that are new.
    """

    place: Count
    values: Annotated[list[Integer | Finite | Histogram | None], Meta(max_length=MAX_ROWS)]
    shapes: Annotated[list[Shape], Meta(max_length=MAX_ROWS)]
    exemplars: list[ToldExemplar] = []


class Ack(_Message, frozen=True):
    """The relay has counted what it was told.

    Attributes:
        stands: the numbers of the series with which this process speaks for the host or server;
            None: as before.
        relay: the relay's number among those of one command, from 1 on; 0: it has none.
    """

    stands: Annotated[list[Count], Meta(max_length=MAX_ROWS)] | None = None
    relay: Count = 0


_BODIES: dict[Kind, type[_Message]] = {
    Kind.HELLO: Hello,
    Kind.ASK: Ask,
    Kind.WELCOME: Welcome,
    Kind.REFUSED: Refused,
    Kind.TABLE: Table,
    Kind.LAYOUT: Layout,
    Kind.VALUES: Values,
    Kind.ACK: Ack,
    Kind.READ: Read,
}
_DECODERS = {kind: msgspec.msgpack.Decoder(body) for kind, body in _BODIES.items()}
encode_body: Callable[[Any], bytes] = msgspec.msgpack.Encoder().encode


def packed(bounds: tuple[float, ...]) -> bytes:
    """Return upper bounds as bytes: doubles, the lowest byte first."""
    return pack(f"<{len(bounds)}d", *bounds)


def unpacked(data: bytes) -> tuple[float, ...]:
    """Return upper bounds.

    Raises:
        BadMessage: they are not finite, or do not rise.
    """
    size, rest = divmod(len(data), 8)
    bounds: tuple[float, ...] = unpack(f"<{size}d", data) if not rest else (0.0, 0.0)
    finite = not bounds or (isfinite(bounds[0]) and isfinite(bounds[-1]))
    if not (finite and all(map(lt, bounds, bounds[1:]))):  # what rises between two is finite
        raise BadMessage("the bounds of a histogram do not rise")
    return bounds


class BadMessage(ValueError):
    """A peer has sent what no message is."""


def decode_body(kind: Kind, body: bytes) -> Any:
    """Return a message; None where its kind has no body.

    Raises:
        BadMessage: it does not follow the schema.
    """
    decoder = _DECODERS.get(kind)
    if decoder is None:
        if body:
            raise BadMessage(f"{kind.name} has a body")
        return None
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadMessage(f"{kind.name}: {error}") from None


def version_of(body: bytes) -> int:
    """Return the version of HELLO, ASK, READ, WELCOME or REFUSED, whatever else it says.

    Raises:
        BadMessage: there is none.
    """
    version: int = decode_body(Kind.ASK, body).version
    return version
