"""Renders the draft as a page: its head as a table, its clauses linked to their tests."""

from __future__ import annotations

import re
from typing import Any

DOCUMENT = "pep/pep-9999"
_CLAUSE = re.compile(r"^\*\*([SRCM]-\d\d)\*\* ", re.MULTILINE)
_MADE = "Appendix: Clauses and Tests\n"


def setup(app: Any) -> dict[str, Any]:
    """Change the draft's text as it is read; the file stays as python.org would take it."""
    app.connect("source-read", _rendered)
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
