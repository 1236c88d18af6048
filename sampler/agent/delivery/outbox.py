"""The queue of what waits to be sent: bounded, ordered, and every entry in the ledger.

A stamped adapter's batches carry their own time. They are encoded after each pull and wait up to
a bound in bytes; beyond that the oldest are dropped. A backend would date an unstamped adapter's
batches to their arrival, so only the newest snapshot waits. It is encoded at the moment of
sending, as differences to the values handed over last: an outage loses no counts, the next
differences are larger.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Generic, TypeVar, cast

import attrs

from sampler._runtime.threads import Condition
from sampler._runtime.worker import Job, Worker
from sampler.agent.delivery.encoding import ENCODE_DEADLINE, encode_all
from sampler.agent.delivery.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sampler._contract.snapshot import Series, Snapshot, Value
    from sampler.agent.delivery.adapter import Batch, Since
    from sampler.agent.delivery.baselines import Baselines
    from sampler.agent.delivery.encoding import Encoder
    from sampler.agent.delivery.ledger import Balance


@attrs.define(eq=False)
class Item:
    """One batch that waits.

    Attributes:
        batch: what is sent.
        entries: the entries that the batch of an unstamped adapter hands over.
    """

    batch: Batch
    entries: Iterable[tuple[Series, Value]] = ()


I = TypeVar("I", bound=Item)  # noqa: E741 - an item


class Outbox(Generic[I]):
    """The queue of a stamped adapter.

    Args:
        max_bytes: bound of what waits, in bytes of frames.
        ledger: the ledger to go on with; default: a new one.

    Attributes:
        ledger: counts every entry that was put in.
    """

    def __init__(self, max_bytes: int, ledger: Ledger | None = None) -> None:
        self.ledger: Ledger = ledger or Ledger()
        self._max_bytes = max_bytes
        self._changed = Condition()
        self._emptied: Balance | None = None
        """The ledger's numbers of the moment at which nothing was queued last."""
        self._waiting: deque[I] = deque()
        self._bytes = 0
        self._in_flight = False
        self._closed = self._draining = False

    @property
    def bytes(self) -> int:
        """Bytes of frames that wait, the batch in flight included."""
        return self._bytes

    def start(self, identity: Mapping[str, str]) -> None:
        """Begin; entries that an earlier outbox of this ledger left in a spool are dropped."""
        del identity
        left, self.ledger.left = self.ledger.left, 0
        self.ledger.count(dropped={"shutdown": left}, queued=-left)

    def add(self, batches: Iterable[Batch]) -> None:
        """Queue the batches of one snapshot; at the bound the oldest not in flight are dropped."""
        with self._changed:
            for batch in batches:
                self.ledger.count(
                    collected=batch.entries, dropped=batch.refused, queued=batch.samples
                )
                if batch.samples:
                    self._append(self._item(batch))
            self._make_room()
            if self._closed:
                self._drop_all("shutdown")
            self._tell()

    def take(self) -> Batch | None:
        """Wait for a batch and return the oldest; it stays queued while in flight.

        Returns:
            None once the outbox is closed, or drained and empty.
        """
        with self._changed:
            self._changed.wait_for(self._ready)
            if self._closed or not self._waiting:
                return None
            self._in_flight = True
            return self._waiting[0].batch

    def settle(self, *, delivered: int = 0, unconfirmed: int = 0, rejected: str = "") -> None:
        """Count the entries of the batch in flight by outcome, and remove it.

        Args:
            delivered: entries that arrived.
            unconfirmed: entries that may have arrived.
            rejected: the reason under which the remaining entries are dropped.
        """
        with self._changed:
            if self._closed:
                return  # close() has counted it
            self._in_flight = False
            batch = self._pop(0).batch
            left = batch.samples - delivered - unconfirmed
            self.ledger.count(
                delivered=delivered,
                unconfirmed=unconfirmed,
                dropped={rejected or "rejected": left} if left else None,
                queued=-batch.samples,
            )
            self._tell()

    def put_back(self) -> None:
        """Put the batch in flight back as the next one."""
        with self._changed:
            self._in_flight = False
            self._tell()

    def split(self, halves: Iterable[Batch]) -> None:
        """Replace the batch in flight by its halves, in order."""
        with self._changed:
            if self._closed:
                return
            self._in_flight = False
            items = self._halves(self._waiting[0], list(halves))
            self._pop(0)
            for item in reversed(items):
                self._waiting.appendleft(item)
                self._bytes += item.batch.size
            self._tell()

    def close(self, reason: str = "shutdown") -> None:
        """Count what is left: in flight as ``unconfirmed``, the rest as dropped for a reason."""
        with self._changed:
            if self._in_flight and not self._closed:
                batch = self._pop(0).batch
                self.ledger.count(unconfirmed=batch.samples, queued=-batch.samples)
            self._closed, self._in_flight = True, False
            self._drop_all(reason)
            self._tell()

    def drain(self) -> None:
        """Let :meth:`take` return at once from now on, even when nothing waits."""
        with self._changed:
            self._draining = True
            self._tell()

    def empty(self) -> bool:
        """Tell whether nothing waits or is in flight."""
        return not self._waiting

    def wait_until_empty(self, seconds: float) -> Balance:
        """Wait until nothing is queued, ``seconds`` at most.

        Returns:
            The ledger's numbers of that moment: more may have been queued since.
        """
        with self._changed:
            now, before = self.ledger.balance(), self._emptied
            if not now.queued:
                return now
            self._changed.wait_for(lambda: self._emptied is not before, seconds)
            emptied = self._emptied
            return self.ledger.balance() if emptied is None or emptied is before else emptied

    def _tell(self) -> None:
        """Tell those who wait that something has changed."""
        balance = self.ledger.balance()
        if not balance.queued:
            self._emptied = balance
        self._changed.notify_all()

    def _ready(self) -> bool:
        return bool(self._waiting) or self._closed or self._draining

    def _item(self, batch: Batch) -> I:
        return cast("I", Item(batch))

    def _halves(self, item: I, halves: Sequence[Batch]) -> list[I]:
        del item
        return [self._item(half) for half in halves]

    def _append(self, item: I) -> None:
        self._waiting.append(item)
        self._bytes += item.batch.size

    def _make_room(self) -> None:
        while self._bytes > self._max_bytes and len(self._waiting) > self._in_flight:
            self._drop(self._in_flight, "oldest")

    def _pop(self, index: int) -> I:
        item = self._waiting[index]
        del self._waiting[index]
        self._bytes -= item.batch.size
        return item

    def _drop(self, index: int, reason: str) -> None:
        batch = self._pop(index).batch
        self.ledger.count(dropped={reason: batch.samples}, queued=-batch.samples)

    def _drop_all(self, reason: str) -> None:
        while self._waiting:
            self._drop(0, reason)


