"""docs/architecture.md names files, and names in them, that are there."""

from __future__ import annotations

import re

from tests.examples.moved import BEGIN, PAGE, REWRITTEN, ROOT, shown, table

TEXT = PAGE.read_text("utf-8")
PROSE, _, TABLE = TEXT.partition(BEGIN)
_FILE = re.compile(r"(?<![\w/.])((?:sampler|adapters|tests|docs|pep)/[\w./-]*)")
_NAMED = re.compile(r"`([\w/.-]+\.py)`: ((?:`\w+`(?:, )?)+)")


def test_every_file_that_the_page_names_is_there():
    """Where it sends a reader to; the old names in its last table aside."""
    assert len(shown()) > 50
    named = {*_FILE.findall(PROSE), *shown().values(), *REWRITTEN.values()}
    assert len(named) > 100
    assert [file for file in sorted(named) if not (ROOT / file).exists()] == []


def test_every_name_is_in_the_file_that_it_is_said_to_be_in():
    """A function or class that was renamed is renamed here."""
    found = [(file, name) for file, names in _NAMED.findall(PROSE) for name in names.split(", ")]
    assert len(found) > 15
    for file, name in found:
        said = (ROOT / file).read_text("utf-8")
        assert re.search(
            rf"^ *(?:def|class) {name[1:-1]}\b|^{name[1:-1]}\b", said, re.MULTILINE
        ), (
            file,
            name,
        )


def test_no_file_has_moved_twice_in_the_table():
    """Each old file once, none of them still there under that name with a new one beside it."""
    assert table(shown()) in TABLE
    assert [old for old in shown() if (ROOT / old).exists()] == []
