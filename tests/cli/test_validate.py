"""``validate``: every breach with its clause and remedy, and an exit status."""

from __future__ import annotations

import json
import re

import pytest

from tests.support.command import sampler
from tests.support.distributions import Site

MODULE = """
import time

total = served = 0

def good():
    global total
    total += 1
    yield "pulls", total

def bad():
    labels = {"state": "idle"}
    yield "Wait", 1
    yield "size", 2, labels
    yield "size", 3, labels
    yield "nought", "x"

def quiet():
    return [("served", served)]

def serve():
    global served
    served += 1

def serve_for_ever():
    while True:
        serve()
        time.sleep(0.001)

def fail():
    raise LookupError("no such pool")

async def later():
    pass

def still():
    yield "size", 2
    yield "size", "x"

GOOD = {"name": "good", "sample": good, "metrics": {"pulls": {"kind": "counter"}}}
BAD = {"name": "bad", "sample": bad, "metric": {}}
QUIET = {"name": "quiet", "sample": quiet, "metrics": {"served": {"kind": "counter"}}}
EMPTY = {"name": "empty", "sample": list}
ONE = {"name": "one", "sample": still}
WRONG = {"name": "Wrong"}
TEXT = "x"
"""


HALF = """
SAMPLER = {
    "name": "half",
    "sample": lambda: [("depth", 1)],
    "metrics": {"waiting": {}, "tokens": {}, "depth": {}},
}
"""


@pytest.fixture
def validate(tmp_path):
    (tmp_path / "mine.py").write_text(MODULE)
    (tmp_path / "broken.py").write_text("1 / 0")
    return lambda *arguments: sampler("validate", *arguments, "--seconds", "1", cwd=tmp_path)


def test_a_conforming_sampler_of_the_working_directory_is_said_to_conform(validate) -> None:
    """With what was looked at: little is proven by a source that stood still."""
    done = validate("mine:GOOD")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.match(r"mine:GOOD: conforms, as far as \d+ pulls in .* \(1 series, 1 ", done.stdout)


def test_what_is_declared_and_never_seen_is_a_hint(validate, tmp_path) -> None:
    """By name; it breaks no clause, as a metric may be there only at times."""
    (tmp_path / "half.py").write_text(HALF)
    done = validate("half:SAMPLER")
    assert (done.returncode, done.stderr) == (0, "")
    said = " ".join(done.stdout.split())
    assert "hint: declared, never seen: tokens, waiting: " in said
    assert "half:SAMPLER: conforms" in said


@pytest.mark.parametrize("name", ["process", "cpython"])
def test_installed_samplers_are_known_by_name(validate, name) -> None:
    """Ours conform."""
    done = validate(name)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("logging", "none of its counters and histograms has grown"),
        ("asyncio", "it has not yielded a single value"),
        ("mine:QUIET", "none of its counters and histograms has grown"),
        ("mine:EMPTY", "it has not yielded a single value"),
    ],
)
def test_there_is_no_verdict_on_a_source_that_stood_still(validate, reference, said) -> None:
    """Its exit status is its own, and the remedy is named."""
    done = validate(reference)
    assert (done.returncode, done.stderr) == (3, "")
    assert f"{reference}: no verdict after" in done.stdout
    assert said in " ".join(done.stdout.split())
    assert "--exercise MODULE:CALLABLE" in " ".join(done.stdout.split())
    assert all(len(line) <= 80 for line in done.stdout.splitlines())


@pytest.mark.parametrize("exercise", ["mine:serve", "mine:serve_for_ever"])
def test_an_exercise_gives_something_to_count(validate, exercise) -> None:
    """Between the pulls, or beside them if it does not end."""
    done = validate("mine:QUIET", "--exercise", exercise)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "mine:QUIET: conforms" in done.stdout


def test_an_exercise_that_moves_nothing_is_named(validate) -> None:
    """With what else to do."""
    done = validate("mine:EMPTY", "--exercise", "mine:serve")
    assert done.returncode == 3
    assert "have mine:serve do something that the sampler reports" in done.stdout


