"""What an operator makes of series: [labels]; keep, drop and rename of [samplers]."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampler import Collector, ConfigurationError, Instruments, Registry
from sampler._pull.collector import apply_rules
from sampler._pull.series_rules import SeriesRules
from sampler._registry.announcements import SAMPLERS, announcements
from sampler.agent import Agent
from sampler.agent.config.reading import parse
from sampler.agent.rename_clashes import rename_clashes
from tests.contract.build import mapping, values
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampler.agent import Snapshot


@pytest.fixture
def registry() -> Registry:
    """An empty registry."""
    return Registry()


def pulled(registry: Registry, table: dict[str, Any], pulls: int = 1) -> Snapshot:
    """Return the last of some snapshots that an agent with this configuration collects."""
    agent = Agent(parse({"service": "shop", "host": "web1", **table}), registry)
    with agent.collector("test", 1.0) as collector:
        snapshots = [collector.collect() for _ in range(pulls)]
    return snapshots[-1]


def without_account(snapshot: Snapshot) -> dict[str, Any]:
    """Return the entries of a snapshot, by the series as text, without the agent's own."""
    return {name: value for name, value in values(snapshot).items() if name[:8] != "sampler."}


def problems(table: dict[str, Any]) -> str:
    """Return what is wrong with a configuration."""
    with pytest.raises(ConfigurationError) as caught:
        parse(table)
    return "\n".join(caught.value.problems)


def test_every_series_has_the_labels_the_agents_own_too(registry: Registry) -> None:
    """Placeholders are filled in; a label that nobody has is one of all, instruments or not."""
    Instruments("shop", registry=registry).counter("orders", labels=("route",)).inc(route="buy")
    registry.register(mapping("pool", ("size", 3), labels={"name": "main"}))
    labels = {"env": "prod", "of": "{service}@{host}"}
    found = pulled(registry, {"labels": labels})
    assert without_account(found) == {
        'shop.orders{env="prod",of="shop@web1",route="buy"}': 1,
        'pool.size{env="prod",name="main",of="shop@web1"}': 3,
    }
    assert found.labels == {"env": "prod", "of": "shop@web1"}
    assert all(series.labels.items() >= found.labels.items() for series, _ in found)


def test_a_series_own_label_of_that_name_stands(registry: Registry) -> None:
    """The author knows what it says; the other series have the operator's."""
    registry.register(mapping("pool", ("size", 3, {"env": "blue"}), ("free", 1)))
    found = pulled(registry, {"labels": {"env": "prod"}})
    assert without_account(found) == {'pool.size{env="blue"}': 3, 'pool.free{env="prod"}': 1}


@pytest.mark.parametrize(
    ("rules", "left"),
    [
        ({"drop": ["shop.debug.*"]}, {"shop.debug", "shop.orders", "pool.size"}),
        ({"drop": ["shop.debug"]}, {"shop.debug.deep", "shop.orders", "pool.size"}),
        ({"drop": ["*"]}, set()),
        ({"drop": ["nothing.*"]}, {"shop.debug", "shop.debug.deep", "shop.orders", "pool.size"}),
        ({"keep": ["shop.*"]}, {"shop.debug", "shop.debug.deep", "shop.orders"}),
        ({"keep": ["shop.*"], "drop": ["*.debug*"]}, {"shop.orders"}),
        ({"keep": []}, set()),
        ({"keep": ["[!p]*"]}, {"shop.debug", "shop.debug.deep", "shop.orders"}),
    ],
)
def test_what_is_kept_and_dropped_is_said_by_whole_names(rules, left, registry) -> None:
    """What is kept and dropped is dropped; the rest of a pull is what it would be."""
    registry.register(mapping("shop", ("debug", 1), ("debug.deep", 2), ("orders", 3)))
    registry.register(mapping("pool", ("size", 4)))
    assert without_account(pulled(registry, {"samplers": rules}, 3)).keys() == left


def test_what_is_left_out_is_refused_by_the_law(registry: Registry) -> None:
    """Yielded = collected + refused{filtered}, and collected is what the snapshots have."""
    orders = Instruments("shop", registry=registry).counter("orders", labels=("route",))
    registry.register(mapping("pool", ("size", 4), ("debug", 1), ("idle", None)))
    rules = {"samplers": {"drop": ["pool.debug", "shop.*"]}}
    agent = Agent(parse(rules), registry)
    entries = 0
    with agent.collector("test", 1.0) as collector:
        for pull in range(4):
            orders.inc(route=f"r{pull}")
            snapshot = collector.collect()
            entries += len([1 for series, _ in snapshot if series.name[:8] != "sampler."])
        found = {each.sampler: each for each in collector.statistics()}
    assert (found["pool"].yielded, found["pool"].refused) == (8, {"filtered": 4})
    assert (found["shop"].yielded, found["shop"].refused) == (10, {"filtered": 10})
    assert sum(found[name].collected for name in ("pool", "shop")) == entries == 4


