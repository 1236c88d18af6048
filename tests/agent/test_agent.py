"""The agent as a whole, with endpoints in memory."""

from __future__ import annotations

import random
import sys
import threading

import pytest

from sampler import ConfigurationError, Registry
from sampler.agent import Agent, Batch, Unavailable
from sampler.agent.config.settings import (
    AdapterSettings,
    ProgramSettings,
    SamplersSettings,
    Settings,
)
from sampler.agent.delivery.sender import FIRST_PAUSE
from tests.support.memory import Memory, Tally
from tests.support.waiting import SLACK, wait_for, within


class Shop:
    """A metric source that keeps count of what it reported."""

    def __init__(self) -> None:
        self.orders = 0
        self.step = 1

    def sample(self):
        self.orders += self.step
        yield "orders", self.orders
        yield "open", self.orders % 7, {"till": "a"}

    def mapping(self):
        return {"name": "shop", "sample": self.sample, "metrics": {"orders": {"kind": "counter"}}}


def agent_with(
    shop: Shop,
    interval: float = 0.1,
    flush: float = 5.0 + SLACK,
    outbox: int = 200_000,
    deadline: float = 20.0,
    **adapters,
) -> Agent:
    registry = Registry()
    registry.register(shop.mapping())
    adapters = tuple(
        AdapterSettings(name, name, adapter, interval, timeout=2.0, outbox=outbox)
        for name, adapter in adapters.items()
    )
    program = ProgramSettings(interval=interval, service="test", instance="0", flush_timeout=flush)
    samplers = SamplersSettings(enable=("shop",), deadline=deadline)
    return Agent(Settings("test", program, samplers, adapters), registry)


def assert_law(agent: Agent) -> None:
    for balance in agent.balances().values():
        assert balance.holds, balance


@pytest.mark.clause("C-01")
def test_what_is_counted_after_start_is_never_a_baseline() -> None:
    """The first pull is over when start returns, however short the program lives."""
    for _ in range(20):
        count = [7]
        registry = Registry()
        registry.register(
            {
                "name": "shop",
                "sample": lambda count=count: [("orders", count[0])],
                "metrics": {"orders": {"kind": "counter"}},
            }
        )
        tally = Tally()
        adapter_settings = AdapterSettings("tally", "tally", tally, 60.0)
        program = ProgramSettings(interval=60.0, service="test", instance="0")
        agent = Agent(
            Settings("test", program, SamplersSettings(enable=("shop",)), (adapter_settings,)),
            registry,
        )
        agent.start()
        count[0] += 1
        agent.stop()
        assert tally.sums["shop.orders"] == 1


def test_a_sampler_that_hangs_does_not_hold_start_up() -> None:
    """Longer than a second."""
    release = threading.Event()
    registry = Registry()
    registry.register({"name": "shop", "sample": lambda: release.wait(60) and []})
    adapter_settings = AdapterSettings("memory", "memory", Memory(), 60.0)
    program = ProgramSettings(interval=60.0, service="test", instance="0")
    agent = Agent(
        Settings("test", program, SamplersSettings(enable=("shop",)), (adapter_settings,)),
        registry,
    )
    with within(1.0):
        agent.start()
    release.set()
    agent.stop()


@pytest.mark.clause("C-21")
def test_everything_collected_is_delivered_and_the_law_says_so() -> None:
    """Between start and stop each entry arrives exactly once, self-metrics included."""
    memory, tally = Memory(), Tally()
    agent = agent_with(Shop(), memory=memory, tally=tally)
    agent.start()
    wait_for(lambda: memory.sends > 20, what="twenty batches")
    assert_law(agent)
    agent.stop()
    balance = agent.balances()["memory"]
    assert balance.collected == balance.delivered == sum(memory.received.values())
    assert set(memory.received.values()) == {1}
    assert balance.queued == agent.balances()["tally"].queued == 0
    assert any(name.startswith("sampler.entries.delivered") for name, *_ in memory.received)
    assert memory.closed


def test_start_and_stop_are_idempotent() -> None:
    """Starting or stopping twice changes nothing and leaves no thread behind."""
    before = threading.active_count()
    agent = agent_with(Shop(), memory=Memory())
    agent.start()
    running = threading.active_count()
    agent.start()
    assert threading.active_count() == running
    agent.stop()
    agent.stop()
    wait_for(lambda: threading.active_count() <= before, what="the threads to end")


