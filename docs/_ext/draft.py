"""Renders the draft as a page: its head as a table, its clauses linked to their tests."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref

from tests.pep.clauses import DRAFT, clauses

DOCUMENT = "pep/pep-9999"
_CLAUSE = re.compile(r"^\*\*([SRCM]-\d\d)\*\* ", re.MULTILINE)
_MENTION = re.compile(r"\b([SRCM]-\d\d)\b")
_KNOWN = {clause for clause, _ in clauses(DRAFT.read_text("utf-8"))}
_MADE = "Appendix: Clauses and Tests\n"


def setup(app: Any) -> dict[str, Any]:
    """Change the draft's text as it is read; the file stays as python.org would take it."""
    app.connect("source-read", _rendered)
    app.connect("doctree-read", _mentions)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _rendered(_app: Any, name: str, source: list[str]) -> None:
    if name != DOCUMENT:
        return
    head, _, text = source[0].partition("\n\n")
    fields = dict(line.split(": ", 1) for line in head.splitlines())
    title = f"PEP {fields['PEP']}: {fields['Title']}"
    table = [f":{key}: {value.replace('<', '').replace('>', '')}" for key, value in fields.items()]
    text = _CLAUSE.sub(_linked, text)
    before, _, after = text.partition(_MADE)
    _, _, rest = after.partition("\n\n\n")
    where = ":doc:`/docs/made/clauses/clauses` has them, with the source of each test."
    appendix = f"{_MADE}{'=' * (len(_MADE) - 1)}\n\n{where}\n\n\n"
    over = "#" * len(title)
    source[0] = "\n".join([over, title, over, "", *table, "", before + appendix + rest])


def _linked(clause: re.Match[str]) -> str:
    name = clause[1]
    label = name.lower()
    return f".. _clause-{label}:\n\n:ref:`{name} <tests-{label}>` "


def _mentions(app: Any, tree: nodes.document) -> None:
    """Link each mention of a clause, on any page, to the clause."""
    for text in list(tree.findall(nodes.Text)):
        within = text.parent
        plain = isinstance(within, nodes.paragraph | nodes.emphasis | nodes.strong)
        if plain and _MENTION.search(text):
            parts = _MENTION.split(text)
            found = [
                _reference(part, app.env.docname) if part in _KNOWN else nodes.Text(part)
                for part in parts
                if part
            ]
            within.replace(text, found)


def _reference(clause: str, page: str) -> pending_xref:
    options = {"refdomain": "std", "reftype": "ref", "refexplicit": True, "refwarn": True}
    target = f"clause-{clause.lower()}"
    return pending_xref("", nodes.inline("", clause), reftarget=target, refdoc=page, **options)
