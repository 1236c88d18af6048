"""What instruments are made with: names, bounds, labels of a group, facts and states."""

from __future__ import annotations

import gc
import logging
from typing import Any

import prometheus_client
import pytest

from sampler import Collector, Instruments, InvalidSampler, Registry
from sampler._contract.better_names import name_like
from sampler._contract.names import is_name
from sampler.validate import examine
from sampler_graphite import Graphite
from sampler_prometheus import SamplerCollector, WSGIApp
from sampler_statsd import StatsD
from tests.support.waiting import wait_for

INF = float("inf")
PEERS = prometheus_client.Histogram.DEFAULT_BUCKETS


@pytest.fixture
def registry() -> Registry:
    return Registry()


def page(registry: Registry, accept: str = "") -> str:
    app = WSGIApp(registry)
    body = app({"REQUEST_METHOD": "GET", "HTTP_ACCEPT": accept}, lambda *_: None)
    text = b"".join(body).decode()
    app.close()
    return text


DOUBLED = [
    ("counter", "orders_total", "", "orders_total", ("orders", "")),
    ("counter", "sent_bytes_total", "By", "sent_bytes_total", ("sent", "By")),
    ("counter", "sent_bytes", "By", "sent_bytes_total", ("sent", "By")),
    ("gauge", "size_bytes", "By", "size_bytes", ("size", "By")),
    ("gauge", "size_bytes", "", "size_bytes", ("size", "By")),
    ("gauge", "hit_ratio", "1", "hit_ratio", None),
    ("gauge", "load_percent", "%", "load_percent", ("load", "%")),
    ("gauge", "room_total", "", "room_total", None),
    ("gauge", "temp", "Cel", "temp_celsius", None),
    ("histogram", "wait_seconds", "s", "wait_seconds_count", ("wait", "s")),
    ("histogram", "wait_seconds", "ms", "wait_seconds_milliseconds_count", None),
]


@pytest.mark.parametrize(("kind", "name", "unit", "exposed", "better"), DOUBLED)
def test_a_unit_or_total_that_is_there_is_not_added_again(
    registry, caplog, kind, name, unit, exposed, better
) -> None:
    """In no backend; the better name is said where the instrument is made, and by validate."""
    with caplog.at_level(logging.WARNING, "sampler"):
        group = Instruments("shop", registry)
        made = getattr(group, kind)(name, unit=unit)
        made.set(1) if kind == "gauge" else made.inc() if kind == "counter" else made.observe(1)
        hints = examine(group, seconds=0.05, deadline=20.0).hints
        if better is None:
            assert hints == ()
        else:
            named, declared = better
            (hint,) = hints
            assert f"'shop.{name}': call it '{named}'" in hint
            assert (f"with the unit '{declared}'" in hint) is bool(declared)
            wait_for(lambda: any(hint in record.getMessage() for record in caplog.records))
    text = page(registry)
    names = [line.split(" ")[0].partition("{")[0] for line in text.splitlines()]
    assert f"shop_{exposed}" in names
    openmetrics = page(registry, "application/openmetrics-text; version=1.0.0")
    assert f"\nshop_{exposed} " in openmetrics
    families = {f.name for f in SamplerCollector(registry).collect()}
    assert all(exposed.startswith(each.removeprefix("shop_")) for each in families)
    with Collector(registry) as consumer:
        snapshot = consumer.collect()
        for adapter in (Graphite(prefix="", tags=False), StatsD(prefix="")):
            frames = b"".join(f for b in adapter.encode(snapshot, {}) for f in b.frames)
            for word in (b"total.total", b"total_total", b"bytes_bytes", b"seconds_seconds"):
                assert word not in frames


