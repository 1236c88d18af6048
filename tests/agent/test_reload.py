"""An agent goes on with another configuration: what stays, what is handed on, what ends."""

from __future__ import annotations

import random
import socket

import pytest

from sampler import ConfigurationError, Registry
from sampler.agent import Agent
from sampler.agent.config.reading import parse
from sampler.agent.config.settings import (
    AdapterSettings,
    ProgramSettings,
    SamplersSettings,
    Settings,
)
from tests.support.doubles import LineSink
from tests.support.memory import Memory, Tally
from tests.support.waiting import wait_for


class Shop:
    """A metric source that moves at every pull and knows its total."""

    def __init__(self) -> None:
        self.orders = 0

    def sample(self):
        self.orders += 3
        yield "orders", self.orders

    def mapping(self):
        return {"name": "shop", "sample": self.sample, "metrics": {"orders": {"kind": "counter"}}}


def settings(adapters, *, interval=0.1, tables=None, program=None, **samplers) -> Settings:
    """Return settings for adapters by name; ``tables`` tells two of one name apart."""
    adapters = tuple(
        AdapterSettings(name, name, adapter, interval, 1.0, 200_000, (tables or {}).get(name, {}))
        for name, adapter in adapters.items()
    )
    who = {"service": "test", "instance": "0", **(program or {})}
    limits = {"enable": ("shop",), "deadline": 20.0, **samplers}
    return Settings(
        "test", ProgramSettings(interval=interval, **who), SamplersSettings(**limits), adapters
    )


@pytest.fixture
def shop():
    return Shop()


@pytest.fixture
def start(shop):
    """Start agents; they end with the test."""
    agents = []

    def started(wanted: Settings) -> Agent:
        registry = Registry()
        registry.register(shop.mapping())
        registry.register({"name": "other", "sample": lambda: [("n", 1)]})
        agent = Agent(wanted, registry)
        agents.append(agent)
        agent.start()
        return agent

    yield started
    for agent in agents:
        agent.stop()


def names(memory: Memory) -> set[str]:
    return {series for series, _, _ in memory.received}


def test_an_adapter_whose_table_is_the_same_runs_on(start) -> None:
    """With its queue: what waits during an outage arrives after it."""
    memory, new = Memory(), Memory()
    agent = start(settings({"a": memory}))
    wait_for(lambda: memory.sends > 3, what="four batches")
    memory.fault = "unavailable"
    wait_for(lambda: agent.balances()["a"].queued > 6, what="a queue")
    agent.reload(settings({"a": memory, "b": new}))
    wait_for(lambda: new.sends > 2, what="the new one")
    memory.fault = None
    wait_for(lambda: not agent.balances()["a"].queued, 20, what="the queue to empty")
    assert not memory.closed
    agent.stop()
    for name, each in (("a", memory), ("b", new)):
        balance = agent.balances()[name]
        assert balance.holds
        assert balance.collected == balance.delivered == sum(each.received.values())
        assert set(each.received.values()) == {1}


def test_one_that_is_gone_is_flushed_and_closed(start) -> None:
    """It has everything up to then, and nothing after."""
    memory, stays = Memory(), Memory()
    agent = start(settings({"a": memory, "b": stays}))
    wait_for(lambda: memory.sends > 3, what="four batches")
    agent.reload(settings({"b": stays}))
    assert memory.closed
    had = memory.received.total()
    wait_for(lambda: stays.sends > 20, what="twenty batches")
    assert memory.received.total() == had
    assert set(agent.balances()) == {"b"}


def test_a_replaced_adapters_ledger_goes_on(start) -> None:
    """No count under the adapter's name falls."""
    old, new = Memory(), Memory()
    agent = start(settings({"a": old}))
    wait_for(lambda: old.sends > 3, what="four batches")
    agent.reload(settings({"a": new}, tables={"a": {"host": "there"}}))
    assert old.closed
    wait_for(lambda: new.sends > 3, what="four batches")
    agent.stop()
    balance = agent.balances()["a"]
    assert balance.holds
    assert balance.delivered == old.received.total() + new.received.total()
    assert not old.received.keys() & new.received.keys()


CHANGES = [
    {"tables": {"a": {"host": "there"}}},
    {"interval": 0.13},
    {"max_samples": 77},
    {"program": {"instance": "7"}},
    {"deadline": 0.5, "interval": 0.2, "program": {"service": "other"}},
]


@pytest.mark.parametrize("change", CHANGES, ids="-".join)
@pytest.mark.parametrize("dead", [False, True], ids=["alive", "dead"])
def test_differences_go_on_where_they_had_arrived(start, shop, change, dead) -> None:
    """Whatever changes: the sums of the old and the new adapter are the counter's growth."""
    old, new = Tally(), Tally()
    agent = start(settings({"a": old}))
    wait_for(lambda: old.sums.get("shop.orders", 0) > 6, what="some sums")
    if dead:
        old.fault = "unavailable"
        orders = shop.orders
        wait_for(lambda: shop.orders > orders + 9, what="some that are owed")
    agent.reload(settings({"a": new}, **change))
    wait_for(lambda: new.sums.get("shop.orders", 0) > 6, what="some sums")
    agent.stop()
    assert old.sums["shop.orders"] + new.sums["shop.orders"] == shop.orders - 3
    assert agent.balances()["a"].holds