def test_a_renamed_metric_is_one_under_its_new_name(registry: Registry) -> None:
    """Kind, unit and help are its own; a chain of new names is no chain."""
    metrics = {"a": {"kind": "counter", "unit": "s", "help": "A."}}
    registry.register(mapping("shop", ("a", 1), ("b", 2), metrics=metrics))
    rename = {"shop.a": "shop.b", "shop.b": "other.c"}
    found = pulled(registry, {"samplers": {"rename": rename}}, 2)
    (renamed,) = [series for series, _ in found if series.name == "shop.b"]
    assert without_account(found) == {"shop.b": 1, "other.c": 2}
    assert (renamed.kind, renamed.unit, renamed.help) == ("counter", "s", "A.")


def test_series_stay_the_same_objects_and_a_restart_makes_another(registry: Registry) -> None:
    """So differences and rendered names are kept from pull to pull."""
    state = {"n": 5, "more": False}

    def sample() -> Iterator[tuple[Any, ...]]:
        yield "n", state["n"]
        if state["more"]:
            yield "m", 1

    registry.register(
        {"name": "shop", "sample": sample, "metrics": {"n": {"kind": "counter"}, "m": {}}}
    )
    agent = Agent(parse({"labels": {"env": "x"}}), registry)
    with agent.collector("test", 1.0) as collector:
        first = collector.collect().blocks[0]
        again = collector.collect().blocks[0]
        assert again.series is first.series
        state["more"] = True
        grown = collector.collect().blocks[0]
        assert grown.series[0] is first.series[0]
        state["n"] = 1
        restarted = collector.collect().blocks[0]
    assert restarted.series[0] is not first.series[0]
    assert restarted.series[1] is grown.series[1]
    assert restarted.series[0].start is not None


def test_a_failed_pull_keeps_the_view(registry: Registry) -> None:
    """Its series are there without values, under the names and labels that they had."""
    fails = [False]

    def sample() -> Iterator[tuple[Any, ...]]:
        if fails[0]:
            raise OSError("no")
        yield "a", 1
        yield "b", 2

    registry.register({"name": "shop", "sample": sample})
    table = {"labels": {"env": "x"}, "samplers": {"drop": ["shop.b"]}}
    agent = Agent(parse(table), registry)
    with agent.collector("test", 1.0) as collector:
        before = collector.collect().blocks[0]
        fails[0] = True
        after = collector.collect().blocks[0]
    assert [str(series) for series in after.series] == ['shop.a{env="x"}']
    assert (after.series, len(after)) == (before.series, 0)


