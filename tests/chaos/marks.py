"""The tests that carry each scenario, read from their marks without running them."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.chaos.scenarios import SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

ROOT = Path(__file__).parents[2]
_MARK = "pytest.mark."
_LEVELS = {"netns": "B", "long": "C"}


class Marked(NamedTuple):
    """One test.

    Attributes:
        name: as pytest takes it, ``path::name``.
        marks: ``netns`` and ``long``, if it has them.
    """

    name: str
    marks: tuple[str, ...] = ()

    @property
    def level(self) -> str:
        """A: everywhere; B: needs namespaces; C: needs time."""
        return max((_LEVELS[mark] for mark in self.marks), default="A")

    @property
    def command(self) -> str:
        """What runs it, behind ``uv run``."""
        return f"pytest {'-m long ' if 'long' in self.marks else ''}{self.name}"


def marked(folder: Path = ROOT / "tests") -> dict[int, list[Marked]]:
    """Return the tests by the numbers they are marked with."""
    found: dict[int, list[Marked]] = {}
    for file in sorted(folder.rglob("test_*.py")):
        text = file.read_text("utf-8")
        if f"{_MARK}scenario" not in text:  # parsing takes long
            continue
        tree = ast.parse(text)
        for name, numbers, marks in _tests(tree.body, _module_marks(tree)):
            for number in sorted(numbers):
                test = Marked(f"{file.relative_to(ROOT).as_posix()}::{name}", marks)
                found.setdefault(number, []).append(test)
    return found


def faults(tests: Mapping[int, list[Marked]]) -> list[str]:
    """Say what is wrong: nothing, when each scenario has a test and each mark names one."""
    said = [f"scenario {number} has no test" for number in SCENARIOS if number not in tests]
    return said + [
        f"{tests[number][0].name} is marked with scenario {number}, which there is not"
        for number in sorted(tests)
        if number not in SCENARIOS
    ]


def _tests(
    body: Iterable[ast.stmt], outer: list[ast.expr], prefix: str = ""
) -> Iterator[tuple[str, set[int], tuple[str, ...]]]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _tests(node.body, outer + node.decorator_list, f"{prefix}{node.name}::")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            # A mark may also stand in a case: pytest.param(..., marks=pytest.mark.scenario(7)).
            inside = [each for top in outer + node.decorator_list for each in ast.walk(top)]
            numbers = {
                argument.value
                for call in inside
                if isinstance(call, ast.Call) and ast.unparse(call.func) == f"{_MARK}scenario"
                for argument in call.args
                if isinstance(argument, ast.Constant) and isinstance(argument.value, int)
            }
            names = {ast.unparse(each) for each in inside if isinstance(each, ast.Attribute)}
            if numbers and node.name.startswith("test"):
                marks = tuple(mark for mark in _LEVELS if f"{_MARK}{mark}" in names)
                yield prefix + node.name, numbers, marks


def _module_marks(tree: ast.Module) -> list[ast.expr]:
    return [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"
    ]
