"""The outbox: bounded, ordered, and the law holds whatever happens."""

from __future__ import annotations

import threading
from collections import deque

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sampler.agent import Batch
from sampler.agent.delivery.baselines import Baselines
from sampler.agent.delivery.encoding import Encoder
from sampler.agent.delivery.outbox import NewestOnly, Outbox
from tests.support.properties import examples
from tests.support.snapshots import Feed
from tests.support.waiting import wait_for

BOUND = 100


class QueueMachine(RuleBasedStateMachine):
    """Drives an outbox beside a model that keeps entries and their fate in plain lists."""

    def __init__(self) -> None:
        super().__init__()
        self.outbox = Outbox(BOUND)
        self.waiting: deque[Batch] = deque()
        self.flying = self.closed = False
        self.fate = {"delivered": 0, "unconfirmed": 0}
        self.dropped: dict[str, int] = {}
        self.collected = 0

    def drop(self, reason: str, entries: int) -> None:
        self.dropped[reason] = self.dropped.get(reason, 0) + entries

    @rule(
        sizes=st.lists(st.tuples(st.integers(1, 60), st.integers(1, 9)), max_size=4),
        refused=st.integers(0, 3),
    )
    def add(self, sizes: list[tuple[int, int]], refused: int) -> None:
        batches = [Batch((b"x" * size,), samples) for size, samples in sizes]
        if refused:
            batches.append(Batch((), 0, {"unsupported": refused}))
        self.outbox.add(batches)
        self.collected += sum(batch.entries for batch in batches)
        self.drop("unsupported", refused)
        for batch in batches:
            if batch.samples:
                self.waiting.append(batch)
        while self.bytes() > BOUND and len(self.waiting) > self.flying:
            index = 1 if self.flying else 0
            self.drop("oldest", self.waiting[index].samples)
            del self.waiting[index]
        if self.closed:
            while self.waiting:
                self.drop("shutdown", self.waiting.popleft().samples)

    def bytes(self) -> int:
        return sum(batch.size for batch in self.waiting)

    @precondition(lambda self: self.waiting and not self.flying)
    @rule()
    def take(self) -> None:
        assert self.outbox.take() is self.waiting[0], "batches leave in the order they came"
        self.flying = True

    @precondition(lambda self: self.flying)
    @rule(outcome=st.sampled_from(["delivered", "unconfirmed"]))
    def land(self, outcome: str) -> None:
        samples = self.waiting.popleft().samples
        self.flying = False
        self.fate[outcome] += samples
        self.outbox.settle(**{outcome: samples})

    @precondition(lambda self: self.flying)
    @rule(data=st.data())
    def land_in_part(self, data: st.DataObject) -> None:
        samples = self.waiting.popleft().samples
        self.flying = False
        delivered = data.draw(st.integers(0, samples))
        self.fate["delivered"] += delivered
        self.drop("poison", samples - delivered)
        self.outbox.settle(delivered=delivered, rejected="poison")

    @precondition(lambda self: self.flying)
    @rule()
    def come_back(self) -> None:
        self.flying = False
        self.outbox.put_back()

    @precondition(lambda self: self.flying and self.waiting[0].samples > 1)
    @rule()
    def split(self) -> None:
        whole = self.waiting.popleft()
        half, (frame,) = whole.samples // 2, whole.frames
        middle = len(frame) // 2
        parts = [
            Batch((frame[:middle],), half),
            Batch((frame[middle:],), whole.samples - half),
        ]
        self.waiting.extendleft(reversed(parts))
        self.flying = False
        self.outbox.split(parts)

    @precondition(lambda self: not self.closed)
    @rule()
    def close(self) -> None:
        if self.flying:
            self.fate["unconfirmed"] += self.waiting.popleft().samples
        while self.waiting:
            self.drop("shutdown", self.waiting.popleft().samples)
        self.flying, self.closed = False, True
        self.outbox.close()

    @invariant()
    def the_law_holds_and_says_what_happened(self) -> None:
        balance = self.outbox.ledger.balance()
        assert balance.holds
        assert balance.collected == self.collected
        assert balance.queued == sum(batch.samples for batch in self.waiting)
        assert balance.delivered == self.fate["delivered"]
        assert balance.unconfirmed == self.fate["unconfirmed"]
        expected = {reason: n for reason, n in self.dropped.items() if n}
        assert {reason: n for reason, n in balance.dropped.items() if n} == expected

    @invariant()
    def what_waits_is_bounded(self) -> None:
        in_flight = self.waiting[0].size if self.flying else 0
        assert self.outbox.bytes == self.bytes() <= max(BOUND, in_flight)