class NewestOnly(Outbox[Item]):
    """The outbox of an unstamped adapter: at most one snapshot waits behind the one being sent.

    Args:
        encoder: turns a snapshot into batches when its turn has come.
        baselines: the values that the next differences start from.
        ledger: the ledger to go on with; default: a new one.
    """

    def __init__(
        self, encoder: Encoder, baselines: Baselines, ledger: Ledger | None = None
    ) -> None:
        super().__init__(0, ledger)
        self._encoder = encoder
        self._baselines = baselines
        self._worker = Worker("sampler-encode")
        self._next: Snapshot | None = None
        self._failed = False

    def start(self, identity: Mapping[str, str]) -> None:
        """See :meth:`Outbox.start`; the thread that encodes begins now.

        At the end of a program, from Python 3.12 on, none could.
        """
        super().start(identity)
        self._worker.run([Job(object)], ENCODE_DEADLINE)

    def put(self, snapshot: Snapshot, whole: Snapshot | None = None) -> None:
        """Make ``snapshot`` the next; the one it replaces is ``dropped{superseded}``.

        Args:
            snapshot: what the adapter gets.
            whole: what that is a part of: a series that comes to it later has begun before.
        """
        with self._changed:
            entries = len(snapshot)
            self.ledger.count(collected=entries, queued=entries)
            self._baselines.offer(snapshot if whole is None else whole)
            if self._next is not None:
                superseded = len(self._next)
                self.ledger.count(dropped={"superseded": superseded}, queued=-superseded)
            self._next = snapshot
            if self._closed:
                self._drop_all("shutdown")
            self._tell()

    def take(self) -> Batch | None:
        """Return the next batch; encode the newest snapshot once the one before is settled."""
        with self._changed:
            self._changed.wait_for(self._ready)
            if self._failed and self._next is not None:
                self._drop_rest("superseded")
            snapshot, since = None, self._baselines.since()
            if not self._waiting and not self._closed:
                snapshot, self._next = self._next, None
        if snapshot is not None:
            self._encode(snapshot, since)
        return super().take() if self._waiting else None

    def settle(self, *, delivered: int = 0, unconfirmed: int = 0, rejected: str = "") -> None:
        """See :meth:`Outbox.settle`; later differences start from the batch's entries."""
        with self._changed:
            if not self._closed:
                self._baselines.handed_over(self._waiting[0].entries)
                self._failed = False
            super().settle(delivered=delivered, unconfirmed=unconfirmed, rejected=rejected)

    def put_back(self) -> None:
        """Keep the batch for another attempt, unless a newer snapshot supersedes it."""
        with self._changed:
            self._failed = True
            super().put_back()

    def empty(self) -> bool:
        """Tell whether nothing waits or is in flight."""
        return self._next is None and super().empty()

    def close(self, reason: str = "shutdown") -> None:
        """See :meth:`Outbox.close`; the snapshot that waits is dropped, too."""
        with self._changed:
            if self._in_flight and not self._closed:  # it may arrive, so nobody sends it again
                self._baselines.handed_over(self._waiting[0].entries)
            super().close(reason)
        self._worker.close()

    def _ready(self) -> bool:
        return self._next is not None or super()._ready()

    def _encode(self, snapshot: Snapshot, since: Since) -> None:
        (batches,) = encode_all(self._worker, [(self._encoder, snapshot, since)])
        with self._changed:
            if self._closed:
                left = len(snapshot)
                self.ledger.count(dropped={"shutdown": left}, queued=-left)
                return
            entries = iter(snapshot)
            for batch in batches:
                refused = sum(batch.refused.values())
                self.ledger.count(dropped=batch.refused, queued=-refused)
                whole = batch.entries == len(snapshot)  # nothing has to be copied then
                handed_over = snapshot if whole else list(islice(entries, batch.entries))
                if batch.samples:
                    self._append(Item(batch, handed_over))
            self._tell()

    def _halves(self, item: Item, halves: Sequence[Batch]) -> list[Item]:
        entries = iter(item.entries)
        return [Item(half, list(islice(entries, half.entries))) for half in halves]

    def _drop_rest(self, reason: str) -> None:
        """Drop the rest of the snapshot being sent: its counts are in the next differences."""
        while self._waiting:
            self._drop(0, reason)
        self._failed = False

    def _drop_all(self, reason: str) -> None:
        super()._drop_all(reason)
        if self._next is not None:
            entries = len(self._next)
            self.ledger.count(dropped={reason: entries}, queued=-entries)
            self._next = None
