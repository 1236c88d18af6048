"""What every adapter has to do, as a suite."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, ClassVar

from sampler.agent import MAX_BATCH, UNSUPPORTED, Batch, Ledger, Outcome, Rejected, Unavailable
from sampler.agent.delivery.rules import REMEDIES
from sampler.testing._audit import audited
from sampler.testing._require import require
from sampler.testing._snapshots import later, plain, snapshots, wide

if TYPE_CHECKING:
    from sampler import Snapshot


class AdapterContract:
    """A pushing adapter does what the agent relies on.

    In a file of tests::

        class TestMine(AdapterContract):
            def adapter(self):
                return MyAdapter(host="127.0.0.1", port=self.port)

    Attributes:
        timeout: seconds that ``send`` is given.
        largest: bytes of a batch, at most; None if a snapshot is always one batch, as where each
            push replaces the last one.
    """

    timeout: ClassVar[float] = 5.0
    largest: ClassVar[int | None] = MAX_BATCH

    def adapter(self) -> Any:
        """Return a new adapter for an endpoint that accepts what it is sent."""
        raise NotImplementedError

    def unreachable(self) -> Any:
        """Return a new adapter for an address where nobody listens; None if there is none."""
        return None

    def test_every_entry_is_accounted_for_exactly_once(self) -> None:
        """A series without a value is not an entry."""
        for snapshot in snapshots():
            batches = self._encode(self.adapter(), snapshot)
            accounted = sum(batch.entries for batch in batches)
            wanted = sum(1 for _ in snapshot)
            _require(
                accounted == wanted,
                "A-01",
                f"it accounts for {accounted} of {wanted} entries",
            )

    def test_encoding_does_no_io(self) -> None:
        """As Python's audit events show."""
        adapter = self.adapter()
        snapshot = next(snapshots())
        self._encode(adapter, snapshot)  # the first call may import modules
        events = audited(lambda: self._encode(adapter, snapshot))
        _require(not events, "A-02", f"encode() did {sorted(set(events))}")

    def test_batches_are_bytes_of_a_bounded_size(self) -> None:
        """However many entries there are."""
        for snapshot in (*snapshots(), wide(20_000)):
            for batch in self._encode(self.adapter(), snapshot):
                frames = all(isinstance(frame, bytes) for frame in batch.frames)
                _require(frames, "A-03", f"a frame of {batch.frames[:1]!r} is not bytes")
                small = self.largest is None or batch.size <= self.largest
                _require(small, "A-05", f"a batch has {batch.size} bytes")

    def test_what_came_before_changes_nothing(self) -> None:
        """An adapter that has encoded other snapshots gives the same bytes as a new one."""
        used = self.adapter()
        for snapshot in snapshots():
            self._encode(used, snapshot)
            after = later(snapshot)
            one, other = (
                [batch.frames for batch in self._encode(adapter, after)]
                for adapter in (used, self.adapter())
            )
            _require(one == other, "A-04", "an earlier call of encode() changes the bytes")

    def test_hostile_names_labels_and_numbers_are_carried_or_refused(self) -> None:
        """Nothing is raised; reasons are words."""
        for snapshot in snapshots():
            for batch in self._encode(self.adapter(), snapshot):
                for reason, entries in batch.refused.items():
                    named = isinstance(reason, str) and reason.isidentifier()
                    _require(named, "A-06", f"{reason!r} is not a word for a reason")
                    _require(entries > 0, "A-01", f"{entries} entries are refused as {reason!r}")

    def test_the_snapshot_is_left_as_it_was(self) -> None:
        """Other adapters encode the same snapshot."""
        for snapshot in snapshots():
            before = [(b.series, list(b.values), b.time) for b in snapshot.blocks]
            self._encode(self.adapter(), snapshot)
            after = [(b.series, list(b.values), b.time) for b in snapshot.blocks]
            _require(before == after, "A-07", "encode() changed the snapshot")

    def test_what_is_sent_is_delivered_or_unconfirmed(self) -> None:
        """If the endpoint accepts it."""
        adapter = self.adapter()
        try:
            for batch in self._encode(adapter, plain()):
                outcome = self._send(adapter, batch)
                taken = isinstance(outcome, Outcome)
                _require(taken, "A-08", f"send() gave {outcome!r}, though the endpoint answers")
        finally:
            _close(adapter)

    def test_a_batch_without_frames_asks_whether_the_endpoint_answers(self) -> None:
        """Any outcome will do."""
        adapter = self.adapter()
        try:
            outcome = self._send(adapter, Batch((), 0))
            answers = isinstance(outcome, Outcome)
            _require(
                answers, "A-10", f"an empty batch gave {outcome!r}, though the endpoint answers"
            )
        finally:
            _close(adapter)

    def test_nobody_at_the_endpoint_is_unavailable_or_unconfirmed(self) -> None:
        """At once, or within the timeout."""
        adapter = self.unreachable()
        if adapter is None:
            return
        try:
            for batch in (Batch((), 0), *self._encode(adapter, plain())):
                began = time.monotonic()
                outcome = self._send(adapter, batch)
                late = time.monotonic() - began > self.timeout + 1.0
                _require(not late, "A-09", f"send() took longer than its {self.timeout:g} s")
                missing = isinstance(outcome, Unavailable) or outcome is Outcome.UNCONFIRMED
                _require(missing, "A-09", f"send() gave {outcome!r}, though nobody listens")
        finally:
            _close(adapter)

    def test_halves_of_a_batch_account_for_all_of_it(self) -> None:
        """If the adapter can split batches."""
        adapter = self.adapter()
        split = getattr(adapter, "split", None)
        for batch in self._encode(adapter, plain()):
            if split is None or batch.samples < 2:
                continue
            halves = split(batch)
            entries = [half.entries for half in halves]
            _require(sum(entries) == batch.entries, "A-11", f"{batch.entries} entries: {entries}")
            _require(
                all(0 < n < batch.entries for n in entries),
                "A-11",
                f"entries of halves: {entries}",
            )

    def test_unsupported_are_words_with_a_sentence(self) -> None:
        """As ``sampler list`` shows them."""
        _check_unsupported(self.adapter())

    def test_it_may_be_closed_twice(self) -> None:
        """And leaves no thread behind."""
        before = set(threading.enumerate())
        adapter = self.adapter()
        for batch in self._encode(adapter, plain()):
            self._send(adapter, batch)
        try:
            _close(adapter)
            _close(adapter)
        except Exception as error:
            _require(False, "A-13", f"close() raised {error!r}")
        _wait_for_threads(before)

    def _encode(self, adapter: Any, snapshot: Snapshot) -> list[Batch]:
        try:
            batches = list(adapter.encode(snapshot, {}))
        except Exception as error:
            _require(False, "A-06", f"encode() raised {error!r}")
            raise
        kinds = {type(batch).__name__ for batch in batches if not isinstance(batch, Batch)}
        _require(not kinds, "A-03", f"encode() yields {kinds}")
        return batches

    def _send(self, adapter: Any, batch: Batch) -> Any:
        try:
            outcome = adapter.send(batch, self.timeout)
        except (Unavailable, Rejected) as verdict:
            return verdict
        except Exception as error:
            _require(False, "A-08", f"send() raised {error!r}")
            raise
        _require(isinstance(outcome, Outcome), "A-08", f"send() returned {outcome!r}")
        return outcome


