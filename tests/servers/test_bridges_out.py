"""One configuration with many backends: what a program counts arrives at all of them."""

from __future__ import annotations

import json
import tomllib

import pytest

pytest.importorskip("cramjam")
pytest.importorskip("grpc")
pytest.importorskip("opentelemetry.proto")

from sampler import Instruments, Registry
from sampler.agent import Agent
from sampler.agent.config.reading import parse
from tests.adapters.otlp_rows import rows
from tests.support.command import sampler
from tests.support.doubles import DatagramSink
from tests.support.influxdb import DATABASE
from tests.support.otlp_receiver import Receiver
from tests.support.servers import InfluxDB, NewPrometheus, VictoriaMetrics
from tests.support.waiting import wait_for

TOML = """
service = "shop"
[samplers]
enable = ["process", "shop"]
[adapters.remote_write]
url = "{prometheus}/api/v1/write"
protocol = "2.0"
labels = {{ job = "{{service}}", instance = "{{host}}", zone = "eu" }}
[adapters.otlp]
url = "{victoria}/opentelemetry/v1/metrics"
resource = {{ "service.name" = "{{service}}", "deployment.environment" = "test" }}
[adapters.otlp_grpc]
url = "{grpc}"
[adapters.influx]
url = "{influx}"
database = "{database}"
[adapters.dogstatsd]
port = {datagrams}
tags = {{ env = "test" }}
[adapters.jsonlines]
path = "{folder}/samples.jsonl"
[adapters.emf]
path = "{folder}/metrics.log"
"""


def test_each_backend_has_what_the_program_counted(launch, tmp_path):
    """As an operator writes it; `check` finds all of them there, and the account is complete."""
    prometheus = launch(NewPrometheus, options=["--web.enable-remote-write-receiver"])
    victoria, influx = launch(VictoriaMetrics), launch(InfluxDB)
    with Receiver() as receiver, DatagramSink() as datagrams:
        text = TOML.format(
            prometheus=prometheus.url,
            victoria=victoria.url,
            grpc=receiver.url,
            influx=influx.url,
            database=DATABASE,
            datagrams=datagrams.port,
            folder=tmp_path,
        )
        file = tmp_path / "sampler.toml"
        file.write_text(text)
        checked = sampler("check", "-c", str(file))
        assert checked.returncode == 0, checked.stderr
        registry = Registry()
        shop = Instruments("shop", registry)
        orders = shop.counter("orders", labels=("route",))
        shop.gauge("depth").set(3)
        settings = parse(tomllib.loads(text))
        agent = Agent(settings, registry)
        orders.labels("buy").inc(7)
        agent.once(20.0)
        for name, balance in agent.balances().items():
            assert balance.holds, name
            assert balance.collected == balance.delivered + balance.unconfirmed, name
        wait_for(lambda: b"shop.depth:3|g|#env:test" in datagrams.lines)
    (found,) = prometheus.query("shop_orders_total")
    assert found["value"][1] == "7"
    assert found["metric"]["zone"] == "eu"
    wait_for(lambda: victoria.exported('{__name__="shop.orders"}'))
    (row,) = victoria.exported('{__name__="shop.orders"}')
    assert (row["values"], row["metric"]["deployment.environment"]) == ([7], "test")
    exported = [row for request in receiver.requests for row in rows(request)]
    assert [row[4].as_int for row in exported if row[1].name == "shop.orders"] == [7]
    (point,) = influx.points('"shop.orders"')
    assert point["fields"]["value"] == 7
    lines = (tmp_path / "samples.jsonl").read_text().splitlines()
    assert [o["value"] for o in map(json.loads, lines) if o["name"] == "shop.orders"] == [7]
    documents = map(json.loads, (tmp_path / "metrics.log").read_text().splitlines())
    assert 3 in [document.get("shop.depth") for document in documents]
