"""``explain``: every word the command, the file and the agent's numbers use."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from sampler import Collector, Registry
from sampler.agent import UNSUPPORTED
from sampler.agent.delivery.ledger import REASONS as LAW
from sampler.bridges._log import FAILURES
from sampler.bridges.statsd import StatsDListener, sampler_of
from sampler.cli import explain as module
from sampler.cli.glossary import BRIDGED
from sampler.cli.keys import sections
from sampler.cli.reasons import DROPPED, FAILED, REASONS, REFUSED
from sampler.cli.reasons import UNSUPPORTED as EXPLAINED
from tests.cli.foreign import install
from tests.support.command import sampler

ROOT = Path(__file__).parents[2]


def explained(word: str, **env: str) -> str:
    """Return what is said of a word, which is known."""
    done = sampler("explain", word, **env)
    assert (done.returncode, done.stderr) == (0, "")
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    return " ".join(done.stdout.split())


def literals(function: str, position: int, files: str = "**/*.py") -> set[str]:
    """Return the texts that the core gives to a function as its argument at ``position``."""
    found = set()
    for file in (ROOT / "sampler").glob(files):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and len(node.args) > position:
                called = getattr(node.func, "id", getattr(node.func, "attr", ""))
                word = node.args[position]
                if called == function and isinstance(word, ast.Constant):
                    found.add(word.value)
    assert found
    return found


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("prefix", ["adapters.graphite.prefix:", "adapters.statsd.prefix:"]),
        ("interval", ["interval: a number, default: 10.0", "adapters.NAME.interval:"]),
        ("adapters.eu.port", ["adapters.graphite.port:", "1 to 65535", "adapters.statsd.port:"]),
        ("adapters.eu.timeout", ["adapters.NAME.timeout:", "0.01 to 600"]),
        ("max_series", ["samplers.max_series: an integer, default: 2000", "at least 1"]),
        ("adapters", ["graphite: Send every pull", "console: Print every pull"]),
        ("samplers", ["keys: enable, keep, drop, rename, deadline"]),
        ("adapters.NAME", ["keys: type, interval"]),
        ("graphite", ["adapter graphite:", "keys: host", "does not carry unit:"]),
        ("process", ["sampler process, of sampler-api", "process.cpu.time"]),
        ("process.cpu.time", ["counter", "unit: s", "labels: cpu.mode", "scope: process"]),
        ("sampler.entries.dropped", ["metric sampler.entries.dropped: counter", "reason"]),
        ("job.exit_status", ["metric job.exit_status: gauge", "128 and its number"]),
        ("job.duration", ["metric job.duration: gauge", "unit: s"]),
        ("job.last_success.timestamp", ["metric job.last_success.timestamp: gauge"]),
        ("sampler", ["sampler.ticks.skipped"]),
        ("http.server.requests", ["metric http.server.requests: counter"]),
        ("duplicate", ["reason duplicate, of sampler.samples.refused: "]),
        ("hung", ["reason hung, of sampler.pulls.failed: "]),
        ("deadline", ["samplers.deadline: a number", "reason deadline, of sampler.pulls.failed"]),
        ("kind", ["kind, that a backend may not carry", "console: left out"]),
        ("bridge.failures", ["metric bridge.failures: failures of what a bridge reads"]),
        ("statsd.bridge.refused", ["metric statsd.bridge.refused: lines"]),
    ],
)
def test_a_word_is_explained_wherever_it_occurs(word, said) -> None:
    """Keys, tables, adapters, samplers, metrics, reasons and unsupported; all places of one."""
    text = explained(word)
    for part in said:
        assert part in text


def test_a_key_of_a_table_is_that_one_only() -> None:
    """Not its namesakes in other tables."""
    assert "statsd" not in explained("adapters.graphite.prefix")
    assert "adapters." not in explained("samplers.deadline")


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("prefx", "'prefix'"),
        ("adapters.graphite.prefx", "'adapters.graphite.prefix'"),
        ("proces", "'process'"),
        ("process.cpu.tim", "'process.cpu.time'"),
        ("oldst", "'oldest'"),
    ],
)
def test_an_unknown_word_has_a_suggestion(word, near) -> None:
    """On standard error, with status 2."""
    done = sampler("explain", word)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"did you mean {near}?" in done.stderr


def test_a_word_like_no_other_leads_to_the_help() -> None:
    """Also status 2."""
    done = sampler("explain", "wxyzwxyz")
    assert done.returncode == 2
    assert "sampler explain -h" in done.stderr


def test_foreign_adapters_and_samplers_are_explained_as_far_as_they_say(tmp_path) -> None:
    """What is malformed is told; what raises is left out; text of several lines is one."""
    there = {"PYTHONPATH": install(tmp_path)}
    assert "adapter hostile: no description" in explained("hostile", **there)
    assert "adapters.plain.colour:" in explained("colour", **there)
    assert "metric 'a': expected a mapping, got 3" in explained("odd", **there)
    assert "expected a mapping, got NoneType" in explained("none", **there)
    assert "Two lines." in explained("good.hits", **there)
    assert "needs 'not_there'" in explained("absent", **there)
    assert "hunter2" not in explained("token", **there)


def test_explaining_runs_no_sampler_and_imports_no_others(tmp_path) -> None:
    """A sampler that would end the process is explained from its declaration."""
    folder = install(tmp_path)
    (tmp_path / "odd_adapters.py").write_text(
        "import os\n"
        "GOOD = {'name': 'good', 'sample': lambda: os._exit(3), 'metrics': {'hits': {}}}\n"
    )
    assert "metric good.hits: gauge" in explained("good.hits", PYTHONPATH=folder)


def test_every_reason_is_explained() -> None:
    """Each that the law, the intake and the collector count."""
    assert set(LAW) <= DROPPED.keys()
    assert literals("RefusedSample", 1) <= REFUSED.keys()
    assert literals("_skip", 1) | literals("_abandon", 1) <= FAILED.keys()
    assert literals("Failure", 1, "_pull/*.py") <= FAILED.keys()
    assert len(REASONS) == len(DROPPED) + len(REFUSED) + len(FAILED)
    assert tuple(EXPLAINED) == UNSUPPORTED


def test_every_key_is_explained_with_its_meaning() -> None:
    """In words of its own option."""
    for section in sections():
        for key, option in section.keys.items():
            found = [
                line for lines in module._keys(section.path(key), sections()) for line in lines
            ]
            assert f"  {option.help}" in found


DRAFT = """\
Names
-----