def test_a_folded_surplus_is_left_out_with_its_metric(registry: Registry) -> None:
    """And the law still holds."""
    wide = Instruments("shop", registry=registry).counter("wide", labels=("key",))
    for number in range(50):
        wide.inc(key=str(number))
    table = {"samplers": {"drop": ["shop.wide"], "max_series": 10}}
    agent = Agent(parse(table), registry)
    with agent.collector("test", 1.0) as collector:
        for _ in range(3):
            found = collector.collect()
        (shop,) = [each for each in collector.statistics() if each.sampler == "shop"]
    assert not without_account(found)
    assert shop.yielded == shop.collected + sum(shop.refused.values())


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.dictionaries(st.sampled_from(["a", "b", "c.d", "e"]), st.integers(0, 99), max_size=4),
        min_size=1,
        max_size=6,
    ),
    st.lists(st.sampled_from(["s.a", "s.*", "s.c.*", "*", "s.e"]), max_size=2),
    st.sampled_from([None, ("s.*",), ("s.a", "s.e"), ()]),
    st.booleans(),
)
def test_any_rules_leave_the_rest_as_it_was(pulls, drop, keep, labelled) -> None:
    """The same series with the same values, through any coming and going; the law holds."""
    at = [0]

    def sample() -> Iterator[tuple[Any, ...]]:
        yield from pulls[at[0]].items()

    registry = Registry()
    registry.register({"name": "s", "sample": sample})
    rules = SeriesRules({"env": "x"} if labelled else {}, keep, drop)
    plain = Collector(registry, deadline=5.0)
    ruled = apply_rules(Collector(registry, deadline=5.0), rules)
    with plain, ruled:
        for number in range(len(pulls)):
            at[0] = number
            whole, found = plain.collect(), ruled.collect()
            kept = {s.name: v for s, v in whole if rules.of(s.name) is not None}
            assert {s.name: v for s, v in found} == kept
            assert all(("env" in s.labels) == labelled for s, _ in found)
        (numbers,) = ruled.statistics()
        assert numbers.yielded == numbers.collected + sum(numbers.refused.values())


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"labels": {"Env": "x"}}, "labels: 'Env' is no label name"),
        ({"labels": {"e-v": "x"}}, "labels: 'e-v' is no label name"),
        ({"labels": {"overflow": "x"}}, "choose another name"),
        ({"labels": {"env": ""}}, "labels: env: is empty: leave the label out"),
        (
            {"labels": {"env": "{servic}"}},
            "placeholder {servic} (did you mean 'service'?)",
        ),
        ({"labels": {"env": 3}}, "labels: expected a table of strings"),
        ({"labels": "prod"}, "labels: expected a table of strings"),
        ({"labels": {f"l{n}": "x" for n in range(17)}}, "more than 16 labels"),
        ({"samplers": {"drop": "shop.*"}}, "samplers.drop: expected a list of strings"),
        ({"samplers": {"drop": ["Shop.*"]}}, "'Shop.*' matches no name"),
        ({"samplers": {"drop": [""]}}, "'' is no name"),
        ({"samplers": {"keep": ["sampler.*"]}}, "are chosen by self_metrics"),
        ({"samplers": {"enable": ["shop *"]}}, "'shop *' matches no name"),
        ({"samplers": {"enable": [" "]}}, "' ' names no sampler"),
        ({"samplers": {"rename": {"a*": "b.c"}}}, "'a*' is a pattern: write whole names"),
        (
            {"samplers": {"rename": {"a.*": "b.c"}}},
            "'b.c' is no beginning of names: write 'shop.*' = 'sales.*'",
        ),
        ({"samplers": {"rename": {"a.b": "Bad"}}}, "'Bad' is no full name"),
        ({"samplers": {"rename": {"a.b": "word"}}}, "'word' is no full name"),
        ({"samplers": {"rename": {"a.b": "a." + "x" * 150}}}, "at most 150 characters"),
        ({"samplers": {"rename": {"a.b": "sampler.x"}}}, "keep their names"),
        ({"samplers": {"rename": {"a": {"b": "c.d"}}}}, "write a name with dots in quotes"),
        (
            {"samplers": {"rename": {"a.b": "x.y", "c.d": "x.y"}}},
            "'a.b' and 'c.d' would both be called 'x.y'",
        ),
        (
            {"samplers": {"rename": {"a.b": "x.y_z", "c.d": "x.y.z"}}},
            "'a.b' and 'c.d' would both be called 'x.y.z'",
        ),
    ],
)
def test_what_cannot_be_is_said_with_its_key(table, said) -> None:
    """Also two metrics of which backends would make one."""
    assert said in problems(table)


def test_a_new_name_that_a_declared_metric_has_is_a_clash(registry: Registry) -> None:
    """Of whatever kind, dots or not; unless that metric is renamed, too."""
    metrics = {"a": {"kind": "counter"}, "b.c": {}}
    registry.register(mapping("shop", metrics=metrics))

    def clashes(rename: dict[str, str]) -> list[str]:
        samplers = parse({"samplers": {"rename": rename}}).samplers
        return list(rename_clashes(samplers, registry))

    (said,) = clashes({"other.x": "shop.a"})
    assert "'other.x' would be called 'shop.a', and there is a metric 'shop.a'" in said
    assert clashes({"other.x": "shop.b_c"})
    assert not clashes({"other.x": "shop.a", "shop.a": "shop.z"})
    assert not clashes({"other.x": "shop.y"})


