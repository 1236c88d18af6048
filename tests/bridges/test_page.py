"""docs/bridges.md: its snippets do what it says."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from importlib.util import find_spec

import pytest

from sampler import ConfigurationError
from sampler.agent.config.reading import parse
from sampler.cli.unsupported import unsupported
from tests.examples.pages import ROOT, blocks
from tests.support.command import environment

PAGE = ROOT / "docs/bridges.md"
PROGRAMS = [
    (text, printed)
    for (language, text), (_, printed) in zip(
        blocks(PAGE), [*list(blocks(PAGE))[1:], ("", "")], strict=True
    )
    if language == "python"
]
NEEDS = "prometheus_client", "opentelemetry.sdk", "newrelic", "socket", "sampler"


@pytest.mark.parametrize(("program", "printed"), PROGRAMS, ids=NEEDS)
def test_a_snippet_prints_what_the_page_says(program, printed, request):
    """Typed into a file and run."""
    package = request.node.callspec.id.partition(".")[0]
    if find_spec(package) is None or (package == "opentelemetry" and not _has_sdk()):
        pytest.skip(f"{package} is not installed")
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == printed, done.stderr


def _has_sdk():
    try:
        return find_spec("opentelemetry.sdk.metrics") is not None
    except ImportError:
        return False


ROWS = [
    [cell.strip() for cell in line.strip("| ").split(" | ")]
    for line in PAGE.read_text()
    .partition("## What goes out")[2]
    .partition("\n## ")[0]
    .splitlines()
    if line.startswith("| ") and "`" in line and "in `sampler.toml`" not in line
]
OUT = [row for row in ROWS if row[1].startswith("`adapters.")]
CONSUMERS = {
    "SamplerCollector": "sampler_prometheus",
    "SamplerExporter": "sampler_otlp",
    "data_source": "sampler_newrelic",
}


@pytest.mark.parametrize("row", OUT, ids=[row[1].split(".")[1] for row in OUT])
def test_a_line_for_each_adapter_is_a_configuration_and_names_its_losses(row):
    """As the adapter declares them; its own tests read them back."""
    _, line, _, losses = row
    text = line.strip("`")
    name = text.split(".")[1]
    try:
        (adapter,) = parse(tomllib.loads(text)).adapters
    except ConfigurationError as error:
        (problem,) = error.problems
        assert "pip install" in problem
        pytest.skip(problem)
    assert adapter.name == name
    assert losses.split(", ") == list(unsupported(adapter.adapter))


def test_every_adapter_has_a_line():
    """Except those for people, and the relay's."""
    names = {point.name for point in entry_points(group="sampler.adapters")}
    assert names - {"console", "live", "relay"} == {row[1].split(".")[1] for row in OUT}


@pytest.mark.parametrize("name", CONSUMERS)
def test_a_consumer_is_there_and_its_losses_are_named(name):
    """Whose lines are taken to somebody else's library."""
    module = pytest.importorskip(CONSUMERS[name], exc_type=ImportError)
    (row,) = (row for row in ROWS if f"{CONSUMERS[name]}.{name}" in row[1])
    found = module.DataSource if name == "data_source" else getattr(module, name)
    assert row[3].split(", ") == list(unsupported(found))


@pytest.mark.parametrize("text", [text for language, text in blocks(PAGE) if language == "toml"])
def test_a_table_of_the_page_is_a_configuration(text):
    """As it stands."""
    settings = parse(tomllib.loads(text))
    assert settings.samplers.bridges
