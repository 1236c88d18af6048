"""The tests that carry a mark, read from their files without running them."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TESTS = Path(__file__).parents[1]
_MARK = "pytest.mark."
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Marked(NamedTuple):
    """One test.

    Attributes:
        name: as pytest takes it, ``path::name``.
        values: what the mark names, in the order in which it does.
        marks: the names of all its marks.
    """

    name: str
    values: tuple[object, ...]
    marks: frozenset[str]


def marked(mark: str, folder: Path = TESTS) -> Iterator[Marked]:
    """Yield the tests that carry ``mark``: themselves, by class or module, or in a case."""
    for file in sorted(folder.rglob("test_*.py")):
        text = file.read_text("utf-8")
        if _MARK + mark not in text:  # parsing takes long
            continue
        tree = ast.parse(text)
        for name, marks in _tests(tree.body, _of_module(tree)):
            # In a case: pytest.param(..., marks=pytest.mark.scenario(7)).
            inside = [each for top in marks for each in ast.walk(top)]
            values = tuple(
                argument.value
                for call in inside
                if isinstance(call, ast.Call) and ast.unparse(call.func) == _MARK + mark
                for argument in call.args
                if isinstance(argument, ast.Constant)
            )
            if values:
                names = {ast.unparse(each) for each in inside if isinstance(each, ast.Attribute)}
                where = file.relative_to(folder.parent).as_posix()
                yield Marked(
                    f"{where}::{name}",
                    tuple(dict.fromkeys(values)),
                    frozenset(n.removeprefix(_MARK) for n in names if n.startswith(_MARK)),
                )


def _tests(
    body: Iterable[ast.stmt], outer: list[ast.expr], prefix: str = ""
) -> Iterator[tuple[str, list[ast.expr]]]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _tests(node.body, outer + node.decorator_list, f"{prefix}{node.name}::")
        elif isinstance(node, _FUNCTIONS) and node.name.startswith("test"):
            yield prefix + node.name, outer + node.decorator_list


def _of_module(tree: ast.Module) -> list[ast.expr]:
    return [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"
    ]
