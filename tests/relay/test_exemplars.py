"""Exemplars of many processes: the newest of each bucket, whichever process has it."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from sampler import HistogramValue, Series
from sampler._contract.exemplar import Exemplar
from sampler.relay.exemplars import ExemplarSeries, NewExemplars
from sampler.relay.frames import MAX_BODY, FrameReader, frame
from sampler.relay.messages import BadMessage, Kind, decode_body
from sampler.relay.tables import Slices
from sampler.relay.totals import read, told
from tests.examples.pages import ROOT
from tests.relay.rig import Relay, Worker
from tests.support.command import environment, running
from tests.support.ports import free_port
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from pathlib import Path

BOUNDS = (1.0, 10.0)


class Exemplary(Series):
    """A worker's series whose instrument keeps exemplars."""

    __slots__ = ("kept",)

    kept: dict[int, Exemplar]

    @property
    def exemplars(self) -> tuple[Exemplar, ...]:
        return tuple(self.kept.values())


class Shop(Worker):
    """A process with one counter and one histogram that keep exemplars."""

    def __init__(self, instance: int = 0) -> None:
        super().__init__(10.0, instance=str(instance))
        self.orders = self.exemplary("shop.orders", 0, "counter")
        self.wait = self.exemplary("shop.wait", HistogramValue(0, 0.0, [(b, 0) for b in BOUNDS]))

    def exemplary(
        self, name: str, value: Any, kind: str = "histogram", **labels: str
    ) -> Exemplary:
        series = Exemplary(name, labels, kind)
        series.kept = {}
        self.values[series] = value
        return series

    def count(self, value: float, time: float) -> None:
        """Count, and observe, with an exemplar that its time names."""
        before, bucket = self.values[self.wait], sum(value > bound for bound in BOUNDS)
        counts = [n + (value <= bound) for bound, n in zip(BOUNDS, before.counts, strict=True)]
        buckets = list(zip(BOUNDS, counts, strict=True))
        self.values[self.wait] = HistogramValue(before.count + 1, before.sum + value, buckets)
        self.values[self.orders] += 1
        self.orders.kept[0] = Exemplar(value, {"trace_id": f"t{time}"}, time)
        self.wait.kept[bucket] = Exemplar(value, {"trace_id": f"t{time}"}, time)


def found(relay: Relay) -> dict[str, list[tuple[float, str]]]:
    """Return the exemplars of all merged series that have some: values and traces."""
    blocks = relay.members.collect(relay.members.reader())
    return {
        series.name: [(each.value, each.labels["trace_id"]) for each in kept]
        for block in blocks
        for series in block.series
        if (kept := series.exemplars)
    }


@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.sampled_from([0.5, 1.0, 5.0, 50.0]) | st.just(None)),
        max_size=12,
    )
)
def test_the_newest_of_each_bucket_stands(steps: list[tuple[int, float | None]]) -> None:
    """Whatever order processes count and report in; what has not been reported is not there."""
    shops, relay = (Shop(0), Shop(1)), Relay(20.0)
    kept: list[dict[str, dict[int, tuple[float, int, str]]]] = [{}, {}, {}]
    *mine, all_of = kept
    for time, (which, value) in enumerate(steps):
        if value is not None:
            shops[which].count(value, float(time))
            bucket = sum(value > bound for bound in BOUNDS)
            for name, place in (("shop.orders", 0), ("shop.wait", bucket)):
                mine[which].setdefault(name, {})[place] = (value, time, f"t{float(time)}")
            continue
        relay.report(shops[which], 30.0 + time)
        for name, places in mine[which].items():
            for place, each in places.items():
                before = all_of.setdefault(name, {}).get(place)
                all_of[name][place] = each if before is None or before[1] < each[1] else before
    assert found(relay) == {
        name: sorted((value, trace) for value, _, trace in places.values())
        for name, places in all_of.items()
    }


def test_each_is_told_once_and_all_of_them_to_another_relay() -> None:
    """A report without news is as short as one without exemplars."""
    shop, new = Shop(), NewExemplars()

    def report() -> list[Any]:
        ((block, part),) = Slices().of(shop.pull(30.0).blocks)
        ((_, body),) = FrameReader().feed(part.values(block, 0, new)[0])
        new.end()
        return [(each.place, each.value) for each in decode_body(Kind.VALUES, body).exemplars]

    shop.count(5.0, 1.0)
    assert report() == [(0, 5.0), (1, 5.0)]
    assert report() == []
    shop.count(0.5, 2.0)
    assert report() == [(0, 0.5), (1, 0.5)]
    new.forget()
    assert report() == [(0, 0.5), (1, 5.0), (1, 0.5)]


def test_those_without_room_are_told_later() -> None:
    """A message stays within its bound, whatever its series carry."""
    shop, relay = Shop(), Relay(20.0)
    for number in range(4_000):
        series = shop.exemplary("shop.sold", 1, "counter", route=str(number))
        labels = {"trace_id": "\U0001f600" * 112, "n": str(number)}
        series.kept = {0: Exemplar(1.0, labels, 1.0)}
    ((block, part),) = Slices().of(shop.pull(30.0).blocks)
    new = NewExemplars()
    body = part.values(block, 0, new)[0]
    told_first = len(decode_body(Kind.VALUES, body[5:]).exemplars)
    assert MAX_BODY / 4 < len(body) <= MAX_BODY
    assert 500 < told_first < 4_000
    for time in range(8):
        relay.report(shop, 30.0 + time)
    assert (
        sum(
            bool(series.exemplars)
            for block in relay.members.collect(relay.members.reader())
            for series in block.series
        )
        == len(shop.values) - 2
    )


