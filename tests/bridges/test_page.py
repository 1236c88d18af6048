"""docs/bridges.md: its snippets do what it says."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib.util import find_spec

import pytest

from sampler.agent.config.reading import parse
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


@pytest.mark.parametrize("text", [text for language, text in blocks(PAGE) if language == "toml"])
def test_a_table_of_the_page_is_a_configuration(text):
    """As it stands."""
    settings = parse(tomllib.loads(text))
    assert settings.samplers.bridges
