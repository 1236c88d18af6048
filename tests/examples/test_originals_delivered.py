"""What delivers, in the examples of ``prometheus_client``: the same with the page's changes."""

from __future__ import annotations

import asyncio
import re
import time
import urllib.request
from typing import TYPE_CHECKING, Any
from wsgiref.util import setup_testing_defaults

import pytest

import sampler
from sampler.testing import isolated
from tests.examples.originals import COUNTER, OURS, WAIT, changed
from tests.examples.test_migration import PAGE
from tests.support.doubles import LineSink
from tests.support.ports import free_port
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.pushgateway import Pushgateway as Gateway


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """Nothing is published for long, and no agent is left behind."""
    with isolated():
        yield
        sampler.agent.stop(0.0)


DEMO = """
from prometheus_client import start_http_server, Summary
import random
import time

WAIT = Summary("shop_wait_seconds", "Wait.")

@WAIT.time()
def work(seconds):
    '''Take some time.'''
    time.sleep(seconds)

if __name__ == "__main__":
    start_http_server(8000)
    while True:
        work(random.random())
"""
LISTENS = 'sampler.agent.start({"adapters": {"prometheus": {"listen": "127.0.0.1:8000"}}})'


def test_the_three_step_demo_serves_its_page(monkeypatch) -> None:
    """The instrument's line, and the server's; the decorated function stays as it is."""
    port, calls = free_port(), []

    def sleep(seconds: float) -> None:
        calls.append(seconds)
        if len(calls) == 3:
            raise SystemExit

    text = changed(
        DEMO,
        (f"Summary{WAIT}", OURS[f"Summary{WAIT}"]),
        ("start_http_server(8000)", LISTENS),
    )
    space = {"__name__": "__main__", "time": time}
    with monkeypatch.context() as patched, pytest.raises(SystemExit):
        patched.setattr(time, "sleep", sleep)
        exec(text.replace("8000", str(port)), space)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        page = answer.read().decode()
    assert "\nshop_wait_seconds_count 3\n" in page
    assert "\nprocess_cpu_time_seconds_total" in page
    assert space["work"].__doc__ == "Take some time."


def test_a_page_in_a_wsgi_application() -> None:
    """Called as its server would."""
    text = f"""
from prometheus_client import Counter, make_wsgi_app
orders = {COUNTER}
orders.inc()
app = make_wsgi_app()
"""
    space: dict[str, Any] = {}
    page = ("make_wsgi_app()", "sampler_prometheus.WSGIApp()")
    exec(changed(text, (COUNTER, OURS[COUNTER]), page), space)
    about: dict[str, Any] = {}
    setup_testing_defaults(about)
    assert b"\nshop_orders_total 1\n" in b"".join(space["app"](about, lambda *_: None))
    space["app"].close()


def test_a_page_mounted_in_fastapi() -> None:
    """At the path that the example mounts it at."""
    pytest.importorskip("fastapi")
    text = f"""
from fastapi import FastAPI
from prometheus_client import Counter, make_asgi_app
orders = {COUNTER}
orders.inc()
app = FastAPI(debug=False)
metrics_app = make_asgi_app()
app.mount("/metrics", metrics_app)
"""
    space: dict[str, Any] = {}
    page = ("make_asgi_app()", "sampler_prometheus.ASGIApp()")
    exec(changed(text, (COUNTER, OURS[COUNTER]), page), space)
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    where = {"path": "/metrics/", "raw_path": b"/metrics/", "root_path": "", "query_string": b""}
    scope = {"type": "http", "method": "GET", "headers": [], **where}
    asyncio.run(space["app"](scope, receive, send))
    assert b"\nshop_orders_total 1\n" in b"".join(each.get("body", b"") for each in sent)
    space["metrics_app"].close()


DONE = 'Gauge("shop_done", "Last success.", registry=registry)'
JOB = """
from prometheus_client import CollectorRegistry, Gauge, {word}
registry = CollectorRegistry()
done = {done}
done.set(1)
{line}
"""
ALONE = (
    ("registry = CollectorRegistry()", "registry = sampler.Registry()"),
    (DONE, 'sampler.Instruments("shop", registry).gauge("done", help="Last success.")'),
)


def test_a_file_for_node_exporter(tmp_path: Path) -> None:
    """Written at once, with what the registry has."""
    line = 'write_to_textfile("/srv/shop.prom", registry)'
    ours = 'sampler.agent.push({"adapters": {"textfile": {"path": "/srv/shop.prom"}}}, registry)'
    text = JOB.format(word="write_to_textfile", done=DONE, line=line)
    exec(changed(text, *ALONE, (line, ours)).replace("/srv", str(tmp_path)), {})
    written = (tmp_path / "shop.prom").read_text("utf-8")
    assert re.search(r'^shop_done\{service="[^"]+"\} 1$', written, re.MULTILINE)


def test_a_push_to_a_gateway(pushgateway: Gateway) -> None:
    """As a batch job does, under its name."""
    line = 'push_to_gateway("127.0.0.1:9091", job="batch", registry=registry)'
    ours = (
        'sampler.agent.push({"service": "batch", "adapters": {"pushgateway": '
        '{"url": "http://127.0.0.1:9091", "job": True}}}, registry)'
    )
    text = JOB.format(word="push_to_gateway", done=DONE, line=line)
    exec(changed(text, *ALONE, (line, ours)).replace("9091", str(pushgateway.port)), {})
    found = {key: value for key, value in pushgateway.samples().items() if key[0] == "shop_done"}
    assert found == {("shop_done", (("instance", ""), ("job", "batch"))): 1}


@pytest.mark.parametrize(
    ("line", "ours"),
    [
        ("gb.push()", 'sampler.agent.push({"adapters": {"graphite": {"port": 2003}}})'),
        (
            "gb.start(10.0)",
            'sampler.agent.start({"interval": 10, "adapters": {"graphite": {"port": 2003}}})',
        ),
    ],
)
def test_a_bridge_to_graphite(line, ours) -> None:
    """Once, or at intervals."""
    bridge = 'gb = GraphiteBridge(("127.0.0.1", 2003))'
    text = f"""
from prometheus_client import Counter
orders = {COUNTER}
orders.inc(3)
{bridge}
{line}
"""
    with LineSink() as sink:
        text = changed(text, (COUNTER, OURS[COUNTER]), (bridge, ""), (line, ours))
        exec(text.replace("2003", str(sink.port)), {})
        wait_for(lambda: any(b".shop.orders 3 " in each for each in sink.lines))


COLLECTOR = """
class CustomCollector:
    def collect(self):
        yield "depth", 7
        yield "orders", 1.7, {"route": "buy"}
        yield "orders", 3.8, {"route": "sell"}

"""


def test_a_custom_collector_is_a_sampler() -> None:
    """What it yields is plain; it is registered in one line."""
    line = 'sampler.register({"name": "shop", "sample": CustomCollector().collect})'
    for each in ('"depth", 7', '"orders", 1.7, {"route": "buy"}', line):
        assert f"`{each}`" in PAGE
    exec(f"import sampler\n{COLLECTOR}\n{line}", {})
    with sampler.Collector() as consumer:
        found = {str(series): value for series, value in consumer.collect()}
    assert found == {
        "shop.depth": 7,
        'shop.orders{route="buy"}': 1.7,
        'shop.orders{route="sell"}': 3.8,
    }
