"""``self_metrics``: how much of the agent's own account an adapter gets."""

from __future__ import annotations

import pytest

from sampler import ConfigurationError, Registry
from sampler.agent import Agent, Block, Series, Snapshot
from sampler.agent.config.reading import parse
from sampler.agent.own_metrics import OwnMetrics, default_of
from sampler_graphite import Graphite
from sampler_prometheus import Prometheus, Pushgateway
from sampler_statsd import StatsD
from tests.contract.build import mapping
from tests.support.doubles import DatagramSink, LineSink
from tests.support.waiting import wait_for

ORDERS = Series("shop.orders", {}, "counter")
OWN = tuple(Series("sampler.entries.dropped", {"reason": r}, "counter") for r in ("a", "b", "c"))


def snapshot(orders: int, *own: object) -> Snapshot:
    """Return a snapshot of a program's counter and three of the account."""
    shop = Block("shop", (ORDERS,), [orders], 1.0)
    account = Block("sampler", OWN, list(own), 1.0)  # type: ignore[arg-type]
    return Snapshot((shop, account), 1.0, 0.0, {})


def names(snapshot: Snapshot) -> list[str]:
    """Return the series of a snapshot as text."""
    return [str(series) for series, _ in snapshot]


def test_all_is_the_snapshot_itself() -> None:
    """Nothing is copied."""
    shot = snapshot(0, 0, 0, 0)
    assert OwnMetrics("all").of(shot) is shot


def test_none_leaves_only_the_programs_numbers() -> None:
    """The program's zeros are its own business."""
    assert names(OwnMetrics("none").of(snapshot(0, 1, 2, 3))) == ["shop.orders"]


def test_changes_are_what_is_or_was_not_0() -> None:
    """What has moved stays, and keeps its series while nothing else moves."""
    own = OwnMetrics("changes")
    assert names(own.of(snapshot(0, 0, 0, 0))) == ["shop.orders"]
    first = own.of(snapshot(0, 0, 4, 0))
    assert names(first) == ["shop.orders", 'sampler.entries.dropped{reason="b"}']
    again = own.of(snapshot(0, 0, 0, 0))
    assert again.blocks[1].series is first.blocks[1].series
    assert names(own.of(snapshot(0, 1, 4, 0)))[1:] == [
        'sampler.entries.dropped{reason="a"}',
        'sampler.entries.dropped{reason="b"}',
    ]


def test_scrapes_that_share_a_snapshot_share_what_is_shown() -> None:
    """So they share the page, too."""
    own, shot = OwnMetrics("changes"), snapshot(1, 0, 4, 0)
    assert own.of(shot) is own.of(shot)


def test_each_adapter_has_its_own_default() -> None:
    """Stores that make something of each name get what moves; pages keep their zeros."""
    assert default_of(Graphite()) == default_of(StatsD()) == "changes"
    assert default_of(Prometheus()) == default_of(Pushgateway()) == default_of(object()) == "all"


@pytest.mark.parametrize("word", ["some", "", True, ["all"]])
def test_another_word_is_a_problem(word) -> None:
    """With those that there are."""
    with pytest.raises(ConfigurationError, match=r"adapters\.graphite\.self_metrics: "):
        parse({"adapters": {"graphite": {"self_metrics": word}}})


def shop_registry() -> Registry:
    """Return a registry with a sampler of one series, which is 0."""
    registry = Registry()
    registry.register(mapping("shop", ("depth", 0)))
    return registry


@pytest.mark.parametrize(("wanted", "zeros"), [(None, False), ("all", True), ("none", False)])
def test_graphite_has_no_file_for_what_never_moved(wanted, zeros) -> None:
    """By default; the program's zero arrives; and the ledger is of what was meant for it."""
    more = {} if wanted is None else {"self_metrics": wanted}
    with LineSink() as sink:
        table = {"port": sink.port, "prefix": "p", "interval": 0.1, **more}
        settings = parse({"adapters": {"graphite": table}})
        agent = Agent(settings, shop_registry())
        agent.start()
        wait_for(lambda: sum(b"shop.depth" in line for line in sink.lines) > 3)
        (balance,) = agent.stop().values()
        lines = sink.lines
    account = [line for line in lines if line.startswith(b"p.sampler.")]
    assert any(b" 0 " in line for line in account if b"dropped" in line) == zeros
    assert bool(account) == (wanted != "none")
    assert any(line.startswith(b"p.shop.depth 0 ") for line in lines)
    assert balance.collected == balance.delivered == len(lines)


def test_the_first_increase_of_what_comes_late_is_counted_whole() -> None:
    """StatsD's differences start from what was there before the series was shown."""
    with DatagramSink() as sink:
        table = {"port": sink.port, "prefix": "p", "interval": 0.1}
        agent = Agent(parse({"adapters": {"statsd": table}}), shop_registry())
        agent.start()
        wait_for(lambda: sum(b"shop.depth" in line for line in sink.lines) > 5)
        (balance,) = agent.stop().values()
    path = b"p.sampler.entries.collected.adapter-statsd:"
    counted = sum(
        int(line[len(path) :].partition(b"|")[0]) for line in sink.lines if line.startswith(path)
    )
    last = len([line for line in sink.lines if b"shop.depth" in line])
    assert 0 < counted <= balance.collected
    assert counted >= last - 2, "of the pulls before the last one"