@pytest.mark.parametrize("fault", ["unavailable", "muted", "broken"])
def test_an_outage_delays_and_loses_nothing(fault, monkeypatch) -> None:
    """After an outage shorter than the outbox, every entry has arrived at least once."""
    monkeypatch.setattr("sampler.agent.delivery.sender.FIRST_PAUSE", 0.02)
    monkeypatch.setattr("sampler.agent.delivery.sender.TRIES_AFTER_ERRORS", 10_000)
    memory, tally = Memory(size=1000), Tally()
    shop = Shop()
    agent = agent_with(shop, memory=memory, tally=tally)
    agent.start()
    wait_for(lambda: memory.sends > 2 and tally.gauges, what="a good beginning")
    memory.fault, tally.fault = fault, "unavailable"
    sends = memory.sends
    wait_for(lambda: memory.sends > sends + 3, what="attempts during the outage")
    wait_for(lambda: agent.balances()["memory"].queued > 60, what="entries to pile up")
    assert_law(agent)
    memory.fault = tally.fault = None
    wait_for(lambda: agent.balances()["memory"].queued == 0, what="the queue to drain")
    agent.stop()
    assert_law(agent)
    balance = agent.balances()["memory"]
    assert balance.delivered == balance.collected == len(memory.received)
    assert sum(balance.dropped.values()) == 0
    assert tally.sums["shop.orders"] == shop.orders - 1, "the first value is the baseline"


def test_at_the_bound_the_oldest_are_dropped_and_counted_exactly() -> None:
    """With the endpoint away for long, what is missing at the end equals the drop counter."""
    memory = Memory(size=5)
    shop = Shop()
    registry = Registry()
    registry.register(shop.mapping())
    adapter_settings = AdapterSettings("memory", "memory", memory, 0.1, timeout=1.0, outbox=2_000)
    program = ProgramSettings(interval=0.1, service="t", instance="0")
    agent = Agent(
        Settings("t", program, SamplersSettings(enable=("shop",)), (adapter_settings,)),
        registry,
    )
    memory.fault = "unavailable"
    agent.start()
    wait_for(lambda: agent.balances()["memory"].dropped["oldest"] > 100, what="drops")
    assert_law(agent)
    memory.fault = None
    wait_for(lambda: agent.balances()["memory"].delivered > 0, what="recovery")
    agent.stop()
    balance = agent.balances()["memory"]
    assert balance.holds
    assert balance.queued == 0
    assert balance.collected - len(memory.received) == sum(balance.dropped.values())


def test_one_destination_down_leaves_the_other_alone() -> None:
    """Destination B gets every tick while A is away."""
    away, here = Memory(), Memory()
    away.fault = "unavailable"
    agent = agent_with(Shop(), flush=5.0, away=away, here=here)
    agent.start()
    wait_for(lambda: agent.balances()["here"].delivered > 300, what="B to receive")
    agent.stop()
    balances = agent.balances()
    assert balances["here"].delivered == balances["here"].collected == len(here.received)
    assert balances["away"].dropped["shutdown"] == balances["away"].collected
    assert_law(agent)


def test_a_rejected_entry_costs_itself_only() -> None:
    """Of a batch of which one entry is refused, the rest counts as delivered."""
    memory = Memory(size=10)
    memory.fault = "reject"
    agent = agent_with(Shop(), memory=memory)
    agent.start()
    wait_for(lambda: memory.sends > 5, what="some batches")
    agent.stop()
    balance = agent.balances()["memory"]
    assert balance.dropped["poison"] == memory.sends
    assert balance.delivered == balance.collected - memory.sends
    assert balance.holds


def test_a_defect_in_send_does_not_block_what_is_behind(monkeypatch, caplog) -> None:
    """After a few attempts a batch that breaks its adapter is dropped{error} and logged."""
    monkeypatch.setattr("sampler.agent.delivery.sender.FIRST_PAUSE", 0.005)
    memory = Memory()
    memory.fault = "broken"
    agent = agent_with(Shop(), memory=memory)
    agent.start()
    wait_for(lambda: agent.balances()["memory"].dropped.get("error", 0) > 0, what="a drop")
    memory.fault = None
    wait_for(lambda: agent.balances()["memory"].delivered > 0, what="recovery")
    agent.stop()
    assert_law(agent)
    assert "ZeroDivisionError" in caplog.text


def test_a_broken_encoder_costs_its_own_adapter_only() -> None:
    """An adapter whose encode raises drops its entries; the others get theirs."""

    class Broken(Memory):
        def encode(self, snapshot, since):
            raise ZeroDivisionError

    good = Memory()
    agent = agent_with(Shop(), broken=Broken(), good=good)
    agent.start()
    wait_for(lambda: good.sends > 5, what="the good one")
    agent.stop()
    balances = agent.balances()
    assert balances["broken"].dropped["encode"] == balances["broken"].collected > 0
    assert balances["good"].delivered == balances["good"].collected
    assert_law(agent)