@pytest.mark.parametrize(
    ("exercise", "said"),
    [
        ("serve", "serve: expected MODULE:CALLABLE"),
        ("mine:nothing", "mine:nothing: not the MODULE:NAME of an object"),
        ("mine:total", "mine:total: 0 cannot be called"),
        ("mine:fail", "mine:fail: LookupError: no such pool"),
        (
            "mine:later",
            "mine:later: TypeError: the exercise is asynchronous: give a function that runs it",
        ),
    ],
)
def test_a_fault_of_the_exercise_is_the_users(validate, exercise, said) -> None:
    """It is a wrong argument, and no traceback."""
    done = validate("mine:QUIET", "--exercise", exercise)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_each_breach_is_printed_with_clause_and_remedy(validate) -> None:
    """In lines of 80 columns; nothing is logged beside."""
    done = validate("mine:BAD")
    assert (done.returncode, done.stderr) == (1, "")
    assert re.findall(r"^[SC]-\d\d", done.stdout, re.MULTILINE) == ["S-02", "S-03", "S-25", "S-19"]
    assert done.stdout.count("do: ") == 4
    assert "mine:BAD: 4 breaches of 4 clauses" in done.stdout
    assert "did you mean 'metrics'?" in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines())


def test_programs_get_json(validate) -> None:
    """With the same breaches."""
    done = validate("mine:BAD", "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert found["sampler"] == "bad"
    assert [breach["clause"] for breach in found["breaches"]] == ["S-02", "S-03", "S-25", "S-19"]
    assert all(breach["remedy"] and breach["message"] for breach in found["breaches"])
    assert found["pulls"] > 4
    assert found["verdict"] == "breaches"
    good = json.loads(validate("mine:GOOD", "--json").stdout)
    assert (good["verdict"], good["unproven"], good["breaches"]) == ("conforms", "", [])
    assert (good["cumulative"], good["grown"]) == (1, 1)
    done = validate("mine:EMPTY", "--json")
    assert (done.returncode, json.loads(done.stdout)["verdict"]) == (3, "none")


def test_one_of_a_kind_is_said_in_the_singular(validate) -> None:
    """A breach, of a clause."""
    assert "mine:ONE: 1 breach of 1 clause\n" in validate("mine:ONE").stdout


@pytest.mark.parametrize("name", ["WRONG", "TEXT"])
def test_what_no_registry_would_take_is_a_breach(validate, name) -> None:
    """All faults of it."""
    done = validate(f"mine:{name}")
    assert (done.returncode, done.stderr) == (1, "")
    assert "S-01" in done.stdout


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("proces", "did you mean 'process'?"),
        ("mine:NONE", "has no attribute 'NONE'"),
        ("nowhere:SAMPLER", "there is no module 'nowhere'"),
        ("broken:SAMPLER", "ZeroDivisionError"),
        ("a b:c", "not the MODULE:NAME of an object"),
    ],
)
def test_what_cannot_be_imported_is_said_without_a_traceback(validate, reference, said) -> None:
    """It is a wrong argument."""
    done = validate(reference)
    assert done.returncode == 2
    assert done.stdout == ""
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_an_entry_point_of_another_name_is_a_breach(tmp_path) -> None:
    """By its name and by its object: whoever discovers it registers nothing."""
    source = 'SAMPLER = {"name": "zz_right", "sample": lambda: [("a", 1)]}'
    Site(tmp_path).install("dist", {"zz_wrong": "zz_odd:SAMPLER"}, files={"zz_odd.py": source})
    for reference in ("zz_wrong", "zz_odd:SAMPLER"):
        done = sampler("validate", reference, "--seconds", "1", PYTHONPATH=str(tmp_path))
        assert (done.returncode, done.stderr) == (1, "")
        said = " ".join(done.stdout.split())
        assert "R-08 its entry point is called 'zz_wrong' but the sampler 'zz_right'" in said
        assert "do: give the entry point in pyproject.toml the sampler's name" in said


def test_a_fault_of_the_mapping_hides_none_of_its_descriptions(validate, tmp_path) -> None:
    """A kind that nobody knows and a misspelt key are told beside a wrong name."""
    metrics = '{"a": {"kind": "count"}}'
    source = f'SAMPLER = {{"name": "Pool", "sample": list, "metrics": {metrics}, "x": 1}}'
    (tmp_path / "several.py").write_text(source)
    done = validate("several:SAMPLER")
    assert done.returncode == 1
    assert re.findall(r"^[SC]-\d\d", done.stdout, re.MULTILINE) == ["S-03", "S-02", "S-26"]


def test_falls_that_restarts_would_explain_are_a_hint(validate, tmp_path) -> None:
    """As those of a sum over objects that live shortly; with a start there is none."""
    source = """
import itertools, time
SAMPLER = {
    "name": "sum",
    "sample": lambda turn=itertools.count(): [("c", next(turn) % 12 // 2)],
    "metrics": {"c": {"kind": "counter"}},
}
"""
    (tmp_path / "falling.py").write_text(source)
    done = validate("falling:SAMPLER")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    said = " ".join(done.stdout.split())
    assert re.search(r"hint: it only grows, .*: c fell \d+ times and no 'start': ", said)
    assert "falling:SAMPLER: conforms" in said
