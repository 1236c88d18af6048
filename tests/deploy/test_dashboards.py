"""Each query of each dashboard has an answer, of agents that run and of the store it is for."""

from __future__ import annotations

import json
import re
from math import isfinite
from statistics import median
from typing import TYPE_CHECKING

import pytest

from tests.deploy.stack import LIMIT, Stack
from tests.deploy.tools import DEPLOY, package
from tests.support.ports import free_port
from tests.support.servers import Carbon, GraphiteWeb, Prometheus
from tests.support.waiting import wait_for
from tests.wiring.rig import need

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = ("web", "program", "relay", "agent")
VARIABLES = {"$job": ".*", "$instance": ".*", "$__rate_interval": "5s", "$__range": "1m"}
CGROUPS = "Only in a container or a unit with limits."


def dashboard(store, name):
    """Return a dashboard as it is in the repository."""
    return json.loads((DEPLOY / "grafana" / store / f"{name}.json").read_text())


def panels(store, name):
    """Return its panels, without the titles of rows."""
    return [each for each in dashboard(store, name)["panels"] if each["type"] != "row"]


def queries(store) -> Iterator[tuple[str, str, bool]]:
    """Yield where each query is, the query, and whether every host has an answer."""
    key = "expr" if store == "prometheus" else "target"
    for name in NAMES:
        for panel in panels(store, name):
            everywhere = CGROUPS not in panel["description"]
            for target in panel["targets"]:
                yield f"{name}: {panel['title']}", target[key], everywhere


def test_what_is_committed_is_what_is_generated(request):
    """By the types of Grafana's SDK; `python -m examples.deploy.grafana` writes them anew."""
    package(request, "grafana_foundation_sdk")
    from examples.deploy.grafana.build import PAGES, text_of

    assert tuple(page.name for page in PAGES) == NAMES
    for store in ("prometheus", "graphite"):
        for page in PAGES:
            file = DEPLOY / "grafana" / store / f"{page.name}.json"
            assert file.read_text() == text_of(page, store), file


@pytest.mark.parametrize("store", ["prometheus", "graphite"])
@pytest.mark.parametrize("name", NAMES)
def test_grafanas_types_keep_all_of_a_dashboard(request, store, name):
    """Read into them and written again it is the same: no key is one that they do not know."""
    package(request, "grafana_foundation_sdk")
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.plugins import register_default_plugins
    from grafana_foundation_sdk.models.dashboard import Dashboard

    register_default_plugins()
    found = dashboard(store, name)
    assert json.loads(JSONEncoder().encode(Dashboard.from_json(found))) == found


@pytest.mark.parametrize("store", ["prometheus", "graphite"])
@pytest.mark.parametrize("name", NAMES)
def test_every_panel_says_what_it_shows_and_has_one_unit(store, name):
    """Trouble comes first, and no two panels have one id or one place."""
    found = dashboard(store, name)
    assert found["panels"][0]["title"] == "Trouble"
    assert len({panel["id"] for panel in found["panels"]}) == len(found["panels"])
    places = {(each["gridPos"]["x"], each["gridPos"]["y"]) for each in found["panels"]}
    assert len(places) == len(found["panels"])
    for panel in panels(store, name):
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert not panel["fieldConfig"]["overrides"], panel["title"]
        assert panel["targets"], panel["title"]


def test_both_stores_have_the_same_panels():
    """In the same order, with the same bounds."""
    for name in NAMES:
        pairs = zip(panels("prometheus", name), panels("graphite", name), strict=True)
        for one, other in pairs:
            assert one["title"] == other["title"]
            assert one["fieldConfig"] == other["fieldConfig"]


def query_of(store, name, title) -> str:
    """Return the first query of a panel."""
    (panel,) = [each for each in panels(store, name) if each["title"] == title]
    return panel["targets"][0]["expr" if store == "prometheus" else "target"]


def answered(ask, store, present) -> None:
    """Wait until each query has an answer; those of metrics that this host lacks need none."""
    left = {(where, query): everywhere for where, query, everywhere in queries(store)}

    def none_left() -> bool:
        for where, query in [key for key in left if ask(key[1])]:
            del left[where, query]
        return not any(everywhere or present() for everywhere in left.values())

    try:
        wait_for(none_left, 2 * LIMIT, "an answer to each query")
    except AssertionError:
        raise AssertionError("\n".join(map(" -> ".join, left))) from None


@pytest.mark.timeout(240)
def test_prometheus_answers_every_query(request, launch, tmp_path):
    """Of a web application under a relay, and of a program with an event loop."""
    need(request, "gunicorn")
    need(request, "flask")
    carbon = launch(Carbon)
    with Stack(tmp_path, carbon) as stack:
        server = launch(Prometheus, stack.pages)
        stack.killed()

        def values(query):
            for name, text in VARIABLES.items():
                query = query.replace(name, text)
            return [float(each["value"][1]) for each in server.query(query)]

        def ask(query):
            return any(map(isfinite, values(query)))

        answered(ask, "prometheus", lambda: server.query("system_cgroup_memory_limit_bytes"))
        failing = query_of("prometheus", "web", "Requests that fail").replace(
            "$__rate_interval", "1m"
        )
        wait_for(
            lambda: all(0.15 < each < 0.35 for each in values(failing) or [0]),
            LIMIT,
            "one request of four to fail",
        )
        for name in NAMES:
            for variable in dashboard("prometheus", name)["templating"]["list"][1:]:
                metric, label = re.fullmatch(
                    r"label_values\((\w+).*, (\w+)\)", variable["query"]
                ).groups()
                assert all(label in series for series in server.series(metric))
                assert server.series(metric)


@pytest.mark.timeout(240)
def test_graphite_answers_every_query(request, launch, tmp_path):
    """The same numbers, as paths."""
    need(request, "gunicorn")
    need(request, "flask")
    port = free_port()
    carbon = launch(Carbon, updates=1000)
    web = launch(GraphiteWeb, carbon, port)
    with Stack(tmp_path, carbon) as stack:
        stack.killed()
        services = f"{{{','.join(stack.services)}}}"

        def values(query):
            named = query.replace("$service", services).replace("$host", "*")
            return web.render(named.replace("$instance", "*"))

        def ask(query):
            return any(values(query).values())

        limits = f"{services}.*.*.system.cgroup.memory.limit"
        answered(ask, "graphite", lambda: web.render(limits))
        failing = query_of("graphite", "web", "Requests that fail")
        wait_for(
            lambda: all(0.15 < median(each.values()) < 0.35 for each in values(failing).values()),
            LIMIT,
            "one request of four to fail",
        )
