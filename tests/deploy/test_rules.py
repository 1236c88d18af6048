"""Rules are what Prometheus takes, each alert is explained, and fires where it should."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess

import pytest

from tests.deploy.stack import Stack
from tests.deploy.tools import DEPLOY, ROOT, program
from tests.support.servers import Carbon, Prometheus
from tests.support.waiting import wait_for
from tests.wiring.rig import need

FOLDER = DEPLOY / "prometheus"
RULES = FOLDER / "sampler.rules.yml"
ALERTS = re.findall(r"- alert: (\w+)", RULES.read_text())


@pytest.mark.parametrize(
    "words",
    [
        ("check", "rules", "--lint-fatal", "sampler.rules.yml"),
        ("test", "rules", "sampler.rules.test.yml"),
        ("check", "config", "prometheus.yml"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_promtool_finds_nothing_wrong(request, words):
    """Syntax, and each alert by made series: one that it fires for, one that it does not."""
    promtool = program(request, "promtool")
    done = subprocess.run(
        [promtool, *words], cwd=FOLDER, capture_output=True, text=True, timeout=110
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_tested_both_ways():
    """A rule that is added without its tests is found here."""
    tests = (FOLDER / "sampler.rules.test.yml").read_text()
    assert len(ALERTS) == len(set(ALERTS)) > 15
    for alert in ALERTS:
        assert f"- name: {alert} fires\n" in tests
        assert f"- name: {alert} is quiet\n" in tests


def test_every_alert_links_to_what_to_do_about_it():
    """A section of docs/alerts.md of its own, and there are no others."""
    page = (ROOT / "docs/alerts.md").read_text()
    sections = re.findall(r"^### (\w+)$", page, re.MULTILINE)
    assert sections == ALERTS
    rules = RULES.read_text()
    (placeholder,) = re.findall(r"sed -i 's\|(https://[^|]+)\|", rules)  # as its head says
    linked = re.findall(rf"runbook_url: {re.escape(placeholder)}/docs/alerts\.html#(\w+)", rules)
    assert linked == [alert.lower() for alert in ALERTS]


def test_the_table_of_alerts_is_that_of_the_rules():
    """Severity and `for` of each, in their order; and no number that its expression lacks."""
    page = (ROOT / "docs/alerts.md").read_text()
    found = re.findall(r"^\| \[(\w+)\]\(#(\w+)\) \| (\w+) \| (.+) \| (.+) \|$", page, re.MULTILINE)
    parts = RULES.read_text().split("- alert: ")[1:]
    assert [(name, link) for name, link, *_ in found] == [(each, each.lower()) for each in ALERTS]
    for (name, _, severity, when, wait), part in zip(found, parts, strict=True):
        waits = [] if wait == "at once" else [wait]
        assert re.findall(r"for: (\d+m)", part) == waits, name
        assert re.findall(r"severity: (\w+)", part) == [severity], name
        rule = part[part.index("expr:") : part.index("labels:")]
        numbers = {float(each) for each in re.findall(r"\d+(?:\.\d+)?", rule)}
        for number, percent in re.findall(r"(\d+(?:\.\d+)?)( %)?", when):
            assert {float(number), float(number) / 100 if percent else None} & numbers, name


def test_links_lead_to_the_readers_own_site_after_the_line_of_the_page(tmp_path):
    """The one that docs/deploy.md has, on a copy."""
    shutil.copy(RULES, tmp_path)
    (line,) = re.findall(r"^\$ (sed .*)$", (ROOT / "docs/deploy.md").read_text(), re.MULTILINE)
    subprocess.run(shlex.split(line), cwd=tmp_path, check=True, timeout=60)
    links = re.findall(r"runbook_url: (\S+)", (tmp_path / RULES.name).read_text())
    assert links == [f"https://docs.yours/docs/alerts.html#{each.lower()}" for each in ALERTS]


@pytest.mark.timeout(240)
def test_alerts_fire_and_both_stores_have_what_the_clients_count(request, launch, tmp_path):
    """An endpoint is away, a sampler fails, requests fail; and at last all of it ends.

    It is the way of an operator: gunicorn, Prometheus and Graphite, with the ready rules.
    """
    need(request, "gunicorn")
    need(request, "flask")
    hasty = tmp_path / "hasty.yml"
    hasty.write_text(re.sub(r"for: \d+m", "for: 1s", RULES.read_text()))
    wanted = {"SamplerEntriesDropped", "SamplerPullsFail", "WebRequestsFail"}
    page = (ROOT / "docs/deploy.md").read_text()
    assert all(f"*{each}*" in page for each in {*wanted, "SamplerPageGone"})
    carbon = launch(Carbon)
    with Stack(tmp_path, carbon) as stack:
        server = launch(Prometheus, stack.pages, rules=hasty)

        def firing():
            return {a["labels"]["alertname"] for a in server.alerts() if a["state"] == "firing"}

        wait_for(lambda: wanted <= firing(), 60, "these alerts to fire")
        dropped = [a for a in server.alerts() if a["labels"]["alertname"] == min(wanted)]
        assert {(a["labels"]["adapter"], a["labels"]["reason"]) for a in dropped} == {
            ("gone", "oldest")
        }
        assert "SamplerRelayWithoutProcesses" not in firing()
        answered = stack.orders()
        assert answered > 0

        def stored():
            found = server.query(f'shop_orders_total{{instance="{stack.pages[0]}"}}')
            (path,) = [
                path
                for path in carbon.paths()
                if path.startswith(f"{stack.services[0]}.") and path.endswith(".shop.orders")
            ]
            points = carbon.series(path)
            return [float(each["value"][1]) for each in found], points[max(points)]

        wait_for(lambda: stored() == ([answered], answered), 30, f"{answered} orders in both")
        stack.close()
        wait_for(lambda: "SamplerPageGone" in firing(), 60, "the pages to be missed")
