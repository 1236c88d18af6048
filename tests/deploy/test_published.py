"""What we publish is what Prometheus' own tools take, by the name and the help of each metric."""

from __future__ import annotations

import re
import subprocess

import pytest

from sampler.agent import HistogramValue, Series
from sampler.agent.self_metrics import METRICS as OWN
from sampler.cli.job import METRICS as JOB
from sampler.relay.account import RELAY, RELAY_METRICS, SERVER, SERVER_METRICS
from sampler.samplers import asyncio, cpython, listener, logging, memory, process, system
from sampler.samplers.servers import (
    apache,
    granian,
    gunicorn,
    gunicorn_arbiter,
    hypercorn,
    mod_wsgi,
    nginx,
    pgbouncer,
    uvicorn,
    uwsgi,
)
from sampler.web._metrics import METRICS as WEB
from sampler.web._metrics import NAME as WEB_NAME
from sampler_prometheus import Pushgateway, Textfile
from sampler_prometheus._negotiate import TEXT
from sampler_prometheus._text import TextRenderer
from tests.adapters.shapes import snapshot
from tests.deploy.tools import DEPLOY, program

BUILT_IN = (asyncio, cpython, listener, logging, memory, process, system)
SERVERS = (apache, granian, gunicorn, gunicorn_arbiter, hypercorn, mod_wsgi, nginx)
MORE_SERVERS = (pgbouncer, uvicorn, uwsgi)
PUBLISHED = {
    **{each.SAMPLER["name"]: each.SAMPLER["metrics"] for each in BUILT_IN},
    **{each.SAMPLER["name"]: each.SAMPLER["metrics"] for each in (*SERVERS, *MORE_SERVERS)},
    WEB_NAME: WEB,
    SERVER: SERVER_METRICS,
    RELAY: RELAY_METRICS,
    "sampler": OWN,
    "job": JOB,
}


def _entry(name, metric):
    value = HistogramValue(1, 1.0, ((1.0, 1),)) if metric["kind"] == "histogram" else 1
    labels = dict.fromkeys(sorted(metric.get("labels", ())), "x")
    series = Series(name, labels, metric["kind"], metric.get("unit", ""), metric.get("help", ""))
    return series, value


def _page():
    entries = [
        _entry(f"{sampler}.{name}", metric)
        for sampler, metrics in PUBLISHED.items()
        for name, metric in metrics.items()
    ]
    assert len(entries) > 150
    return TextRenderer().render(snapshot(*entries), TEXT)


def test_promtool_has_no_objection_to_what_we_publish(request) -> None:
    """Built-in samplers, those of servers, the middleware, the relay and the agent's account."""
    promtool = program(request, "promtool")
    page = _page()
    assert page.refused == {}
    done = subprocess.run(
        [promtool, "check", "metrics"], input=page.body, capture_output=True, timeout=60
    )
    assert (done.returncode, done.stdout.decode(), done.stderr.decode()) == (0, "", "")


@pytest.mark.parametrize(
    "adapter", [Pushgateway(gzip=False), Textfile()], ids=["pushgateway", "textfile"]
)
def test_what_is_pushed_or_written_has_the_same_names(adapter) -> None:
    """As a page: a gauge's ``_count`` is ``_current``."""
    shot = snapshot(_entry("process.thread.count", {"kind": "gauge", "unit": "{thread}"}))
    text = repr([batch.frames for batch in adapter.encode(shot, {})])
    assert "process_thread_current" in text
    assert "process_thread_count" not in text


def test_dashboards_and_rules_ask_for_what_we_publish() -> None:
    """By its name on a page; what is recorded has a colon in its name."""
    lines = _page().body.decode().splitlines()
    known = {re.match(r"\w+", line)[0] for line in lines if not line.startswith("#")}
    asked = set()
    for file in (DEPLOY / "grafana/prometheus").glob("*.json"):
        asked |= set(re.findall(r"\b([a-z]\w+)\{job=~", file.read_text()))
    beginnings = "|".join(sorted({name.partition("_")[0] for name in known}))
    for file in ("sampler.rules.yml", "sampler.rules.test.yml"):
        text = re.sub(r'"[^"]*"|\{[^}]*\}', "", (DEPLOY / "prometheus" / file).read_text())
        asked |= set(re.findall(rf"(?<![:\w.])((?:{beginnings})_\w+)", text))
    assert len(asked) > 60
    assert asked - known == set()
