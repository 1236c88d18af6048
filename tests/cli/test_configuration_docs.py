"""Help texts and the page of documentation: complete, and readable."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sampler.cli.config.markdown import markdown
from tests.cli.foreign import install
from tests.support.command import lacking, sampler

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"
VERBS = ("run", "check", "list", "config", "explain", "demo", "version")


def test_the_page_holds_our_own_adapters_only(tmp_path) -> None:
    """Whatever else is installed where it is made."""
    done = sampler("config", "markdown", PYTHONPATH=install(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == PAGE.read_text("utf-8")


def test_half_a_page_is_not_made(tmp_path) -> None:
    """Where one of our adapters cannot be imported, it is told with the remedy."""
    path = lacking("statsd", tmp_path)
    done = sampler("config", "markdown", PYTHONPATH=path)
    assert (done.returncode, done.stdout) == (69, "")
    assert "pip install 'sampler-api[statsd]'" in done.stderr
    for what in ("sample", "schema"):
        assert sampler("config", what, PYTHONPATH=path).returncode == 0


def test_its_tables_are_tables() -> None:
    """Four cells in each row, so no text ends one early; nothing is markup by accident."""
    rows = [line for line in markdown().splitlines() if line.startswith("|")]
    assert len(rows) > 40
    for row in rows:
        assert len(re.findall(r"(?<!\\)\|", row)) == 5, row
        assert "<" not in re.sub(r"`[^`]*`|\\<", "", row)


def test_what_a_backend_does_not_carry_is_told() -> None:
    """Beside the keys of its adapter."""
    section = markdown().partition("## `[adapters.graphite]`")[2].partition("\n## ")[0]
    assert "\n* kind: left out: a path is a number over time" in section


@pytest.mark.parametrize("verb", ["", *VERBS])
def test_help_fits_a_terminal(verb) -> None:
    """80 columns; each verb says what it does and what each argument is."""
    done = sampler(*verb.split(), "-h", COLUMNS="80")
    assert done.returncode == 0
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    for each in VERBS:
        assert verb or re.search(rf"^    {each} +[A-Z]", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("verb", ["run", "check"])
def test_help_tells_which_file_is_read(verb) -> None:
    """With and without the variable."""
    done = sampler(verb, "-h", COLUMNS="80")
    assert "$SAMPLER_CONFIG, else ./sampler.toml" in " ".join(done.stdout.split())


@pytest.mark.parametrize(("arguments", "said"), [([], "commands:"), (["config"], "a JSON Schema")])
def test_without_an_argument_help_is_printed(arguments, said) -> None:
    """On standard error, with status 2."""
    done = sampler(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage:" in done.stderr
    assert said in done.stderr