QueueMachine.TestCase.settings = settings(
    max_examples=examples(150), stateful_step_count=40, deadline=None
)
TestQueue = QueueMachine.TestCase


class Deltas:
    """An unstamped adapter: one batch per entry, a frame for each counter that moved."""

    stamped = False

    def encode(self, snapshot, since):
        for series, value in snapshot:
            if series.cumulative:
                yield Batch((str(value - since.get(series, 0)).encode(),), 1)
            elif value < 0:
                yield Batch((), 0, {"unsupported": 1})
            else:
                yield Batch((b"g",), 1)


class NewestMachine(RuleBasedStateMachine):
    """What the endpoint was handed sums up to what the counters grew by, whatever was lost."""

    def __init__(self) -> None:
        super().__init__()
        self.feed = Feed({"hits": "counter", "level": "gauge", "errors": "counter"})
        self.outbox = NewestOnly(Encoder("deltas", Deltas()), Baselines())
        self.totals = [5, 0, 7]
        self.baseline: list[int] | None = None
        self.owed = False
        self.received = 0
        self.fate = {"delivered": 0, "unconfirmed": 0}
        self.batch: Batch | None = None

    def teardown(self) -> None:
        self.outbox.close()
        assert self.outbox.ledger.balance().holds
        assert self.outbox.ledger.balance().queued == 0

    @rule(hits=st.integers(0, 100), level=st.integers(-2, 5), errors=st.integers(0, 3))
    def put(self, hits: int, level: int, errors: int) -> None:
        self.totals = [self.totals[0] + hits, level, self.totals[2] + errors]
        if self.baseline is None:
            self.baseline = list(self.totals)
        self.outbox.put(self.feed.snapshot(*self.totals))
        self.owed = True

    @precondition(lambda self: self.batch is None and not self.outbox.empty())
    @rule()
    def take(self) -> None:
        self.batch = self.outbox.take()
        if self.batch is None:
            assert self.outbox.empty()

    @precondition(lambda self: self.batch is not None)
    @rule(outcome=st.sampled_from(["delivered", "unconfirmed"]))
    def land(self, outcome: str) -> None:
        assert self.batch is not None
        self.receive(self.batch)
        self.fate[outcome] += self.batch.samples
        self.outbox.settle(**{outcome: self.batch.samples})
        self.batch = None

    @precondition(lambda self: self.batch is not None)
    @rule()
    def come_back(self) -> None:
        self.outbox.put_back()
        self.batch = None

    def receive(self, batch: Batch) -> None:
        self.received += sum(int(frame) for frame in batch.frames if frame != b"g")

    @precondition(lambda self: self.baseline is not None)
    @rule()
    def drain(self) -> None:
        """After the endpoint has taken everything there is, no count is missing."""
        if self.batch is not None:
            self.come_back()
        self.outbox.put(self.feed.snapshot(*self.totals))
        while not self.outbox.empty():
            batch = self.outbox.take()
            if batch is not None:
                self.receive(batch)
                self.fate["unconfirmed"] += batch.samples
                self.outbox.settle(unconfirmed=batch.samples)
        assert self.baseline is not None
        grown = self.totals[0] + self.totals[2] - self.baseline[0] - self.baseline[2]
        assert self.received == grown

    @invariant()
    def the_law_holds(self) -> None:
        balance = self.outbox.ledger.balance()
        assert balance.holds
        assert (balance.delivered, balance.unconfirmed) == tuple(self.fate.values())
        in_flight = 0 if self.batch is None else self.batch.size
        assert self.outbox.bytes >= in_flight
        assert self.outbox.bytes == 0 or not self.outbox.empty()


NewestMachine.TestCase.settings = settings(
    max_examples=examples(100), stateful_step_count=30, deadline=None
)
TestNewestOnly = NewestMachine.TestCase