def test_many_reloads_in_a_row_lose_and_double_nothing(start, shop) -> None:
    """One hundred, with adapters that come, go and change."""
    chance = random.Random(7)
    tallies = [Tally()]
    agent = start(settings({"a": tallies[0]}))
    for number in range(100):
        if chance.random() < 0.5:
            tallies.append(Tally())
        more = {f"m{number}": Memory()} if chance.random() < 0.3 else {}
        agent.reload(
            settings(
                {"a": tallies[-1], **more},
                interval=chance.choice([0.1, 0.15]),
                tables={"a": {"n": len(tallies)}},
            )
        )
    agent.stop()
    assert sum(tally.sums.get("shop.orders", 0) for tally in tallies) == shop.orders - 3
    assert agent.balances()["a"].holds


def test_samplers_come_and_go(start) -> None:
    """From the next pull on."""
    memory = Memory()
    agent = start(settings({"a": memory}))
    wait_for(lambda: "shop.orders" in names(memory), what="the first sampler")
    assert "other.n" not in names(memory)
    agent.reload(settings({"a": memory}, enable=("other",)))
    memory.received.clear()
    wait_for(lambda: "other.n" in names(memory), what="the second one")
    memory.received.clear()
    wait_for(lambda: memory.received.total() > 10, what="more")
    assert "shop.orders" not in names(memory)


class Listener:
    """A scraped adapter that really listens."""

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self.socket: socket.socket | None = None

    def open(self, collect, ledger) -> None:
        self.collect = collect
        self.socket = socket.socket()
        try:
            self.socket.bind(("127.0.0.1", self.port))
            self.socket.listen()
        except OSError:
            self.socket.close()
            self.socket = None
            raise

    def close(self, timeout: float) -> None:
        if self.socket is not None:
            self.socket.close()
            self.socket = None


def test_an_address_that_is_taken_changes_nothing(start) -> None:
    """The error names the adapter, and everything runs on as before."""
    memory, fresh = Memory(), Listener()
    agent = start(settings({"a": memory}))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        wanted = settings({"b": Memory(), "fresh": fresh, "taken": Listener(port)})
        with pytest.raises(
            ConfigurationError, match=r"adapters\.taken\.listen: the port is in use"
        ):
            agent.reload(wanted)
    assert fresh.socket is None
    assert not memory.closed
    sends = memory.sends
    wait_for(lambda: memory.sends > sends + 3, what="more batches")
    assert set(agent.balances()) == {"a"}
    assert agent.settings.file == "test"


def test_a_scraped_adapter_that_stays_keeps_its_socket(start) -> None:
    """And pulls what is enabled now."""
    listener = Listener()
    agent = start(settings({"l": listener}))
    before = listener.socket
    agent.reload(settings({"l": listener}, enable=("other",), max_samples=5))
    assert listener.socket is before
    found = {str(series) for series, _ in listener.collect()}
    assert "other.n" in found
    assert "shop.orders" not in found


def test_only_a_running_agent_reloads() -> None:
    """Before the start and after the end, a reload is a mistake of the program."""
    agent = Agent(settings({"a": Memory()}), Registry())
    with pytest.raises(RuntimeError, match="running"):
        agent.reload(settings({"a": Memory()}))


def test_threads_end_with_their_adapters(start) -> None:
    """Ten reloads leave as many threads as one."""
    import threading

    before = set(threading.enumerate())
    agent = start(settings({"a": Memory(), "b": Tally()}))

    def ours() -> int:
        since = set(threading.enumerate()) - before
        return sum(thread.name.startswith("sampler-") for thread in since)

    agent.reload(settings({"a": Memory(), "b": Tally()}, tables={"a": {"n": 0}, "b": {"n": 0}}))
    wait_for(lambda: ours() <= 7, what=f"the threads to settle, {ours()}")
    for n in range(1, 10):
        agent.reload(
            settings({"a": Memory(), "b": Tally()}, tables={"a": {"n": n}, "b": {"n": n}})
        )
    wait_for(lambda: ours() <= 7, what="the threads to end")


def test_what_waits_in_a_spool_goes_on_through_a_reload(start, tmp_path) -> None:
    """The adapter that replaces another delivers it: nothing is dropped or counted twice."""

    def spooled(port: int) -> Settings:
        return parse(
            {
                "interval": 0.1,
                "service": "test",
                "instance": "0",
                "samplers": {"enable": ["shop"]},
                "adapters": {"graphite": {"port": port, "spool": str(tmp_path)}},
            }
        )

    with LineSink() as away, LineSink() as sink:
        away.refuse()
        agent = start(spooled(away.port))
        wait_for(lambda: agent.balances()["graphite"].queued > 5, what="a backlog")
        agent.reload(spooled(sink.port))
        wait_for(lambda: agent.balances()["graphite"].queued == 0, what="its delivery")
        agent.stop()
        balance = agent.balances()["graphite"]
        assert balance.holds
        assert balance.delivered == balance.collected == len(sink.lines)
        assert balance.recovered == 0
        assert not list(tmp_path.glob("*/*.segment"))
