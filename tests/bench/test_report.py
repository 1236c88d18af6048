"""The committed table and chart are those of the committed numbers, and say what is missed."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.bench import report
from tests.bench.chart import chart

DOCS = Path(__file__).parents[2] / "docs"
RUNS = sorted(DOCS.glob("bench/*.json"))


@pytest.mark.parametrize("file", RUNS, ids=[file.stem for file in RUNS])
def test_table_and_chart_are_made_of_the_numbers(file):
    """Nobody edits them by hand."""
    data = json.loads(file.read_text())
    said = report.page(data["machine"], data["numbers"])
    assert file.with_suffix(".md").read_text() == said
    drawn = chart(data["numbers"], data["machine"])
    assert file.with_suffix(".svg").read_text() == drawn
    assert ET.fromstring(drawn).tag.endswith("svg")


@pytest.mark.parametrize("file", RUNS, ids=[file.stem for file in RUNS])
def test_every_missed_target_says_why(file):
    """A row that is missed without a reason is a fault."""
    found = report.results(json.loads(file.read_text())["numbers"])
    assert [each.row.title for each in found if not each.met and not each.row.why] == []


def test_the_page_shows_every_run():
    """``docs/performance.md`` names the files."""
    page = (DOCS / "performance.md").read_text()
    assert {file.stem for file in RUNS} == set(re.findall(r"bench/(python[\d.]+)\.json", page))


def test_a_ratio_is_the_best_peers_number_by_ours():
    """Floors and our own other rows are no peers; what needs two numbers is their difference."""
    numbers = {
        "hot/inc/ours": 40.0,
        "hot/inc/floor": 10.0,
        "turns/inc/ours": 40.0,
        "turns/inc/floor": 10.0,
        "hot/inc/slow": 400.0,
        "hot/inc/fast": 120.0,
        "pull/collect/1000/0.1/ours": 300.0,
        "pull/collect/1000/0.1/samplers alone": 100.0,
    }
    inc, least, beyond = report.results(numbers)
    assert (inc.peer, inc.ratio, inc.met) == ("fast", 3.0, True)
    assert (least.peer, least.ratio, least.met) == ("floor", 0.25, False)
    assert (beyond.ours, beyond.met) == (200.0, True)


def test_a_row_without_its_peer_says_nothing():
    """Neither met nor missed: what it is to be compared with was not measured."""
    numbers = {"pull/text/1000/1/ours": 900.0, "pull/text/1000/0.1/prometheus_client": 9_000.0}
    assert report.results(numbers) == []
    numbers["pull/text/1000/1/prometheus_client"] = 8_000.0
    (text,) = report.results(numbers)
    assert (text.theirs, text.met) == (8_000.0, False)


def test_milliseconds_of_a_request_are_the_same_on_every_machine():
    """Those beyond idle are not scaled; those of a pass are."""
    numbers = {name: 2.0 * then for name, then in report.PACE["disturbance"].items()}
    ours = {"p99.9": 4.1, "idle p99.9": 3.0, "pass": 500.0}
    numbers |= {f"disturbance/ours/{key}": number for key, number in ours.items()}
    beyond, passing = report.results(numbers)
    assert (beyond.limit, beyond.met) == (1.0, False)
    assert (passing.limit, passing.met) == (600.0, True)


def test_what_is_missed_is_named_by_python():
    """By how much, and why, in a table of the documentation."""
    inc = {"hot/inc/ours": 77.0}
    said = report.missed({"3.11": inc, "3.12": {"hot/inc/ours": 60.0}, "3.13": inc})
    assert said.splitlines()[:2] == [
        "| missed, by | 3.11 | 3.12 | 3.13 | |",
        "|---|---:|---:|---:|---|",
    ]
    assert said.splitlines()[2].startswith("| counter inc | 10% |  | 10% | ")


def test_limits_in_time_are_those_of_the_machine():
    """Twice as slow for the peers, twice as much for us, in each kind of work; bytes are bytes."""
    numbers = {name: 2.0 * then for name, then in report.PACE["calls"].items()}
    numbers |= {name: 3.0 * then for name, then in report.PACE["background"].items()}
    agent = "background/ours, graphite agent/percent"
    numbers |= {"hot/inc/ours": 139.0, "memory/ours/counter": 291.0, agent: 3.1}
    inc, memory, background = report.results(numbers)
    assert (round(inc.limit), inc.met) == (140, True)
    assert (memory.limit, memory.met) == (290, False)
    assert (round(background.limit, 6), background.met) == (3.0, False)
