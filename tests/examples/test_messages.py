"""docs/messages.md explains every line that we log, every error that we raise, and no other."""

from __future__ import annotations

import ast
import re

import pytest

from tests.api.__main__ import LIST
from tests.examples.messages import ROOT, UnreadableError, _of, messages
from tests.examples.test_names import resolve

PAGE = (ROOT / "docs/messages.md").read_text("utf-8")
EXPLAINED = re.findall(r"^\* `(.+)` \*\((\w+)\)\*\\\n  (?=\S)", PAGE, re.MULTILINE)


def test_every_line_that_is_logged_is_explained():
    """With its level; what varies is ``…``."""
    missing = {each for each in messages() if (each.text, each.level) not in EXPLAINED}
    assert missing == set()


def test_every_line_that_is_explained_is_logged():
    """And each is explained once."""
    logged = {(each.text, each.level) for each in messages()}
    assert [each for each in EXPLAINED if each not in logged] == []
    assert len(EXPLAINED) == len(set(EXPLAINED)) > 90


def test_a_call_that_logs_a_computed_text_is_refused():
    """So no line is overlooked."""
    tree = ast.parse("def f(): log.warning(make())")
    with pytest.raises(UnreadableError):
        list(_of("sampler/x.py", tree))


def test_every_error_is_explained():
    """Each public class of exceptions has a row."""
    names = {line.split()[0] for line in LIST.read_text("utf-8").splitlines()}
    errors = {
        name.rpartition(".")[2]
        for name in names
        if re.fullmatch(r"[\w.]*\.[A-Z]\w*[a-z]\w*", name)
        and isinstance(found := resolve(name), type)
        and issubclass(found, BaseException)
    }
    assert errors == set(re.findall(r"^\| `(\w+)` \| ", PAGE, re.MULTILINE))
