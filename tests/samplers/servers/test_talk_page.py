"""docs/talk.md: every phenomenon has metrics that exist, and tests that exist."""

from __future__ import annotations

import ast
import importlib
import re
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from sampler._registry.announcements import SAMPLERS, announced
from sampler.agent.self_metrics import METRICS as AGENT
from sampler.relay.account import RELAY_METRICS, SERVER_METRICS
from sampler.web._metrics import METRICS as WEB
from tests.examples.pages import ROOT

PAGE = (ROOT / "docs/talk.md").read_text("utf-8")
_ROW = re.compile(r"\| (\d+) \| (.+?) \| (.+?) \| (.*?) ?\|")
ROWS = {int(row[1]): row for row in map(_ROW.fullmatch, PAGE.splitlines()) if row is not None}
_METRIC = re.compile(r"`([a-z_]+(?:\.[a-z_]+)+)`")
_TEST = re.compile(r"`(tests/\S+?\.py)(?:::(\w+))?(?:\[(\w+)\])?`")
_LABELS = {"http.response.status_class"}
CONTRIB = {"sqlalchemy", "django", "celery"}
NOT_SEEN = {33: "no metric and no test", 1: "no metric"}


@cache
def absent() -> frozenset[str]:
    """Return the samplers of packages that are not installed: nobody knows what they declare."""
    return frozenset(name for name in CONTRIB if find_spec(name) is None)


@cache
def declared() -> frozenset[str]:
    """Return the names of all metrics that something of this project declares."""
    samplers: list[Any] = [
        (entry.name, entry.load()) for entry in entry_points(group="sampler.built_in")
    ]
    for name, each in announced(SAMPLERS).items():
        if each.value.startswith("sampler.samplers.") or name in CONTRIB - absent():
            samplers.append((name, importlib.import_module(each.module).SAMPLER))
    names = {f"db.client.connection.{each}" for each in ("create_time", "failures")}
    for name, each in samplers:
        sampler = each
        if not isinstance(sampler, dict):  # a group, which has registered itself for all tests
            sampler.unregister()
            sampler = sampler.registration.sampler
        names |= {f"{name}.{metric}" for metric in sampler["metrics"]}
    for prefix, metrics in (
        *(("http.server", WEB), ("server", SERVER_METRICS)),
        *(("sampler", AGENT), ("sampler.relay", RELAY_METRICS)),
    ):
        names |= {f"{prefix}.{metric}" for metric in metrics}
    return frozenset(names)


def test_every_phenomenon_has_a_row() -> None:
    """Those of the talk, and one more."""
    assert list(ROWS) == list(range(1, 40))


@pytest.mark.parametrize("number", ROWS)
def test_a_row_names_metrics_that_there_are(number: int) -> None:
    """And at least one, but for what a server cannot see."""
    metrics = set(_METRIC.findall(ROWS[number][3])) - _LABELS
    assert {each for each in metrics if each.partition(".")[0] not in absent()} <= declared()
    assert bool(metrics) is (number not in NOT_SEEN and number != 34)


@pytest.mark.parametrize("number", ROWS)
def test_a_row_names_tests_that_there_are(number: int) -> None:
    """A file, a function in it, and a scenario."""
    tests = _TEST.findall(ROWS[number][4])
    assert bool(tests) is (number != 33)
    for file, function, case in tests:
        path = ROOT / file
        assert path.is_file()
        body = ast.parse(path.read_text("utf-8")).body
        functions = {each.name for each in body if isinstance(each, ast.FunctionDef)}
        assert not function or function in functions
        assert not case or Path(ROOT, f"examples/talk/{case}.py").is_file()
