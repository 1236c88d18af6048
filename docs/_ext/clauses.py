"""Makes pages of the draft's clauses, with the tests that carry each, and these tests' source."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

from tests.pep.clauses import DRAFT, ROOT, clauses, marked

FOLDER = "docs/made/clauses"
WHO = {
    "S": "Clauses for samplers",
    "R": "Clauses for registries",
    "C": "Clauses for consumers",
    "M": "Clauses for those who combine processes",
}


def setup(app: Any) -> dict[str, Any]:
    """Make the pages before Sphinx looks for them."""
    app.connect("builder-inited", lambda app: renew(Path(app.srcdir) / FOLDER, pages()))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def pages() -> dict[str, str]:
    """Return the text of each page, by file."""
    tests = marked()
    by_file: dict[str, dict[str, list[str]]] = {}
    for clause, names in tests.items():
        for name in names:
            file, _, test = name.partition("::")
            by_file.setdefault(file, {}).setdefault(test, []).append(clause)
    sources = {f"{_slug(file)}.rst": _source(file, by_file[file]) for file in sorted(by_file)}
    return {
        "clauses.rst": _list(clauses(DRAFT.read_text("utf-8")), tests),
        **sources,
    }


def renew(folder: Path, pages: dict[str, str]) -> None:
    """Write made pages; those that are the same keep their time, so they are not built anew."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        if old.name not in pages:
            old.unlink()
    for name, text in pages.items():
        path = folder / name
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")


def _list(found: list[tuple[str, str]], tests: dict[str, list[str]]) -> str:
    parts = [
        _titled("Clauses and their tests"),
        "Made from the draft and the marks of the tests. A test's name leads to its source.",
        "",
    ]
    letter = ""
    for clause, text in found:
        if clause[0] != letter:
            letter = clause[0]
            parts += [_titled(WHO[letter], "-")]
        label = clause.lower()
        parts += [f".. _tests-{label}:", "", _titled(clause, "~")]
        parts += [f":ref:`In the draft <clause-{label}>`: {_plain(text)}", ""]
        parts += [f"* :ref:`{_words(name)} <{_label(name)}>`" for name in tests.get(clause, [])]
        parts += [""]
    return "\n".join(parts)


def _source(file: str, carried: dict[str, list[str]]) -> str:
    text = (ROOT / file).read_text("utf-8")
    lines, tree = text.splitlines(), ast.parse(text)
    parts = [_titled(file), "Only the tests that carry clauses of the draft.", ""]
    for test, names in sorted(carried.items(), key=lambda item: item[0]):
        node = _found(tree, test.split("::"))
        first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
        code = lines[first - 1 : node.end_lineno]
        parts += [f".. _{_label(f'{file}::{test}')}:", "", _titled(_words(test), "-")]
        parts += ["Clauses " + ", ".join(f":ref:`{n} <clause-{n.lower()}>`" for n in names), ""]
        parts += [".. code-block:: python", "", *(f"   {line}" for line in code), ""]
    return "\n".join(parts)


def _found(tree: ast.AST, path: list[str]) -> Any:
    for name in path:
        (tree,) = [n for n in getattr(tree, "body", []) if getattr(n, "name", None) == name]
    return tree


def _plain(text: str) -> str:
    """Return a clause without the references that only the draft's own page can resolve."""
    text = re.sub(r"`([^`]+)`_(?!_)", r"\1", text)
    return text.removesuffix("::")


def _titled(title: str, line: str = "=") -> str:
    return f"{title}\n{line * len(title)}\n"


def _words(name: str) -> str:
    """Return a test's name as the sentence that it is."""
    *_, last = name.split("::")
    return last.removeprefix("test_").replace("_", " ")


def _slug(file: str) -> str:
    return file.removeprefix("tests/").removesuffix(".py").replace("/", "-")


def _label(name: str) -> str:
    return "test-" + name.lower().replace("::", "-").replace("/", "-").replace("_", "-").replace(
        ".", "-"
    )
