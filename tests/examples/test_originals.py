"""Each example of two other clients' READMEs, with the changes that docs/instruments.md names.

``prometheus_client`` has them on its documentation's site, since its README has become short. Here
they are written anew: the same calls, in other words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import prometheus_client
import pytest
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

import sampler
from sampler.testing import isolated
from sampler_prometheus._text import OPENMETRICS, TextRenderer
from sampler_statsd import StatsD
from tests.examples.originals import COUNTER, GAUGE, HITS, OURS, REQUESTS, WAIT, changed
from tests.examples.test_migration import PAGE, Client, daemon, without_buckets

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def registry() -> Iterator[sampler.Registry]:
    """Nothing is published for long, and no agent is left behind."""
    with isolated() as registry:
        yield registry
        sampler.agent.stop(0.0)


def samples(page: str) -> tuple[dict[tuple[Any, ...], float], dict[str, dict[str, str]]]:
    """Return the samples of an OpenMetrics page, and the labels of their exemplars."""
    found, exemplars = {}, {}
    for family in text_string_to_metric_families(page):
        for each in family.samples:
            if not each.name.endswith("_created"):
                found[each.name, *sorted(each.labels.items())] = each.value
            if each.exemplar is not None:
                exemplars[f"{each.name} {each.exemplar.value}"] = each.exemplar.labels
    return found, exemplars


def run_theirs(text: str) -> str:
    """Run an example as it is; return the page of what it has made."""
    default = prometheus_client.REGISTRY
    before = set(default._collector_to_names)
    exec(text, {})
    alone = prometheus_client.CollectorRegistry()
    for each in set(default._collector_to_names) - before:
        default.unregister(each)
        alone.register(each)
    return generate_latest(alone).decode()


TIMED = """
{name}.observe(4.7)

@{name}.time()
def work():
    pass

work()
with {name}.time():
    pass
"""
INFO = 'i = Info("shop_build", "What runs.")'
TEXTS = '{"version": "1.2.3", "builder": "ada@web1"}'
DOOR = 'Enum("shop_door", "The door.", states=["open", "shut", "stuck"])'
EXAMPLES = {
    "counter": (
        f"""
from prometheus_client import Counter
orders = {COUNTER}
orders.inc()
orders.inc(1.6)
""",
        (COUNTER, OURS[COUNTER]),
    ),
    "exceptions": (
        f"""
from prometheus_client import Counter
failures = {COUNTER}

@failures.count_exceptions()
def fine():
    pass

fine()
with failures.count_exceptions():
    pass
try:
    with failures.count_exceptions(ValueError):
        int("x")
except ValueError:
    pass
""",
        (COUNTER, OURS[COUNTER]),
    ),
    "gauge": (
        f"""
from prometheus_client import Gauge
depth = {GAUGE}
depth.inc()
depth.dec(10)
depth.set(4.2)
""",
        (GAUGE, OURS[GAUGE]),
    ),
    "gauge, in progress": (
        f"""
from prometheus_client import Gauge
depth = {GAUGE}
depth.set_to_current_time()

@depth.track_inprogress()
def work():
    pass

work()
with depth.track_inprogress():
    pass
""",
        (GAUGE, OURS[GAUGE]),
    ),
    "gauge, by a function": (
        f"""
from prometheus_client import Gauge
depth = {GAUGE}
jobs = {{"a": 1, "b": 2}}
depth.set_function(lambda: len(jobs))
""",
        (GAUGE, OURS[GAUGE]),
    ),
    "summary": (
        f"from prometheus_client import Summary\ns = Summary{WAIT}" + TIMED.format(name="s"),
        (f"Summary{WAIT}", OURS[f"Summary{WAIT}"]),
    ),
    "histogram": (
        f"from prometheus_client import Histogram\nh = Histogram{WAIT}" + TIMED.format(name="h"),
        (f"Histogram{WAIT}", OURS[f"Histogram{WAIT}"]),
    ),
    "info": (
        f"from prometheus_client import Info\n{INFO}\ni.info({TEXTS})\n",
        (INFO, ""),
        (f"i.info({TEXTS})", f'shop.info("build_info", {TEXTS}, help="What runs.")'),
    ),
    "enum": (
        f'from prometheus_client import Enum\ne = {DOOR}\ne.state("shut")\n',
        (
            DOOR,
            'shop.states("door", ["open", "shut", "stuck"], label="shop_door", help="The door.")',
        ),
        ('e.state("shut")', 'e.enter("shut")'),
    ),
    "labels by position": (
        f"""
