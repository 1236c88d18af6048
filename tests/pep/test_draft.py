"""The draft is a PEP: header, sections, form, and code that runs."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from docutils.core import publish_string
from sybil.document import Document
from sybil.parsers.rest import PythonCodeBlockParser

from tests.pep.clauses import DRAFT

TEXT = DRAFT.read_text("utf-8")
HEADER = [
    "PEP",
    "Title",
    "Author",
    "Discussions-To",
    "Status",
    "Type",
    "Created",
    "Post-History",
]
SECTIONS = [
    "Abstract",
    "Motivation",
    "Specification",
    "Rationale",
    "Backwards Compatibility",
    "Security Implications",
    "How to Teach This",
    "Reference Implementation",
    "Rejected Ideas",
    "Open Issues",
    "Acknowledgements",
    "Appendix: Clauses and Tests",
    "Copyright",
]


def test_the_header_has_the_fields_of_pep_12_in_their_order():
    """A standard for libraries: no Python-Version."""
    head = TEXT.partition("\n\n")[0]
    fields = dict(line.split(": ", 1) for line in head.splitlines())
    assert list(fields) == HEADER
    assert fields["PEP"] == DRAFT.stem.removeprefix("pep-")
    assert len(fields["Title"]) <= 44
    assert fields["Type"] == "Standards Track"
    assert re.fullmatch(r"\d\d-[A-Z][a-z]{2}-\d{4}", fields["Created"])


def test_the_sections_are_those_of_pep_12_in_their_order():
    """With the appendix before the copyright."""
    titles = re.findall(r"^(.+)\n=+$", TEXT, re.MULTILINE)
    assert titles == SECTIONS


def test_lines_are_short_and_headings_stand_alone():
    """79 columns, no tabs, two blank lines before a heading of the two upper levels."""
    assert not [line for line in TEXT.splitlines() if len(line) > 79 or "\t" in line]
    for match in re.finditer(r"^(.+)\n(=+|-+)$", TEXT, re.MULTILINE):
        if " " not in match[2]:
            assert len(match[1]) == len(match[2]), match[1]


def test_the_abstract_is_short():
    """Two hundred words."""
    abstract = TEXT.split("\nAbstract\n")[1].split("\nMotivation\n")[0]
    assert len(abstract.split()) <= 210


def test_the_whole_is_short():
    """7,330 words without the appendix, code and tables included, as ``wc -w`` counts them."""
    assert len(TEXT.split("\nAppendix: Clauses and Tests\n")[0].split()) <= 7330


def test_it_renders_without_a_warning():
    """By docutils' own reader and writer of PEPs."""
    html = publish_string(
        TEXT,
        source_path=str(DRAFT),
        reader="pep",
        writer="pep_html",
        settings_overrides={"report_level": 2, "halt_level": 2},
    )
    assert b"Histogram Arithmetic" in html


def test_sphinx_lint_has_nothing_to_say():
    """Single backticks, unbalanced literals."""
    done = subprocess.run(
        [sys.executable, "-m", "sphinxlint", str(DRAFT)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_code_block_runs():
    """One after the other, as a reader would type them."""
    document = Document.parse(str(DRAFT), PythonCodeBlockParser())
    examples = list(document.examples())
    assert len(examples) >= 4
    for example in examples:
        example.evaluate()


@pytest.mark.parametrize("word", ["TODO", "XXX", "FIXME"])
def test_nothing_is_left_to_do(word):
    """In words that say so."""
    assert word not in TEXT
