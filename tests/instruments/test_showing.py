"""What a prompt, or a cell of a notebook, shows of instruments."""

from __future__ import annotations

from sampler import Instruments, Registry


def test_an_instrument_shows_its_name_and_its_value() -> None:
    """Counters, gauges and histograms, each under the name that a consumer reads."""
    shop = Instruments("shop", Registry())
    assert repr(shop) == "<Instruments shop: none yet>"
    orders, depth, wait = shop.counter("orders"), shop.gauge("depth"), shop.histogram("wait")
    assert repr(shop) == "<Instruments shop: orders, depth, wait>"
    orders.inc(3)
    wait.observe(0.5)
    wait.observe(1.5)
    assert repr(orders) == "<Counter shop.orders: 3>"
    assert repr(depth) == "<Gauge shop.depth: not set>"
    assert repr(wait) == "<Histogram shop.wait: count 2, sum 2.0>"
    depth.set(0)
    assert repr(depth) == "<Gauge shop.depth: 0>"


def test_a_gauge_that_asks_shows_whom_and_does_not_ask() -> None:
    """A prompt must not run a program's code."""
    depth = Instruments("shop", Registry()).gauge("depth")
    depth.set_function(input)
    assert repr(depth) == f"<Gauge shop.depth: what {input!r} returns>"


def test_children_show_their_labels() -> None:
    """In the order of the metric's names before a pull, and whatever they are after it."""
    shop = Instruments("shop", Registry())
    orders = shop.counter("orders", labels=("route", "kind"), max_children=2)
    orders.inc(route="buy", kind="a")
    orders.inc(route="sell", kind="")
    assert repr(orders) == "<LabelledCounter shop.orders: 2 series by route, kind>"
    assert list(map(repr, orders.children())) == [
        '<Counter shop.orders{route="buy",kind="a"}: 1>',
        '<Counter shop.orders{route="sell"}: 1>',
    ]
    assert repr(orders.labels("other", "")) == '<Counter shop.orders{overflow="true"}: 0>'
