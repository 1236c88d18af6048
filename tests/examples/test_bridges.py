"""One program with three libraries, and a script: every series at every destination."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

pytest.importorskip("cramjam")
pytest.importorskip("grpc")
pytest.importorskip("newrelic")
pytest.importorskip("opentelemetry.proto")
pytest.importorskip("statsd")
pytest.importorskip("opentelemetry.sdk.metrics")

from opentelemetry.sdk.metrics import MeterProvider

from tests.examples import bridged
from tests.examples.pages import ROOT, blocks
from tests.support.command import environment
from tests.support.otlp_receiver import Receiver
from tests.support.ports import HOST, free_port
from tests.support.servers import Prometheus, VictoriaMetrics
from tests.support.waiting import wait_for

FOLDER = ROOT / "examples/bridges"
LIMIT = 20.0
INSTANCE = f"t{os.getpid()}"
PREFIX = f"shop.here.{INSTANCE}"


def arrives(read, expected=None):
    """Wait until a destination has every series with its value, and no other.

    Without ``expected``, ``read`` tells what should be there, too.
    """
    last = {}

    def same():
        found, wanted = read() if expected is None else (read(), expected)
        keys = found.keys() | wanted.keys()
        last.clear()
        last.update(
            {k: (wanted.get(k), found.get(k)) for k in keys if wanted.get(k) != found.get(k)}
        )
        return not last

    try:
        wait_for(same, LIMIT)
    except AssertionError:
        pytest.fail(f"expected, found: {last}", pytrace=False)


def configured(folder, listen, **tables):
    """Write the example's configuration, with ports of the test."""
    text = (FOLDER / "sampler.toml").read_text()
    text = text.replace("interval = 10", "interval = 1")
    text = text.replace('"shop"', f'"shop"\nhost = "here"\ninstance = "{INSTANCE}"', 1)
    text = text.replace("127.0.0.1:8126", listen)
    for name, line in tables.items():
        assert text.count(f"[adapters.{name}]\n") == 1
        text = text.replace(f"[adapters.{name}]\n", f"[adapters.{name}]\n{line}\n")
    (folder / "sampler.toml").write_text(text)


@pytest.fixture
def shop(tmp_path):
    """Start the shop in a folder."""
    made = []

    def start():
        with (tmp_path / "log").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "shop.py"],
                cwd=tmp_path / "shop",
                env=environment(),
                stdin=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        made.append(process)
        return process

    shutil.copytree(FOLDER, tmp_path / "shop")
    yield start
    for process in made:
        if process.poll() is None:
            process.kill()
        process.wait(10)
        process.stdin.close()


@pytest.mark.skipif(
    not hasattr(MeterProvider, "add_metric_reader"),
    reason="this SDK takes no reader once a provider is made",
)
@pytest.mark.skipif(shutil.which("bash") is None, reason="the script needs bash")
def test_every_series_is_at_every_destination(launch, carbon, statsd, shop, tmp_path):
    """As it was counted: with prometheus_client, OpenTelemetry, New Relic's source, and StatsD."""
    page, listen = f"{HOST}:{free_port()}", free_port()
    prometheus = launch(Prometheus, [page], options=["--web.enable-remote-write-receiver"])
    victoria = launch(VictoriaMetrics)
    with Receiver() as receiver:
        configured(
            tmp_path / "shop",
            f"{HOST}:{listen}",
            graphite=f"port = {carbon.line_port}",
            statsd=f"port = {statsd.port}",
            prometheus=f'listen = "{page}"',
            remote_write=f'url = "{prometheus.url}/api/v1/write"',
            otlp=f'url = "{victoria.url}/opentelemetry/v1/metrics"',
            otlp_grpc=f'url = "{receiver.url}"',
        )
        process = shop()
        # What is counted before an agent's first pull is no increase, as StatsD needs them.
        wait_for(lambda: receiver.requests, LIMIT, "the first pull")
        for order in bridged.ORDERS:
            print(*order, file=process.stdin, flush=True)
        script = [str(tmp_path / "shop/nightly.sh"), str(bridged.ROWS)]
        subprocess.run(script, env=environment(STATSD_PORT=str(listen)), check=True)
        arrives(lambda: bridged.at_a_receiver(receiver.requests), bridged.at_any_receiver())
        arrives(lambda: bridged.at_graphite(carbon, PREFIX), bridged.dotted(PREFIX))
        for read, gauges in ((statsd.gauges, True), (statsd.counters_total, False)):
            expected = bridged.dotted(PREFIX, gauges=(gauges,))
            arrives(lambda read=read: bridged.at_statsd(read(), PREFIX), expected)
        for job in ("test", "shop"):
            arrives(lambda job=job: bridged.at_prometheus(prometheus, job), bridged.on_a_page())
        arrives(lambda: bridged.at_victoria_metrics(victoria))
        process.stdin.close()
        assert process.wait(30) == 0
    assert (tmp_path / "log").read_text() == "", "everything was taken, and nothing is left"


def test_the_configuration_has_at_most_twenty_lines_and_stands_in_the_docs():
    """As it is in the example."""
    text = (FOLDER / "sampler.toml").read_text()
    assert sum(bool(line.strip()) for line in text.splitlines()) <= 20
    assert ("toml", text) in list(blocks(ROOT / "docs/bridges.md"))
