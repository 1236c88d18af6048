"""What docs/instruments.md says of other clients: each changed line gives the same numbers."""

from __future__ import annotations

import re
import time
from functools import partial
from pathlib import Path

import prometheus_client as peer
import pytest
from prometheus_client.parser import text_string_to_metric_families
from statsd.client.base import StatsClientBase

import sampler_prometheus
from sampler import Collector, Instruments, Registry
from sampler.testing import isolated
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
        if "[" in before.partition("buckets")[0]:
            (label,) = re.search(r'\["(\w+)"\]', before).groups()
            use(made.labels("first"))
            use(made.labels(**{label: "second"}))
        else:
            use(made)
    with Collector(ours) as consumer:
        page = TextRenderer().render(consumer.collect(), TEXT).body.decode()
    wanted, found = samples(peer.generate_latest(theirs).decode()), samples(page)
    if "Summary" in before:  # buckets come on top
        found = {key: value for key, value in found.items() if "_bucket" not in key[0]}
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


PEERS_README = """
from prometheus_client import start_http_server, Summary
import random
import time

# Create a metric to track time spent and requests made.
REQUEST_TIME = Summary('request_processing_seconds', 'Time spent processing request')

# Decorate function with metric.
@REQUEST_TIME.time()
def process_request(t):
    \"\"\"A dummy function that takes some time.\"\"\"
    time.sleep(t)

if __name__ == '__main__':
    # Start up the server to expose the metrics.
    start_http_server(8000)
    # Generate some requests.
    while True:
        process_request(random.random())
"""
"""Of prometheus_client's documentation, "Three Step Demo"."""
STATSDS_README = """
import statsd
c = statsd.StatsClient('localhost', 8125)
c.incr('foo')  # Increment the 'foo' counter.
c.timing('stats.timed', 320)  # Record a 320ms 'stats.timed'.
"""
"""Of statsd's README, "Usage"."""


def replaced(text, *changes):
    """Change whole lines, each of which is there once."""
    for before, after in changes:
        assert text.count(before) == 1
        text = text.replace(before, after)
    return text


def test_the_demo_of_prometheus_client_runs_with_the_changes_of_the_page(monkeypatch):
    """The instrument's line, and the server's; the decorated function stays as it is."""
    said = "'processing', unit='s', help='Time spent processing request'"
    text = replaced(
        PEERS_README,
        ("from prometheus_client import start_http_server, Summary", "import sampler"),
        (
            "Summary('request_processing_seconds', 'Time spent processing request')",
            f"sampler.Instruments('request').histogram({said})",
        ),
        ("start_http_server(8000)", "page = sampler_prometheus.WSGIApp(sampler.registry)"),
    )
    calls = []

    def sleep(seconds):
        calls.append(seconds)
        if len(calls) == 3:
            raise SystemExit

    with isolated():
        space = {"__name__": "__main__", "sampler_prometheus": sampler_prometheus}
        monkeypatch.setattr(time, "sleep", sleep)
        with pytest.raises(SystemExit):
            exec(text, space)
        monkeypatch.undo()
        found = samples(b"".join(space["page"]({"REQUEST_METHOD": "GET"}, print)).decode())
        space["page"].close()
    assert found["request_processing_seconds_count",] == 3
    assert space["process_request"].__doc__ == "A dummy function that takes some time."


def test_the_usage_of_statsd_runs_with_the_changes_of_the_page():
    """What the daemon gets is what the client would have sent, in seconds' histograms."""
    text = replaced(
        STATSDS_README,
        ("import statsd", "import sampler"),
        ("c = statsd.StatsClient('localhost', 8125)", "c = sampler.Instruments('shop')"),
        ("c.incr('foo')", "c.counter('foo').inc()"),
        ("c.timing('stats.timed', 320)", "c.histogram('stats.timed', unit='s').observe(0.320)"),
    )
    client, ours = Client(), {}
    theirs = replaced(
        STATSDS_README, ("import statsd", ""), ("c = statsd.StatsClient('localhost', 8125)", "")
    )
    exec(theirs, {"c": client})
    with isolated() as registry:
        exec(text, ours)
        with Collector(registry) as consumer:
            batches = StatsD(prefix="").encode(consumer.collect(), {})
            sent = [frame.decode() for batch in batches for frame in batch.frames]
    assert daemon("\n".join(sent).split("\n")) == pytest.approx(daemon(client.lines))
