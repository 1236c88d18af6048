"""What an adapter is: the interface between the agent and a backend.

An adapter is any object with ``encode(snapshot, since)`` and ``send(batch, timeout)``.
``encode`` turns numbers into bytes and does no I/O; ``send`` does I/O and nothing else. The
agent does the rest: it schedules, queues, retries, flushes at the end, and counts every entry.
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
"""Cumulative series to the value handed over last, or its baseline; absent means zero."""


class Outcome(enum.Enum):
    """What ``send`` may return."""

    DELIVERED = "delivered"
    """The peer's program consumed the whole batch and said so. It does not mean stored."""
    UNCONFIRMED = "unconfirmed"
    """It may have arrived; sending it again could count it twice, or would tell no more."""


UNSUPPORTED = ("unit", "help", "kind", "precision", "timestamps", "histograms", "zeros")
"""What a backend may be unable to store; the keys of an adapter's ``unsupported``."""

MAX_BATCH = 512 * 1024
"""Most bytes of a batch on a stream: it is confirmed, sent again and dropped as one."""
DELIVERED = Outcome.DELIVERED
UNCONFIRMED = Outcome.UNCONFIRMED


@attrs.frozen
class Batch:
    """Bytes that are confirmed, retried and dropped as one.

    Attributes:
        frames: what goes on the wire: one frame per datagram, or one after another on a stream.
        samples: number of the snapshot's entries in this batch. An entry that needs no bytes, as
            an unchanged counter, counts towards the batch that it was encoded with.
        refused: reason to number of entries that this format cannot express.
        note: anything that the adapter needs in ``send``. A spool can keep a note that JSON
            returns unchanged; a batch with another note waits in memory only.
    """

    frames: tuple[bytes, ...]
    samples: int
    refused: Mapping[str, int] = attrs.field(factory=dict)
    note: Any = None

    @property
    def size(self) -> int:
        """Bytes of all frames."""
        return sum(map(len, self.frames))

    @property
    def entries(self) -> int:
        """Entries of the snapshot that this batch accounts for: samples and refused ones."""
        return self.samples + sum(self.refused.values())


@runtime_checkable
class Adapter(Protocol):
    """The interface of an adapter that pushes. Duck typed: nothing needs to be inherited.

    Optional attributes, with their defaults:

    - ``stamped = True``: batches carry their own time and are worth sending late. False: only the
      newest snapshot is kept, and ``encode`` runs at the moment of sending.
    - ``idempotent = stamped``: sending a whole batch again does no harm.
    - ``relative = not stamped``: ``encode`` takes differences against ``since``.
    - ``unsupported = {}``: words of :data:`UNSUPPORTED` that the backend cannot store, each with
      a sentence on what happens instead.
    - ``loses(word, series, value) -> bool``: whether an entry that has what a word of
      ``unsupported`` names loses by it; without it, each does.
    - ``split(batch) -> (Batch, Batch)``: halves a rejected batch, so that only the bad entry of
      it is lost.
    - ``leave(batch) -> bool``: at the end of the process, after an attempt that failed, hands a
      batch over without waiting for an answer, if it can do that at once.
    - ``close()``: the last call.
    - ``files = ()``: files that were read when the adapter was made, such as certificates: a
      reload replaces an adapter whose files have changed.
    - ``exposure = None``: a sentence that others can read what is sent, and how to prevent it; a
      warning at the start and of ``sampler check``.
    - ``self_metrics = "all"``: how much it gets of the agent's own account where the configuration
      does not say it: ``"all"``, ``"changes"`` (what is or was not 0) or ``"none"``.
    - ``notice = None``: a sentence on what its operator has to know or decide; said where
      ``exposure`` is.
    - ``attach(agent)``: called before the start with the agent that runs it.
    - ``called(series, identity) -> str``: what the backend calls a series, for the live page.
    - ``for_jobs = {}``: keys with the defaults that they have under ``sampler job``; for attrs
      classes.

    With a batch without frames, ``send`` only finds out whether the endpoint answers.
    """

    def encode(self, snapshot: Snapshot, since: Since) -> Iterable[Batch]:
        """Turn a snapshot into batches without any I/O.

        Every entry of the snapshot is counted exactly once, in the snapshot's order, in
        ``samples`` or in ``refused``, and none is split over two batches. On a stream a batch
        holds at most 512 KiB. ``since`` is empty unless the adapter is ``relative``; a stamped one
        gets the values of the last snapshot of an earlier interval.
        """
        ...

    def send(self, batch: Batch, timeout: float) -> Outcome:
        """Deliver one batch within ``timeout`` seconds.

        Returns:
            ``DELIVERED`` or ``UNCONFIRMED``.

        Raises:
            Unavailable: not delivered; sending it again is harmless.
            Rejected: some or all entries were refused for good.
        """
        ...


@runtime_checkable
class ScrapedAdapter(Protocol):
    """The interface of an adapter that is scraped instead of pushing. It has its own Collector.

    Optional: ``replace(before, collect, ledger)``, called instead of ``open`` when a reload puts
    it in the place of the running adapter ``before``, of the same type and name: it takes over the
    listening socket where the address is the same. ``before`` is closed afterwards.
    ``unsupported``, ``files``, ``exposure``, ``attach`` and ``called`` as of :class:`Adapter`.
    """

    def open(self, collect: Callable[[], Snapshot], ledger: Ledger) -> None:
        """Listen and begin to answer; each answer calls ``collect`` and counts in ``ledger``.

        Raises:
            OSError: the address cannot be bound.
        """
        ...

    def close(self, timeout: float) -> None:
        """Stop answering; give answers under way ``timeout`` seconds to end."""
        ...