def test_stop_ends_within_its_limit_when_an_endpoint_hangs() -> None:
    """The flush has one absolute deadline; what is in flight then is unconfirmed."""
    memory = Memory()
    memory.fault = "hang"
    agent = agent_with(Shop(), flush=0.5, memory=memory)
    agent.start()
    wait_for(lambda: memory.sends == 1, what="the hanging attempt")
    with within(0.5):
        agent.stop()
    balance = agent.balances()["memory"]
    assert balance.holds
    assert balance.unconfirmed == 3
    assert balance.dropped["shutdown"] == balance.collected - 3
    memory.release.set()


@pytest.mark.scenario(16)
def test_a_hanging_sampler_costs_the_final_flush_no_more_than_its_share() -> None:
    """stop() ends in time and delivers the others' last values."""
    release = threading.Event()

    def hang():
        release.wait(60)
        yield "never", 1

    memory = Memory()
    agent = agent_with(Shop(), interval=0.2, flush=2.0, deadline=0.2, memory=memory)
    agent.start()
    wait_for(lambda: memory.received, what="a first delivery")
    agent.registry.register({"name": "shop.hang", "sample": hang})
    with within(2.0):
        agent.stop()
    balance = agent.balances()["memory"]
    assert balance.holds
    assert balance.delivered == balance.collected
    release.set()


def test_random_faults_never_break_the_law(monkeypatch) -> None:
    """A seeded hail of faults: the law holds at each look and against what the endpoint holds."""
    monkeypatch.setattr("sampler.agent.delivery.sender.FIRST_PAUSE", 0.01)
    monkeypatch.setattr("sampler.agent.delivery.sender.LONGEST_PAUSE", 0.05)
    rng = random.Random(20261123)
    memory, tally = Memory(size=4), Tally()
    shop = Shop()
    agent = agent_with(shop, interval=0.1, outbox=10**9, memory=memory, tally=tally)
    agent.start()
    faults = [None, "unavailable", "unconfirmed", "reject", "muted", None]
    for _ in range(12):
        memory.fault = rng.choice(faults)
        tally.fault = rng.choice([None, "unavailable"])
        sends = memory.sends
        wait_for(lambda sends=sends: memory.sends > sends + 1, limit=40, what="traffic")
        assert_law(agent)
    memory.fault = tally.fault = None
    wait_for(lambda: agent.balances()["memory"].queued == 0, limit=60, what="the queue to drain")
    wait_for(lambda: tally.sums["shop.orders"] >= shop.orders - 2, limit=60, what="the tally")
    agent.stop()
    balance = agent.balances()["memory"]
    assert_law(agent)
    arrived = len(memory.received)
    certain = balance.delivered + balance.unconfirmed
    assert certain <= arrived <= certain + balance.dropped["poison"]
    assert balance.collected == certain + balance.dropped["poison"]
    assert tally.sums["shop.orders"] == shop.orders - 1


def test_once_pulls_exactly_once_and_delivers() -> None:
    """once() gives one snapshot, self-metrics included, and leaves nothing queued."""
    memory = Memory()
    shop = Shop()
    agent = agent_with(shop, memory=memory)
    snapshot = agent.once()
    assert shop.orders == 1
    balance = agent.balances()["memory"]
    assert balance.collected == balance.delivered == len(snapshot) == len(memory.received)
    assert not agent.troubles()


def test_once_says_which_endpoint_does_not_answer() -> None:
    """once() ends at the first failure and names it."""
    memory = Memory()
    memory.fault = "unavailable"
    agent = agent_with(Shop(), flush=2.0, memory=memory)
    agent.once()
    assert agent.troubles() == {"memory": "no one is there"}
    assert_law(agent)


def test_every_known_drop_reason_is_published_from_the_start() -> None:
    """A first drop can be seen as an increase: its series exists with 0 before."""
    memory = Memory(size=1000)
    agent = agent_with(Shop(), memory=memory)
    snapshot = agent.once()
    reasons = {
        series.labels["reason"]: value
        for series, value in snapshot
        if series.name == "sampler.entries.dropped"
    }
    assert set(reasons.values()) == {0}
    assert {"oldest", "superseded", "shutdown", "collision", "encode"} <= set(reasons)


def test_a_sampler_that_registers_later_is_collected() -> None:
    """The agent follows its registry."""
    memory = Memory()
    registry = Registry()
    adapter_settings = AdapterSettings("memory", "memory", memory, 0.1)
    program = ProgramSettings(interval=0.1, service="t", instance="0")
    agent = Agent(
        Settings("t", program, SamplersSettings(enable=("late",)), (adapter_settings,)),
        registry,
    )
    agent.start()
    wait_for(lambda: memory.sends, what="a first batch")
    registry.register({"name": "late", "sample": lambda: [("here", 1)]})
    registry.register({"name": "unwanted", "sample": lambda: [("here", 1)]})
    wait_for(lambda: any(name == "late.here" for name, *_ in memory.received), what="late.here")
    agent.stop()
    assert not any(name.startswith("unwanted") for name, *_ in memory.received)


