"""The pages of examples/talk: each scenario has one, with its chart, and the essay names all."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from examples.talk.frame import pages
from examples.talk.scenarios import SCENARIOS

PLAYED = [
    name
    for name, scenario in SCENARIOS.items()
    if not scenario.alone or pages.made(pages.PAGES / f"{name}.md") != pages.NOT_PLAYED
]
"""Those that are about CPU time wait for an idle host, and their pages say so."""
ALL = pytest.mark.parametrize("name", list(SCENARIOS))


@pytest.mark.parametrize("name", PLAYED)
def test_a_scenario_has_a_page_with_figures_and_a_verdict_on_each_claim(name):
    """They are of its signals, and of a run that was played to its end."""
    scenario = SCENARIOS[name]
    said = pages.made(pages.PAGES / f"{name}.md")
    assert f"]({name}.svg)" in said
    for signal in scenario.signals:
        assert f"| {signal.role.value} | {signal.title}" in said
    verdicts = re.findall(r"^\* \*\*(?:Held|Did not hold)\.\*\* ", said, re.MULTILINE)
    assert len(verdicts) == len(scenario.claims)
    assert re.search(r"^Played on \d{4}-\d\d-\d\d, on .+ of the host's CPU", said, re.MULTILINE)


@ALL
def test_a_page_says_what_people_should_do(name):
    """Its writing, outside of what is made, has no figures of a run, which would grow old."""
    page = pages.PAGES / f"{name}.md"
    written = page.read_text("utf-8").replace(pages.made(page), "")
    assert "## What to do" in written
    assert "## Try it" in written
    assert f"python -m examples.talk {name}" in written
    assert not re.search(r"\d (?:ms|MiB)\b", written)


@pytest.mark.parametrize("name", PLAYED)
def test_a_chart_asks_no_other_host_for_anything(name):
    """It is well-formed, and has a panel for each signal."""
    text = (pages.PAGES / f"{name}.svg").read_text("utf-8")
    found = ET.fromstring(text)
    words = {each.text for each in found.iter("{http://www.w3.org/2000/svg}text")}
    assert {signal.title for signal in SCENARIOS[name].signals} <= words
    assert set(re.findall(r"\w+://[^\s\"]+", text)) == {"http://www.w3.org/2000/svg"}


def test_the_essay_has_a_line_for_each_scenario_and_nothing_else_is_there():
    """In their order."""
    listed = re.findall(r"\(pages/(\w+)\.md\)", pages.made(pages.ESSAY))
    assert listed == PLAYED
    kept = {path.stem for path in pages.PAGES.iterdir()}
    assert kept == set(SCENARIOS)