def test_who_asks_for_totals_is_told_of_exemplars() -> None:
    """As a page that is mounted in a worker does."""
    shop, relay = Shop(), Relay(20.0)
    relay.report(shop, 25.0)
    shop.count(5.0, 1.0)
    shop.count(0.5, 2.0)
    relay.report(shop, 30.0)
    reader = relay.members.reader()
    snapshot = shop.pull(31.0)
    snapshot = type(snapshot)(relay.members.collect(reader), 31.0, 20.0, snapshot.identity)
    blocks = read(FrameReader().feed(b"".join(told(snapshot))), 32.0)
    have = {s.name: s.exemplars for block in blocks for s in block.series if s.exemplars}
    values = {name: [each.value for each in kept] for name, kept in have.items()}
    assert values == {"shop.orders": [0.5], "shop.wait": [0.5, 5.0]}


HOSTILE = {
    "no such series": (7, 1.0, (("trace_id", "a"),), 1.0),
    "too many characters": (0, 1.0, (("trace_id", "a" * 121),), 1.0),
    "no name": (0, 1.0, (("Trace-Id", "a"),), 1.0),
    "not finite": (0, float("inf"), (("trace_id", "a"),), 1.0),
    "a time that is none": (0, 1.0, (("trace_id", "a"),), float("nan")),
    "not labels": (0, 1.0, "trace", 1.0),
}


@pytest.mark.parametrize("told_so", HOSTILE.values(), ids=HOSTILE)
def test_what_no_exemplar_is_costs_its_process_the_connection(told_so: tuple[Any, ...]) -> None:
    """As any other message that makes no sense; what was counted stands."""
    shop, relay = Shop(), Relay(20.0)
    shop.values[shop.orders] = 3
    relay.report(shop, 30.0)
    session, _ = relay.sessions[shop]
    ((block, part),) = shop.slices.of(shop.pull(31.0).blocks)
    ((_, body),) = FrameReader().feed(part.values(block, 0, NewExemplars())[0])
    values = decode_body(Kind.VALUES, body)
    message = frame(Kind.VALUES, (0, values.values, values.shapes, (told_so,)))
    ((kind, body),) = FrameReader().feed(message)
    with pytest.raises(BadMessage):
        session.receive(kind, body)
    assert found(relay) == {}


def test_what_keeps_none_gets_none() -> None:
    """A gauge, and a counter that an older process has declared."""
    worker, relay = Worker(10.0), Relay(20.0)
    worker.add("shop.level", 1, "gauge")
    worker.add("shop.orders", 2)
    relay.report(worker, 30.0)
    session, _ = relay.sessions[worker]
    exemplars = tuple((place, 1.0, (("trace_id", "a"),), 1.0) for place in (0, 1))
    ((kind, body),) = FrameReader().feed(frame(Kind.VALUES, (0, [1, 2], (), exemplars)))
    session.receive(kind, body)
    assert found(relay) == {}


def test_a_new_life_of_a_series_begins_without() -> None:
    """What was before a reset is not of what comes after it."""
    series = ExemplarSeries("shop.orders", {}, "counter")
    series._kept = {}
    series.keep(Exemplar(1.0, {"trace_id": "a"}, 1.0), ())
    assert series.restarted(2.0).exemplars == ()
    assert len(series.exemplars) == 1


APP = """
import sys
import sampler
group = sampler.Instruments("shop")
orders = group.counter("orders", exemplars=True)
wait = group.histogram("wait", unit="s", buckets=(1, 10), exemplars=True)
name, value = sys.argv[1:]
sampler.agent.start({"samplers": {"enable": ["shop"]}, "adapters": {"relay": {}}})
orders.inc(exemplar=name)
wait.observe(float(value), exemplar=name)
"""


def test_the_page_of_a_relay_has_them(tmp_path: Path) -> None:
    """Of processes that have ended, too; prometheus_client's parser reads them."""
    address, port = f"@{os.urandom(8).hex()}", free_port()
    (tmp_path / "relay.toml").write_text(
        f"[relay]\nsocket = '{address}'\n[adapters.prometheus]\nlisten = '127.0.0.1:{port}'\n"
    )

    def page() -> dict[tuple[str, str], str] | None:
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/metrics",
            headers={"Accept": "application/openmetrics-text; version=1.0.0"},
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                text = answer.read().decode()
        except OSError:
            return None
        return {
            (sample.name, sample.labels.get("le", "")): sample.exemplar.labels["trace_id"]
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.exemplar is not None
        }

    with running("relay", "-c", "relay.toml", cwd=tmp_path):
        wait_for(lambda: page() == {}, what="the page")
        for name, value in (("first", "0.5"), ("second", "5"), ("third", "5")):
            subprocess.run(
                [sys.executable, "-c", APP, name, value],
                env=environment(SAMPLER_RELAY=address, PYTHONPATH=str(ROOT)),
                check=True,
                timeout=60,
            )
        newest = {
            ("shop_orders_total", ""): "third",
            ("shop_wait_seconds_bucket", "1.0"): "first",
            ("shop_wait_seconds_bucket", "10.0"): "third",
        }
        wait_for(lambda: page() == newest, what="the exemplars")