WRONG = {
    "ordersPlaced": "orders_placed",
    "HTTP_requests": "http_requests",
    "HTTPRequests": "http_requests",
    "http__requests": "http_requests",
    "requests:rate5m": "requests_rate5m",
    "5xx": "n5xx",
    "_private": "private",
    "a-b": "a_b",
    "url/path": "url_path",
    "a..b": "a.b",
    "statusCode": "status_code",
    "Größe": "gr_e",
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_bad_name_is_told_with_the_rule_and_a_good_one(registry, wrong) -> None:
    """Of a metric, a label and a group."""
    group = Instruments("g", registry)
    good = WRONG[wrong]
    assert is_name(good)
    for call, error in (
        (lambda: group.counter(wrong), InvalidSampler),
        (lambda: group.counter("c", labels=(wrong,)), ValueError),
        (lambda: Instruments(wrong, registry), InvalidSampler),
    ):
        with pytest.raises(error) as raised:
            call()
        assert "lower-case words" in str(raised.value)
        assert f"such as '{good}'" in str(raised.value)


def test_where_no_name_is_like_it_only_the_rule_is_told() -> None:
    """Nothing is made up."""
    assert [name_like(text) for text in ("", "...", "_", "漢字", 3)] == [""] * 5


@pytest.mark.parametrize(
    ("buckets", "bounds"),
    [
        ((0.1, 1, INF), (0.1, 1.0)),
        (PEERS, PEERS[:-1]),
        ((INF,), ()),
        ([1, 10], (1.0, 10.0)),
    ],
)
def test_infinity_among_the_bounds_is_the_count(registry, buckets, bounds) -> None:
    """So bounds of other libraries may be taken over as they are."""
    made = Instruments("g", registry).histogram("h", buckets=buckets)
    for value in (0.05, 1e9):
        made.observe(value)
    with Collector(registry) as consumer:
        ((_, found),) = list(consumer.collect())
    value: Any = found
    assert (tuple(u for u, _ in value.buckets), value.count) == (tuple(map(float, bounds)), 2)


def test_constant_labels_of_a_group_are_on_all_of_its_series(registry) -> None:
    """So two groups may have one name; an instrument cannot repeat such a label."""
    for db in ("main", "copy"):
        group = Instruments("db", registry, labels={"db": db, "none": ""})
        group.counter("calls").inc()
        group.counter("rows", labels=("table",)).inc(table="x")
        with pytest.raises(ValueError, match="'db' has the constant label 'db' already"):
            group.counter("bad", labels=("db",))
    with Collector(registry) as consumer:
        found = {str(series): value for series, value in consumer.collect()}
    assert found == {
        'db.calls{db="main"}': 1,
        'db.rows{db="main",table="x"}': 1,
        'db.calls{db="copy"}': 1,
        'db.rows{db="copy",table="x"}': 1,
    }
    with pytest.raises(InvalidSampler):
        Instruments("db", registry, labels={"Bad": "x"})


def test_a_group_within_a_group_is_a_name_with_a_dot(registry) -> None:
    """Nothing more is needed."""
    Instruments("shop", registry).counter("cart.items").inc()
    with Collector(registry) as consumer:
        assert [str(series) for series, _ in consumer.collect()] == ["shop.cart.items"]


def test_information_is_a_gauge_of_1_with_texts(registry) -> None:
    """Said anew, other texts take the place of those before."""
    group = Instruments("shop", registry)
    build = group.info("build", {"version": "1.2", "commit": "abc"}, help="What runs.")
    with Collector(registry) as consumer:
        for commit in ("abc", "def"):
            build.say({"version": "1.2", "commit": commit})
            found = {str(series): value for series, value in consumer.collect()}
            assert found == {f'shop.build{{commit="{commit}",version="1.2"}}': 1}
    again = group.info("build", {"version": "2", "commit": "x"}, help="What runs.")
    assert again is build
    with pytest.raises(ValueError, match="expected labels version, commit"):
        build.say({"version": "2"})


def test_states_are_a_gauge_each_of_which_one_is_1(registry) -> None:
    """The first one, until another is entered."""
    group = Instruments("shop", registry)
    door = group.states("door", ["open", "closed", "stuck"])

    def present() -> dict[str, Any]:
        return {s.labels["state"]: v for s, v in consumer.collect()}

    with Collector(registry) as consumer:
        assert present() == {"open": 1, "closed": 0, "stuck": 0}
        door.enter("stuck")
        assert present() == {"open": 0, "closed": 0, "stuck": 1}
    assert group.states("door", ["open", "closed", "stuck"]) is door
    assert door.labels("stuck").read() == 1
    with pytest.raises(ValueError, match="no such state: 'shut'; there are open, closed, stuck"):
        door.enter("shut")
    with pytest.raises(ValueError, match="described otherwise"):
        group.states("door", ["open"])


@pytest.mark.skipif(not hasattr(gc, "set_threshold"), reason="nobody tells when it collects")
def test_groups_may_be_collected_while_another_one_is_made() -> None:
    """The collector runs at any allocation, also where all groups are looked through."""
    before = gc.get_threshold()
    try:
        for allocations in range(1, 120):
            gc.disable()
            for _ in range(30):
                cycle: list[object] = [Instruments("made", Registry())]
                cycle.append(cycle)
            gc.set_threshold(gc.get_count()[0] + allocations)
            gc.enable()
            orders = Instruments("made", Registry()).counter("orders")
            orders.inc()
            assert orders.read() == 1
    finally:
        gc.enable()
        gc.set_threshold(*before)
