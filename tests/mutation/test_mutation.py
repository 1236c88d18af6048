"""The mistakes that can be made, and the page that explains those which no test sees."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutation.mutants import Mutant, mutants, mutated
from tests.mutation.reasons import PAGE, read, row, stale, unexplained
from tests.mutation.targets import TARGETS

SOURCE = '''
def f(a: int, b: int = 1) -> int:
    """Text 1."""
    x = a + b
    if a < b and not g(x):
        g(2)
        raise ValueError(f"1{a}")
    return x
'''
EXPECTED = [
    ("f", "1 → 2"),
    ("f", "a + b → a - b"),
    ("f", "a < b and (not g(x)) → a < b or not g(x)"),
    ("f", "a < b → a <= b"),
    ("f", "g(x) → not g(x)"),
    ("f", "2 → 3"),
    ("f", "x = a + b → pass"),
    ("f", "g(2) → pass"),
    ("f", "raise ValueError(f'1{a}') → pass"),
    ("f", "return x → return None"),
]


def test_each_kind_of_mistake_is_made_once() -> None:
    """None in annotations, docstrings and texts for people."""
    found = mutants("f.py", SOURCE)
    assert {mutant[1:3] for mutant in found} >= set(EXPECTED)
    assert not [m for m in found if "Text" in m.what or "int" in m.what]


def test_a_mutant_differs_from_the_code_in_its_mistake_only() -> None:
    """Every one is code that compiles, and no two are the same."""
    found = mutants("f.py", SOURCE)
    texts = [mutated(SOURCE, mutant.index) for mutant in found]
    assert len({*texts, mutated(SOURCE, -1)}) == len(found) + 1
    for text in texts:
        compile(text, "f.py", "exec")
    swapped = texts[[m.what for m in found].index("a < b → a <= b")]
    assert "if a <= b and (not g(x))" in swapped
    assert "x = a + b" in swapped


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.file)
def test_every_target_has_mistakes_and_tests(target) -> None:
    """Each with a name of its own, by which the page finds it."""
    found = mutants(target.file, Path(target.file).read_text())
    assert len(found) > 15
    assert len({mutant[:3] for mutant in found}) == len(found)
    assert all(Path(test).is_file() for test in target.tests)


def test_every_reason_on_the_page_is_about_a_mistake_that_can_be_made() -> None:
    """A row whose code has changed is stale, and has to be looked at again."""
    page = PAGE.read_text()
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    known = read(page)
    assert len(known) == len(rows)
    sources = {target.file: Path(target.file).read_text() for target in TARGETS}
    assert stale(known, sources) == []


def test_a_survivor_without_a_reason_and_a_reason_without_a_mutant_are_told() -> None:
    """A row as the command prints it is read back; without words it explains nothing."""
    mutant = Mutant("f.py", "f", "a | b → a & b", 0)
    assert read(row(mutant, "equal")) == {mutant[:3]: "equal"}
    assert unexplained([mutant], read(row(mutant))) == [mutant]
    assert unexplained([mutant], read(row(mutant, "equal"))) == []
    assert stale(read(row(mutant, "equal")), {"f.py": SOURCE}) == [
        "f.py f a | b → a & b: no such mutant"
    ]
