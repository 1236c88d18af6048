"""What docs/instruments.md says of other clients: each changed line gives the same numbers."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import prometheus_client as peer
import pytest
from prometheus_client.parser import text_string_to_metric_families
from statsd.client.base import StatsClientBase

from sampler import Collector, Instruments, Registry
from sampler_prometheus._text import TEXT, TextRenderer
from sampler_statsd import StatsD

PAGE = Path(__file__).parents[2].joinpath("docs/instruments.md").read_text()


def changes(section):
    text = PAGE.partition(f"## From `{section}`")[2].partition("\n## ")[0]
    return re.findall(r"^\| `(.+?)` \| `(.+?)` \|$", text, re.MULTILINE)


def uses_counter(c):
    c.inc()
    c.inc(1.6)
    with c.count_exceptions():
        pass
    with pytest.raises(ValueError, match="counted"), c.count_exceptions(ValueError):
        raise ValueError("counted")

    @c.count_exceptions(KeyError)
    def find():
        return {}["nothing"]

    with pytest.raises(KeyError):
        find()


def uses_gauge(g):
    g.inc()
    g.dec(10)
    g.set(4.2)

    @g.track_inprogress()
    def work():
        return g

    assert work() is g
    with g.track_inprogress():
        pass
    waiting = [1, 2, 3]
    g.set_function(lambda: len(waiting))


def uses_histogram(h):
    h.observe(4.7)
    h.observe(0.05)


USES = {"counter": uses_counter, "gauge": uses_gauge, "histogram": uses_histogram}


def samples(page):
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def without_buckets(found):
    return {key: value for key, value in found.items() if not key[0].endswith("_bucket")}


@pytest.mark.parametrize(("before", "after"), changes("prometheus_client"))
def test_an_instrument_of_prometheus_client_is_replaced_in_one_line(before, after):
    """What counts is the same code, and the page says the same."""
    theirs, ours = peer.CollectorRegistry(), Registry()
    names = {
        name: partial(getattr(peer, name), registry=theirs)
        for name in ("Counter", "Gauge", "Histogram", "Summary")
    }
    use = USES[re.match(r"shop\.(\w+)", after).group(1)]
    for made in (
        eval(before, names),
        eval(after, {"shop": Instruments("shop", ours)}),
    ):
        if "[" in (head := before.partition("buckets")[0]):
            labels = re.findall(r'"(\w+)"', head.partition("[")[2])
            use(made.labels(*["first"] * len(labels)))
            use(made.labels(**dict.fromkeys(labels, "second")))
        else:
            use(made)
    with Collector(ours) as consumer:
        page = TextRenderer().render(consumer.collect(), TEXT).body.decode()
    wanted, found = samples(peer.generate_latest(theirs).decode()), samples(page)
    if "buckets" not in before:  # a Summary has none, and a Histogram others
        wanted, found = without_buckets(wanted), without_buckets(found)
    assert found == pytest.approx(wanted)


class Client(StatsClientBase):
    """The ``statsd`` package's client, and what it would send."""

    _prefix = "shop"

    def __init__(self):
        self.lines = []

    def _send(self, data=""):
        self.lines.append(data)


def daemon(lines):
    """Read as a daemon does: totals, states, and for times how many and their sum in seconds."""
    found = {}
    for line in lines:
        name, number, kind = re.fullmatch(r"([^:]+):([^|]+)\|(\w+)", line).groups()
        if kind == "ms":
            count, total = found.get(f"{name}.count", 0), found.get(f"{name}.sum", 0)
            found[f"{name}.count"], found[f"{name}.sum"] = count + 1, total + float(number) / 1000
        elif kind == "c" or number[0] in "+-":
            found[name] = found.get(name, 0) + float(number)
        else:
            found[name] = float(number)
    return found


@pytest.mark.parametrize(("before", "after"), changes("statsd"))
def test_a_call_of_statsd_is_replaced_in_one_line(before, after):
    """The daemon ends up with the same."""
    client, registry, calls = Client(), Registry(), []
    shop, work = Instruments("shop", registry), lambda: calls.append(1)
    exec(before, {"c": client, "work": work})
    exec(after, {"shop": shop, "work": work})
    with Collector(registry) as consumer:
        batches = StatsD(prefix="").encode(consumer.collect(), {})
        sent = [frame.decode() for batch in batches for frame in batch.frames]
    wanted, found = daemon(client.lines), daemon("\n".join(sent).split("\n"))
    timed = "timer" in before
    assert found == pytest.approx(wanted, abs=0.5 if timed else 1e-12)
    assert len(calls) == (2 if timed else 0)