@pytest.mark.parametrize("failures", [0, 1])
def test_a_newer_snapshot_waits_while_the_endpoint_takes_the_older_one(failures: int) -> None:
    """Also after a failure that is over; while it lasts the newer one takes its place."""
    feed = Feed({"a": "gauge", "b": "gauge", "c": "gauge"})
    outbox = NewestOnly(Encoder("deltas", Deltas()), Baselines())
    outbox.put(feed.snapshot(1, 2, 3))
    for _ in range(failures):
        assert outbox.take() is not None
        outbox.put_back()
    for _ in range(2):
        outbox.take()
        outbox.settle(delivered=1)
        outbox.put(feed.snapshot(4, 5, 6))
    assert outbox.take() is not None
    balance = outbox.ledger.balance()
    assert (balance.delivered, balance.dropped["superseded"]) == (2, 3)  # the second one's
    outbox.put_back()
    assert outbox.take() is not None
    assert outbox.ledger.balance().dropped["superseded"] == 4
    outbox.close()


def test_the_halves_of_a_batch_are_handed_over_one_by_one() -> None:
    """What the second half carries stays owed while only the first one has arrived."""

    class Whole:
        stamped = False

        def encode(self, snapshot, since):
            grown = (str(value - since.get(series, 0)) for series, value in snapshot)
            yield Batch(tuple(each.encode() for each in grown), len(snapshot))

    feed = Feed({"a": "counter", "b": "counter"})
    outbox = NewestOnly(Encoder("whole", Whole()), Baselines())
    outbox.put(feed.snapshot(0, 0))
    outbox.take()
    outbox.settle(delivered=2)
    outbox.put(feed.snapshot(3, 5))
    batch = outbox.take()
    assert batch == Batch((b"3", b"5"), 2)
    outbox.split([Batch((b"3",), 1), Batch((b"5",), 1)])
    assert outbox.take() == Batch((b"3",), 1)
    outbox.settle(delivered=1)
    assert outbox.take() == Batch((b"5",), 1)
    outbox.put_back()
    outbox.put(feed.snapshot(4, 6))
    assert outbox.take() == Batch((b"1", b"6"), 2)
    outbox.close()


@pytest.mark.parametrize("stamped", [True, False])
def test_an_empty_outbox_lets_its_sender_sleep(stamped: bool) -> None:
    """Until there is something, or until there never will be."""
    outbox = Outbox(BOUND) if stamped else NewestOnly(Encoder("deltas", Deltas()), Baselines())
    for wake in (
        (lambda: outbox.add([Batch((b"g",), 1)]))
        if stamped
        else (lambda: outbox.put(Feed({"a": "gauge"}).snapshot(1))),
        outbox.drain,
    ):
        taken: list[Batch | None] = []
        sender = threading.Thread(target=lambda taken=taken: taken.append(outbox.take()))
        sender.start()
        wait_for(lambda: outbox._changed._waiters, what="the sender to wait")
        wake()
        sender.join(10)
        assert taken == ([None] if wake == outbox.drain else [Batch((b"g",), 1)])
        if wake != outbox.drain:
            outbox.settle(delivered=1)
    outbox.close()


def test_a_series_that_began_after_the_consumer_counts_whole() -> None:
    """A counter first seen with a known start not before the consumer's is handed over whole."""
    feed = Feed({"old": "counter", "new": "counter"})
    feed.series[1].start = feed.start + 1
    outbox = NewestOnly(Encoder("deltas", Deltas()), Baselines())
    outbox.put(feed.snapshot(100, 3))
    frames = []
    while (batch := outbox.take()) is not None:
        frames += batch.frames
        outbox.settle(delivered=batch.samples)
        if outbox.empty():
            break
    outbox.close()
    assert frames == [b"0", b"3"]


def test_an_encoder_that_loses_an_entry_has_all_of_them_refused() -> None:
    """A miscounting adapter costs its own entries, counted as dropped{encode}."""

    class Forgetful:
        stamped = False

        def encode(self, snapshot, since):
            yield Batch((b"x",), len(snapshot) - 1)

    outbox = NewestOnly(Encoder("forgetful", Forgetful()), Baselines())
    outbox.put(Feed({"a": "gauge", "b": "gauge"}).snapshot(1, 2))
    assert outbox.take() is None
    balance = outbox.ledger.balance()
    outbox.close()
    assert balance.holds
    assert balance.dropped["encode"] == 2