def test_a_reload_with_other_rules_goes_on_with_them(registry: Registry) -> None:
    """With new consumers, as their series are others."""
    import attrs

    from sampler.agent.config.settings import AdapterSettings
    from tests.support.memory import Memory

    registry.register(mapping("shop", ("a", 1), ("b", 2)))
    memory = Memory()
    sent = AdapterSettings("memory", "memory", memory, 0.1)
    first = attrs.evolve(parse({"interval": 0.1}), adapters=(sent,))
    agent = Agent(first, registry)
    agent.start()
    try:
        wait_for(lambda: any(name == "shop.a" for name, *_ in memory.received))
        told = {"interval": 0.1, "labels": {"env": "x"}, "samplers": {"drop": ["shop.b"]}}
        agent.reload(attrs.evolve(parse(told), adapters=(sent,)))
        memory.received.clear()
        wait_for(lambda: any(name == 'shop.a{env="x"}' for name, *_ in memory.received))
        assert not any(name.startswith("shop.b") for name, *_ in list(memory.received))
    finally:
        agent.stop()


def test_what_is_registered_and_not_enabled_is_said_once(registry, caplog) -> None:
    """With the remedy; what the environment disables is not."""
    registry.register(mapping("shop", ("a", 1)))
    agent = Agent(parse({"samplers": {"enable": ["pool", "p*"]}}), registry)
    with agent.collector("test", 1.0) as collector:
        collector.collect()
        registry.register(mapping("pool.sub", ("a", 1)))
        registry.register(mapping("cache", ("a", 1)))
        found = [collector.collect() for _ in range(3)][-1]
    wait_for(lambda: "'cache'" in caplog.text)
    assert without_account(found) == {"pool.sub.a": 1}
    said = [r.getMessage() for r in caplog.records if "not collected" in r.getMessage()]
    assert len(said) == 2
    assert "'shop'" in said[0]
    assert "samplers.enable" in said[0]


def test_the_environment_says_that_it_is_meant(registry, caplog, monkeypatch) -> None:
    """A sampler of $SAMPLER_DISABLE is left out without a word."""
    monkeypatch.setenv("SAMPLER_DISABLE", "shop")
    registry.register(mapping("shop", ("a", 1)))
    pulled(registry, {"samplers": {"enable": ["pool"]}}, 2)
    assert "not collected" not in caplog.text


OTHERS = {each.name for each in announcements(SAMPLERS)} - {
    "process",
    "cpython",
    "system",
    "logging",
    "asyncio",
}
"""What tells of servers and libraries, which other tests may have imported."""


@pytest.mark.parametrize(
    ("enable", "names"),
    [
        (["*"], {"process", "cpython", "system", "logging", "asyncio", "shop"}),
        (["cp*"], {"cpython"}),
        (["shop"], {"shop"}),
        (["sho?", "process"], {"shop", "process"}),
    ],
)
def test_enable_takes_patterns(enable, names, registry) -> None:
    """They select what is registered, and load what is built in."""
    registry.register(mapping("shop", ("a", 1)))
    agent = Agent(parse({"samplers": {"enable": enable}}), registry)
    agent.discover()
    found = {str(each.sampler["name"]) for each in agent.registrations()}
    apart = found & OTHERS if "*" in enable else set()
    assert found - {"sampler"} - apart == names


def test_a_pattern_that_matches_nothing_is_noted(registry: Registry) -> None:
    """It is no failure: what it is for may come."""
    registry.register(mapping("shop", ("a", 1)))
    agent = Agent(parse({"samplers": {"enable": ["shpo*", "shop"]}}), registry)
    assert not agent.discover()
    assert agent.notes() == ["samplers.enable: 'shpo*' matches no sampler that is here"]


def test_a_reload_with_other_labels_loses_no_increase(registry: Registry) -> None:
    """Differences go on from what was handed over, though each series has other labels now."""
    from tests.support.doubles import DatagramSink

    orders = Instruments("shop", registry=registry).counter("orders")
    counted = 0
    with DatagramSink() as sink:

        def settings_with(env: str) -> Any:
            statsd = {"port": sink.port, "prefix": "p", "tags": True}
            return parse({"interval": 0.1, "labels": {"env": env}, "adapters": {"statsd": statsd}})

        def received() -> int:
            found = [line for line in sink.lines if line.startswith(b"p.shop.orders:")]
            return sum(int(line[14:].partition(b"|")[0]) for line in found)

        agent = Agent(settings_with("a"), registry)
        agent.start()
        for env in "bcde":
            for _ in range(200):
                orders.inc()
                counted += 1
            agent.reload(settings_with(env))
            orders.inc()
            counted += 1
        agent.stop()
        wait_for(lambda: received() >= counted)
        assert received() == counted
        assert any(b"#env:e" in line for line in sink.lines)
