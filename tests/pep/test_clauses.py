"""Each clause of the draft has a test, each mark a clause, and the appendix says which."""

from __future__ import annotations

import pytest

from tests.pep.clauses import DRAFT, LETTERS, TITLE, appendix, clauses, faults, marked, table

TEXT = DRAFT.read_text("utf-8")
APPENDIX = TEXT[TEXT.index(TITLE) : TEXT.index("\n\nCopyright")]
FOUND = clauses(TEXT)
TESTS = marked()


def test_every_clause_is_tested_and_every_mark_names_one():
    """All of them; the table is printed."""
    print(table(FOUND, TESTS))
    assert faults(FOUND, TESTS) == []
    assert len(FOUND) > 50


@pytest.mark.parametrize("gone", [each for each, _ in FOUND])
def test_a_clause_that_is_deleted_is_missed(gone):
    """Its tests name nothing then."""
    left = [(each, text) for each, text in FOUND if each != gone]
    assert any(gone in fault for fault in faults(left, TESTS))


@pytest.mark.parametrize("gone", sorted(TESTS))
def test_marks_that_are_deleted_are_missed(gone):
    """The clause is untested then; and while one of several is left, the appendix differs."""
    left = {each: tests for each, tests in TESTS.items() if each != gone}
    assert f"{gone} has no test" in faults(FOUND, left)
    for index in range(len(TESTS[gone])):
        fewer = [test for i, test in enumerate(TESTS[gone]) if i != index]
        assert appendix({**TESTS, gone: fewer}) != APPENDIX


def test_a_clause_that_binds_nobody_and_one_that_occurs_twice_are_faults():
    """A gap in the numbers is one, too."""
    assert "S-01 has no MUST, SHOULD or MAY" in faults([("S-01", "It may.")], {"S-01": ["a"]})
    assert "S-01 occurs twice" in faults([("S-01", "MUST")] * 2, {"S-01": ["a"]})
    rising = "S: the numbers have a gap, or do not rise"
    assert rising in faults([("S-02", "MUST")], {"S-02": ["a"]})
    assert rising in faults([("S-02", "MUST"), ("S-01", "MUST")], {"S-01": ["a"], "S-02": ["a"]})


@pytest.mark.parametrize("letter", LETTERS)
def test_a_clause_that_is_added_without_a_test_is_missed(letter):
    """Whomever it binds."""
    last = max(each for each, _ in FOUND if each.startswith(letter))
    new = f"{letter}-{int(last[2:]) + 1:02}"
    text = TEXT.replace(f"**{last}** ", f"**{new}** It MUST.\n\n**{last}** ")
    found = clauses(text)
    assert len(found) == len(FOUND) + 1
    assert f"{new} has no test" in faults(found, TESTS)


def test_every_normative_sentence_is_in_a_clause():
    """In the specification the key words stand nowhere else but where they are introduced."""
    specification = TEXT[TEXT.index("\nSpecification\n") : TEXT.index("\nRationale\n")]
    for paragraph in specification.split("\n\n"):
        if any(word in paragraph for word in ("MUST", "SHOULD", " MAY ")):
            first = paragraph.strip()
            assert first.startswith(("**", 'The key words "MUST"')), first


def test_the_appendix_is_what_the_marks_say():
    """Run ``python -m tests.pep.clauses --write``."""
    assert appendix(TESTS) == APPENDIX
