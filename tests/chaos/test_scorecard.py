"""Each scenario has a test, each mark a scenario, and the table says what was measured."""

from __future__ import annotations

import json

import pytest

from tests.chaos import scorecard
from tests.chaos.marks import Marked, faults, marked
from tests.chaos.scenarios import SCENARIOS

TESTS = marked()
ONE = [Marked("tests/x.py::test_one")]
WHOLE = dict.fromkeys(SCENARIOS, ONE)


def test_every_scenario_has_a_test_and_every_mark_a_scenario():
    """Without a gap."""
    assert list(SCENARIOS) == list(range(1, max(SCENARIOS) + 1))
    assert faults(TESTS) == []


def test_a_scenario_without_a_test_and_a_mark_without_a_scenario_are_faults():
    """Each is named."""
    less = {number: tests for number, tests in WHOLE.items() if number != 7}
    assert faults(less) == ["scenario 7 has no test"]
    (said,) = faults({**WHOLE, 99: ONE})
    assert "test_one is marked with scenario 99" in said


def test_the_table_is_what_results_marks_and_scenarios_say():
    """Run ``python -m tests.chaos.scorecard --table``, or ``--write`` to measure anew."""
    text = scorecard.PAGE.read_text("utf-8")
    committed = text.partition(scorecard.BEGIN + "\n")[2].partition(scorecard.END)[0]
    done, peers = (
        json.loads(file.read_text("utf-8")) for file in (scorecard.RESULTS, scorecard.PEERS)
    )
    assert committed == scorecard.table(done, peers, TESTS)


def test_marks_are_found_on_functions_classes_modules_and_cases(tmp_path):
    """And their levels with them."""
    folder = tmp_path / "tests"
    folder.mkdir()
    (folder / "test_a.py").write_text(
        "import pytest\n"
        "pytestmark = [pytest.mark.netns]\n"
        "@pytest.mark.scenario(1, 2)\n"
        "def test_f(): ...\n"
        "@pytest.mark.scenario(3)\n"
        "class TestC:\n"
        "    @pytest.mark.long\n"
        "    def test_m(self): ...\n"
        "    def helper(self): ...\n"
        "@pytest.mark.parametrize('x', [pytest.param(1, marks=pytest.mark.scenario(4))])\n"
        "async def test_p(x): ...\n"
        "def test_without(): ...\n"
    )
    found = {
        number: [(t.name, t.level) for t in tests] for number, tests in marked(folder).items()
    }
    assert found == {
        1: [("tests/test_a.py::test_f", "B")],
        2: [("tests/test_a.py::test_f", "B")],
        3: [("tests/test_a.py::TestC::test_m", "C")],
        4: [("tests/test_a.py::test_p", "B")],
    }
    assert marked(folder)[3][0].command == "pytest -m long tests/test_a.py::TestC::test_m"


@pytest.mark.parametrize(
    ("outcomes", "says"),
    [
        ([("3.11.7", "passed"), ("3.12.1", "passed")], "yes"),
        ([("3.11.7", "passed"), ("3.12.1", "skipped")], "yes"),
        ([("3.11.7", "passed"), ("3.12.1", "failed")], "**no**"),
        ([("3.11.7", "passed"), ("3.11.7", "failed"), ("3.11.7", "passed")], "**no**"),
        ([("3.11.7", "skipped"), ("3.11.7", "passed")], "not run"),
        ([("3.11.7", "skipped")], "not run"),
        ([], "not run"),
    ],
)
def test_a_scenario_passes_when_each_of_its_tests_passed_and_none_failed(outcomes, says):
    """A test passed when it passed on some Python; one that failed on any has failed."""
    lines = [
        {"scenarios": [7], "test": "tests/x.py::test_one[case]", "outcome": said, "python": python}
        for python, said in outcomes
    ]
    done = scorecard.outcomes(lines).get("7", {})
    assert scorecard.passes(done, ONE) == says
    two = [*ONE, Marked("tests/x.py::test_never_run")]
    assert scorecard.passes(done, two) == ("in part" if says == "yes" else says)


def test_of_each_scenario_it_is_said_what_peers_do():
    """Measured, or why not; and both peers are in what is committed."""
    from tests.chaos.peers.__main__ import MEANINGLESS, MEASURED, PEERS

    assert {*MEASURED, *MEANINGLESS} == set(SCENARIOS)
    assert not MEASURED.keys() & MEANINGLESS.keys()
    said = json.loads(scorecard.PEERS.read_text("utf-8"))["scenarios"]
    assert {number: set(by_peer) for number, by_peer in said.items()} == {
        str(number): set(PEERS) for number in SCENARIOS
    }
