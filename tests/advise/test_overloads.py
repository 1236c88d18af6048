"""The overloads are judged by verdicts that there are, and their page says what was played."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import attrs
import pytest

from sampler.advise import UNDECIDED, Statement, advise
from tests.advise.made import said, served
from tests.advise.overloads.cases import OVERLOADS, SEEN, UNSEEN
from tests.advise.overloads.overload import CAPACITY, Played, named, wrong

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/advise.md").read_text("utf-8")
SOURCE = "".join(
    file.read_text("utf-8") for file in sorted((ROOT / "sampler/advise").glob("_*.py"))
)


def played(**verdicts: str) -> Played:
    """Return what came of a play, undecided but for some verdicts."""
    found = {
        each.about: attrs.evolve(each, verdict=verdicts.get(each.about, UNDECIDED))
        for each in advise([])
    }
    return Played(found, 100.0, 0.1)


def test_there_are_eight_and_four_had_not_been_seen() -> None:
    """By names that differ."""
    assert len({each.name for each in OVERLOADS}) == len(OVERLOADS) == 8
    assert len(SEEN) == len(UNSEEN) == 4


@pytest.mark.parametrize("overload", OVERLOADS, ids=lambda each: each.name)
def test_each_is_judged_by_verdicts_that_there_are(overload) -> None:
    """A verdict that is spelt wrongly would never be met; each cause is a truth."""
    about = {each.about for each in advise([])}
    for judged in (overload.cause, overload.truths):
        assert judged.keys() <= about
        for subject, verdicts in judged.items():
            for verdict in verdicts:
                words = verdict.removesuffix("with").strip()
                counted = re.sub(r"^[0-9]+ process(?:es)?$", "process", words)
                assert counted.partition(",")[0] in SOURCE, (subject, verdict)
    for subject, verdicts in overload.cause.items():
        assert set(verdicts) <= set(overload.truths.get(subject, ()))


def test_what_is_named_and_what_is_wrong() -> None:
    """Undecided is neither."""
    threads = SEEN[0]
    right = played(**{CAPACITY: "2 processes with 27 threads each"})
    assert named(threads, right)
    assert wrong(threads, right) == []
    other = played(**{CAPACITY: "enough", "CPU or waiting": "CPU-bound"})
    assert not named(threads, other)
    assert len(wrong(threads, other)) == 2
    assert not named(threads, played())
    assert wrong(threads, played()) == []


def test_a_plan_is_what_is_advised() -> None:
    """Read from the statement itself; there is none where nothing is to be changed."""
    overload = said(served(rate=366, busy=7.7, queue=0.0885, processes=2, threads=8))
    assert Played(overload, 0, 0).plan == (2, 27)
    assert Played(overload, 0, 0).overloaded
    one = said(served(rate=100, busy=3.9, queue=0.1, threads=4))
    assert Played(one, 0, 0).plan is not None
    calm = said(served(rate=10, busy=0.2, queue=0.001, threads=4))
    assert Played(calm, 0, 0).plan is None
    assert not Played(calm, 0, 0).overloaded
    assert Played({CAPACITY: Statement(CAPACITY, UNDECIDED, "")}, 0, 0).plan is None


def test_the_page_says_which_advice_was_played() -> None:
    """A change of it voids the plays: play again, or say on the page that they are void."""
    (tree,) = re.findall(r"`git rev-parse HEAD:sampler/advise` was `([0-9a-f]{40})`", PAGE)
    asked = subprocess.run(
        ["git", "rev-parse", "HEAD:sampler/advise"], cwd=ROOT, capture_output=True, text=True
    )
    if asked.returncode:
        pytest.skip("no repository")
    assert asked.stdout.strip() == tree or "**These plays are void**" in PAGE