class ScrapedAdapterContract:
    """A scraped adapter does what the agent relies on.

    In a file of tests::

        class TestMine(ScrapedAdapterContract):
            def adapter(self):
                return MyAdapter(listen="127.0.0.1:0")

            def scrape(self, adapter):
                return len(urlopen(adapter.url).read()) > 0

            def taken(self, adapter):
                return MyAdapter(listen=adapter.address)
    """

    def adapter(self) -> Any:
        """Return a new adapter that listens on a free port."""
        raise NotImplementedError

    def scrape(self, adapter: Any) -> None:
        """Ask the adapter once, and read the whole answer."""
        raise NotImplementedError

    def taken(self, adapter: Any) -> Any:
        """Return a new adapter that wants the address of ``adapter``, which is open."""
        raise NotImplementedError

    def test_each_response_is_accounted_for(self) -> None:
        """Its entries are collected, and each has one outcome."""
        adapter, ledger, pulls = self.adapter(), Ledger(), []

        def collect() -> Snapshot:
            pulls.append(1)
            return plain()

        adapter.open(collect, ledger)
        try:
            for _ in range(3):
                self.scrape(adapter)
        finally:
            adapter.close(5.0)
        balance, wanted = ledger.balance(), 3 * len(pulls)
        _require(pulls, "A-14", "an answer was given without a pull")
        _require(balance.holds, "A-14", f"the ledger does not balance: {balance}")
        _require(
            balance.collected >= wanted,
            "A-14",
            f"{balance.collected} of {wanted} collected",
        )
        _require(balance.queued == 0, "A-14", f"{balance.queued} entries have no outcome")

    def test_an_address_that_is_taken_is_an_error(self) -> None:
        """It is raised before anything has been started."""
        adapter = self.adapter()
        adapter.open(plain, Ledger())
        try:
            other = self.taken(adapter)
            try:
                other.open(plain, Ledger())
            except OSError:
                return
            except Exception as error:
                _require(False, "A-15", f"open() raised {error!r}")
            other.close(5.0)
            _require(False, "A-15", "open() took the address of another adapter")
        finally:
            adapter.close(5.0)

    def test_it_may_be_closed_twice(self) -> None:
        """And leaves no thread behind."""
        before = set(threading.enumerate())
        adapter = self.adapter()
        adapter.open(plain, Ledger())
        self.scrape(adapter)
        adapter.close(5.0)
        try:
            adapter.close(5.0)
        except Exception as error:
            _require(False, "A-13", f"close() raised {error!r}")
        _wait_for_threads(before)

    def test_unsupported_are_words_with_a_sentence(self) -> None:
        """As ``sampler list`` shows them."""
        _check_unsupported(self.adapter())


def _wait_for_threads(before: set[threading.Thread]) -> None:
    until = time.monotonic() + 5.0
    while (left := set(threading.enumerate()) - before) and time.monotonic() < until:
        time.sleep(0.01)
    _require(not left, "A-13", f"threads are left: {left}")


def _check_unsupported(adapter: Any) -> None:
    unsupported = dict(getattr(adapter, "unsupported", {}))
    _require(
        unsupported.keys() <= set(UNSUPPORTED),
        "A-12",
        f"{set(unsupported)} are not all among {UNSUPPORTED}",
    )
    _require(all(unsupported.values()), "A-12", "a word has no sentence")


def _close(adapter: Any) -> None:
    if hasattr(adapter, "close"):
        adapter.close()


def _require(holds: object, rule: str, message: str) -> None:
    require(holds, rule, message, REMEDIES)
