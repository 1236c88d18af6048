"""What an adapter is: the interface between the agent and a backend.

An adapter is any object with ``encode(snapshot, since)`` and ``send(batch, timeout)``.
``encode`` turns numbers into bytes and does no I/O; ``send`` does I/O and nothing else. The
agent owns everything between: when, queueing, retry, shutdown and the account of every entry.
This interface is the agent's own; it is not part of the PEP.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sampler._contract.snapshot import Series, Snapshot, Value
    from sampler.agent.delivery.ledger import Ledger

Since: TypeAlias = "Mapping[Series, Value]"
"""Cumulative series to the value already handed over (or its baseline); absent means zero."""


class Outcome(enum.Enum):
    """What ``send`` may return."""

    DELIVERED = "delivered"
    """The peer's program consumed the whole batch and said so. It does not mean stored."""
    UNCONFIRMED = "unconfirmed"
    """It may have arrived, and sending it again could do harm or cannot help."""


UNSUPPORTED = ("unit", "help", "kind", "precision", "timestamps", "histograms")
"""What a backend may be unable to carry; keys of an adapter's ``unsupported``."""

DELIVERED = Outcome.DELIVERED
UNCONFIRMED = Outcome.UNCONFIRMED


@attrs.frozen
class Batch:
    """Bytes that are confirmed, retried and dropped as one.

    Attributes:
        frames: what goes on the wire, one per datagram or one after the other on a stream.
        samples: entries of the snapshot that these bytes carry. An entry that needs no bytes (a
            counter that did not move) counts with the batch it falls into.
        refused: reason to number of entries that this format cannot carry.
        note: whatever the adapter wants to find again in ``send``. A spool keeps what JSON carries
            unchanged; a batch with another note waits in memory only.
    """

    frames: tuple[bytes, ...]
    samples: int
    refused: Mapping[str, int] = attrs.field(factory=dict)
    note: Any = None

    @property
    def size(self) -> int:
        """Bytes held by the frames."""
        return sum(map(len, self.frames))

    @property
    def entries(self) -> int:
        """Entries of the snapshot that this batch accounts for."""
        return self.samples + sum(self.refused.values())


@runtime_checkable
class Adapter(Protocol):
    """The interface of an adapter that pushes. Duck typed: nothing needs to be inherited.

    Optional attributes, and what stands for them:

    - ``stamped = True``: batches carry their own time and are worth sending late. False: only the
      newest snapshot is kept, and ``encode`` runs at the moment of sending.
    - ``idempotent = stamped``: a resend of a whole batch does no harm.
    - ``relative = not stamped``: ``encode`` takes differences against ``since``.
    - ``unsupported = {}``: words of :data:`UNSUPPORTED` that the backend cannot carry, each with
      a sentence on what happens instead.
    - ``split(batch) -> (Batch, Batch)``: halves a rejected batch, so that one bad entry costs only
      itself.
    - ``close()``: the last call.
    - ``files = ()``: what was read when the adapter was made, such as certificates: a reload
      replaces an adapter whose files have changed.
    - ``exposure = None``: a sentence on who else can read what is sent, and the remedy; it is a
      warning at the start and of ``check``.

    A batch without frames asks ``send`` whether the endpoint answers.
    """

    def encode(self, snapshot: Snapshot, since: Since) -> Iterable[Batch]:
        """Turn a snapshot into batches without any I/O.

        Every entry of the snapshot is accounted for exactly once, in the snapshot's order, as
        carried (``samples``) or ``refused``, and none is split over two batches. On a stream a
        batch holds at most 512 KiB. ``since`` is empty unless the adapter is ``relative``; of a
        stamped one it holds the values of the last snapshot encoded.
        """
        ...

    def send(self, batch: Batch, timeout: float) -> Outcome:
        """Deliver one batch within ``timeout`` seconds.

        Returns:
            ``DELIVERED`` or ``UNCONFIRMED``.

        Raises:
            Unavailable: not delivered; a resend is harmless.
            Rejected: some or all entries were refused for good.
        """
        ...


@runtime_checkable
class ScrapedAdapter(Protocol):
    """The interface of an adapter that is asked instead of pushing. It owns a Collector.

    Optional: ``replace(before, collect, ledger)``, called instead of ``open`` when a reload puts
    it in the place of the running adapter ``before``, of the same type and name: it takes over the
    listening socket where the address is the same. ``before`` is closed afterwards.
    ``unsupported``, ``files`` and ``exposure`` as of :class:`Adapter`.
    """

    def open(self, collect: Callable[[], Snapshot], ledger: Ledger) -> None:
        """Bind and begin to answer; each answer pulls through ``collect`` and fills ``law``.

        Raises:
            OSError: the address cannot be bound.
        """
        ...

    def close(self, timeout: float) -> None:
        """Stop answering; let answers under way end within ``timeout`` seconds."""
        ...