**S-01** A sampler has a name,
and it is a word.

**C-07** A consumer pulls
once at once.

**C-09** It says:

* this;
* that.

Another paragraph.

Not a clause: C-08.
"""


def test_every_metric_of_a_bridge_itself_is_explained() -> None:
    """What the StatsD listener tells before anything has come, and what counts failures."""
    with StatsDListener(["127.0.0.1:0"]) as listener:
        registry = Registry()
        registry.register(sampler_of(listener))
        with Collector(registry) as consumer:
            told = {series.name.removeprefix("statsd.") for series, _ in consumer.collect()}
    assert told <= set(BRIDGED)
    assert FAILURES in BRIDGED


def test_a_clause_is_read_from_the_draft(tmp_path, monkeypatch, capsys) -> None:
    """With the list that it announces, whichever way its id is written."""
    draft = tmp_path / "pep.rst"
    monkeypatch.setattr(module, "_DRAFT", draft)
    assert module.explain("C-07") == 2
    assert "is not installed" in capsys.readouterr().err
    draft.write_text(DRAFT)
    assert module.explain("c-07") == 0
    assert capsys.readouterr().out == "**C-07** A consumer pulls\nonce at once.\n"
    assert module.explain("C-09") == 0
    assert capsys.readouterr().out == "**C-09** It says:\n\n* this;\n* that.\n"
    assert module.explain("C-08") == 2
    assert "no clause C-08" in capsys.readouterr().err


@pytest.mark.parametrize("clause", ["S-01", "R-01", "C-01", "M-01"])
def test_a_clause_may_bind_whom_it_likes(clause, capsys) -> None:
    """Samplers, registries, consumers, and relays."""
    assert module.explain(clause) == 0
    assert capsys.readouterr().out.startswith(f"**{clause}** ")