from prometheus_client import Counter
requests = {REQUESTS}
requests.labels("get", "/").inc()
requests.labels("post", "/orders").inc()
""",
        (REQUESTS, OURS[REQUESTS]),
    ),
    "labels by name": (
        f"""
from prometheus_client import Counter
requests = {REQUESTS}
requests.labels(method="get", path="/").inc()
requests.labels(method="post", path="/orders").inc()
""",
        (REQUESTS, OURS[REQUESTS]),
    ),
    "labels beforehand": (
        f"""
from prometheus_client import Counter
requests = {REQUESTS}
requests.labels("get", "/")
requests.labels("post", "/orders")
""",
        (REQUESTS, OURS[REQUESTS]),
    ),
    "exemplars of a counter": (
        f"""
from prometheus_client import Counter
hits = {HITS}
hits.labels("get", "/").inc(exemplar={{"trace_id": "a1"}})
hits.labels("post", "/orders").inc(2.0, {{"trace_id": "b2"}})
""",
        (HITS, OURS[HITS]),
    ),
    "exemplars of a histogram": (
        f"""
from prometheus_client import Histogram
wait = Histogram{WAIT}
wait.observe(4.7, {{"trace_id": "c3"}})
""",
        (
            f"Histogram{WAIT}",
            'shop.histogram("wait", unit="s", help="Wait.", exemplars=True)',
        ),
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_of_prometheus_client_gives_the_same_page(name, registry) -> None:
    """What counts is the same code; what a page says is the same, exemplars included."""
    text, *changes = EXAMPLES[name]
    wanted, examples = samples(run_theirs(text))
    exec(changed(text, *changes), {})
    with sampler.Collector(registry) as consumer:
        page = TextRenderer().render(consumer.collect(), OPENMETRICS).body.decode()
    found, exemplars = samples(page)
    assert without_buckets(found) == pytest.approx(without_buckets(wanted), abs=0.1)
    assert exemplars == examples
    assert bool(examples) == ("exemplars" in name)


CLIENT = 'c = statsd.StatsClient("localhost", 8125)'
PREFIXED = 'c = statsd.StatsClient("localhost", 8125, prefix="shop")'
GROUP = 'shop = sampler.Instruments("shop")'
ORDERS = ('c.incr("orders")', 'shop.counter("orders").inc()')
TIMING = ('c.timing("wait", 320)', 'shop.histogram("wait", unit="s").observe(0.320)')


@pytest.mark.parametrize(
    ("client", "prefix", "lines"),
    [(CLIENT, "", [ORDERS, TIMING]), (PREFIXED, "shop", [ORDERS])],
    ids=["usage", "with a prefix"],
)
def test_an_example_of_statsd_gives_the_daemon_the_same(client, prefix, lines, registry) -> None:
    """But for the group, which a client without a prefix does not have before its names."""
    assert f"`{client}`" in PAGE
    assert f"`{GROUP}`" in PAGE
    theirs = Client()
    theirs._prefix = prefix
    exec("\n".join(before for before, _ in lines), {"c": theirs})
    text = "\n".join([client, *(before for before, _ in lines)]).replace(client, GROUP)
    exec(f"import sampler\n{changed(text, *lines)}", {})
    with sampler.Collector(registry) as consumer:
        batches = StatsD(prefix="").encode(consumer.collect(), {})
        sent = [frame.decode() for batch in batches for frame in batch.frames]
    wanted = daemon(theirs.lines)
    if not prefix:
        wanted = {f"shop.{name}": value for name, value in wanted.items()}
    assert daemon("\n".join(sent).split("\n")) == pytest.approx(wanted)