def test_a_scraped_adapter_that_cannot_bind_stops_the_start() -> None:
    """A port in use is a configuration error, and nothing has been started."""

    class ScrapeChannel:
        def open(self, collect, ledger):
            raise OSError(98, "Address already in use")

        def close(self, timeout):
            pass

    memory = Memory()
    agent = agent_with(Shop(), memory=memory, web=ScrapeChannel())
    with pytest.raises(ConfigurationError) as caught:
        agent.start()
    assert "adapters.web.listen" in caught.value.problems[0]
    assert memory.sends == 0


def test_a_batch_without_frames_counts_as_handed_over() -> None:
    """An unstamped adapter may have nothing to send for entries that did not change."""

    class Silent(Tally):
        def encode(self, snapshot, since):
            yield Batch((), len(snapshot))

    agent = agent_with(Shop(), silent=Silent())
    snapshot = agent.once()
    assert agent.balances()["silent"].unconfirmed == len(snapshot)


def test_an_adapter_may_leave_what_nobody_takes_now() -> None:
    """At the end, after an attempt that failed: the newest values, and nobody waits longer."""

    class Left:
        stamped = False
        idempotent = True

        def __init__(self, *, room: bool) -> None:
            self.room = room
            self.left: list[object] = []

        def encode(self, snapshot, since):
            yield Batch((b"x",), len(snapshot), note=snapshot)

        def send(self, batch, timeout):
            raise Unavailable("it is stopped")

        def leave(self, batch):
            self.left.append(batch.note)
            return self.room

    for room in (True, False):
        adapter = Left(room=room)
        agent = agent_with(Shop(), flush=0.2 if not room else 60.0 + SLACK, left=adapter)
        agent.start()
        with within(40.0):
            balance = agent.stop()["left"]
        assert balance.holds
        assert balance.unconfirmed == (len(adapter.left[-1]) if room else 0)
        assert not room or balance.dropped["shutdown"] == 0


def test_pauses_double_and_stay_in_their_bounds() -> None:
    """Retries back off with jitter and honour what the endpoint asks for."""
    from sampler.agent.delivery.outbox import Outbox
    from sampler.agent.delivery.sender import LONGEST_PAUSE, Sender

    sender = Sender("x", Memory(), Outbox(10), 1.0)
    pauses = [sender._unavailable("away") for _ in range(12)]
    assert FIRST_PAUSE / 2 <= pauses[0] <= FIRST_PAUSE
    assert all(LONGEST_PAUSE / 2 <= pause <= LONGEST_PAUSE for pause in pauses[-4:])
    assert sender._unavailable("away", retry_after=120.0) == 120.0


def test_samplers_of_one_name_share_their_metrics() -> None:
    """Two samplers told apart by constant labels give numbers that add up."""
    memory = Memory(size=1000)
    shop = Shop()
    agent = agent_with(shop, memory=memory)
    agent.registry.unregister("shop")
    for floor in ("1", "2"):
        agent.registry.register({**shop.mapping(), "labels": {"floor": floor}})
    snapshot = agent.once()
    assert sum(series.name == "shop.orders" for series, _ in snapshot) == 2
    assert not snapshot.failures
    again = Memory(size=1000)
    second = agent_with(shop, memory=again)
    second.registry.unregister("shop")
    for floor in ("1", "2"):
        second.registry.register({**shop.mapping(), "labels": {"floor": floor}})
    second.start()
    name = 'sampler.samples.yielded{consumer="0.1s",sampler="shop"}'
    wait_for(
        lambda: any(n == name and v >= 8 for n, v, _ in again.received),
        what="its metrics",
    )
    second.stop()
    assert not [n for n, *_ in again.received if n.startswith("sampler.samples.refused")]
    assert_law(second)


@pytest.mark.parametrize(
    ("exposure", "said"),
    [
        (property(lambda _: "tells everybody: whisper"), "tells everybody: whisper"),
        (property(lambda _: 1 / 0), "cannot tell who else can read its data: ZeroDivisionError"),
        (property(lambda _: sys.exit(3)), "cannot tell who else can read its data: SystemExit"),
        (None, ""),
    ],
)
def test_who_else_can_read_what_an_adapter_sends_is_one_warning_at_the_start(
    caplog, exposure, said
) -> None:
    """A reload that keeps the adapter says nothing, and one that cannot tell costs nothing."""
    memory = type("Talker", (Memory,), {"exposure": exposure})()
    agent = agent_with(Shop(), memory=memory)
    agent.start()
    try:
        agent.reload(agent.settings)
    finally:
        agent.stop()
    assert_law(agent)
    assert agent.balances()["memory"].delivered > 0
    warnings = [r.getMessage() for r in caplog.records if r.getMessage().startswith("adapter")]
    assert [w.startswith(f"adapter 'memory' {said}") for w in warnings] == [True] * bool(said)
