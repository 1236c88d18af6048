"""The clauses of the draft, the tests that carry them, and what is wrong between the two."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tests.support import marks

ROOT = Path(__file__).parents[2]
DRAFT = ROOT / "pep" / "pep-9999.rst"
TITLE = "Appendix: Clauses and Tests"
LETTERS = "SRCM"
"""Whom a clause binds, by the letter of its id, in the order of the draft."""
_CLAUSE = re.compile(rf"^\*\*([{LETTERS}]-\d\d)\*\* ((?:.+\n)+)", re.MULTILINE)
_WORDS = re.compile(r"\b(MUST|SHOULD|MAY)\b")


def clauses(text: str) -> list[tuple[str, str]]:
    """Return the clauses of a draft as (id, text), in its order, duplicates included."""
    return [(match[1], " ".join(match[2].split())) for match in _CLAUSE.finditer(text)]


def marked() -> dict[str, list[str]]:
    """Return, by clause, the tests that are marked with it, as ``path::name``."""
    found: dict[str, list[str]] = {}
    for test in marks.marked("clause"):
        for each in test.values:
            found.setdefault(str(each), []).append(test.name)
    return found


def faults(found: list[tuple[str, str]], tests: dict[str, list[str]]) -> list[str]:
    """Say what is wrong: nothing, when each clause is tested and each mark names a clause."""
    ids = [each for each, _ in found]
    said = [f"{each} occurs twice" for each in sorted({i for i in ids if ids.count(i) > 1})]
    said += [
        f"{each} has no MUST, SHOULD or MAY" for each, text in found if not _WORDS.search(text)
    ]
    said += [f"{each} has no test" for each in ids if each not in tests]
    said += [f"{tests[each][0]} is marked with {each}" for each in tests if each not in ids]
    for letter in LETTERS:
        numbers = list(dict.fromkeys(int(each[2:]) for each in ids if each[0] == letter))
        if numbers != list(range(1, len(numbers) + 1)):
            said.append(f"{letter}: the numbers have a gap, or do not rise")
    return said


def appendix(tests: dict[str, list[str]]) -> str:
    """Return the section that maps clauses to tests."""
    lines = [TITLE, "=" * len(TITLE), "", "Made from the marks of the tests.", "", "::", ""]
    for each in sorted(tests, key=lambda i: (LETTERS.index(i[0]), i)):
        for test in tests[each]:
            file, _, name = test.partition("::")
            lines += [f"    {each}  {file}", f"      {name}"]  # names have up to 73 characters
    return "\n".join(lines) + "\n"


def table(found: list[tuple[str, str]], tests: dict[str, list[str]]) -> str:
    """Return each clause with the number of its tests and how it begins."""
    rows = [f"{each}  {len(tests.get(each, [])):2} tests  {text[:58]}" for each, text in found]
    carried = sum(each in tests for each, _ in found)
    return "\n".join([*rows, f"{carried} of {len(found)} clauses are tested"])


def write() -> None:
    """Make the appendix of the draft anew."""
    text = DRAFT.read_text("utf-8")
    head, _, rest = text.partition(TITLE)
    _, _, tail = rest.partition("\n\n\n")
    DRAFT.write_text(head + appendix(marked()) + "\n\n" + tail, "utf-8")


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        write()
    draft, tests = clauses(DRAFT.read_text("utf-8")), marked()
    print(table(draft, tests))
    if wrong := faults(draft, tests):
        sys.exit("\n".join(wrong))
