"""The mistakes: other operators, comparisons and constants, turned conditions, lost statements."""

from __future__ import annotations

import ast
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
}
_STATEMENTS = (ast.Assign, ast.AugAssign, ast.Delete, ast.Raise, ast.Continue, ast.Break)
_SKIPPED = ("__repr__", "__str__")
"""Of what is for people only, no test is exact."""


class Mutant(NamedTuple):
    """One mistake.

    Attributes:
        file: the path of the file it is in.
        where: the function or class, by its qualified name; or ``module``.
        what: the code before and after, and which one of several that are equal.
        index: its place among those of the file.
    """

    file: str
    where: str
    what: str
    index: int


def mutants(file: str, source: str) -> list[Mutant]:
    """Return every mistake that is made in a file."""
    seen: Counter[tuple[str, str]] = Counter()
    found = []
    for index, (where, before, after, _) in enumerate(_places(ast.parse(source))):
        what = f"{before} → {after}"
        seen[where, what] += 1
        if (again := seen[where, what]) > 1:
            what += f" ({again})"
        found.append(Mutant(file, where or "module", what, index))
    return found


def mutated(source: str, index: int) -> str:
    """Return the code with one mistake in it."""
    tree = ast.parse(source)
    for number, (_, _, _, make) in enumerate(_places(tree)):
        if number == index:
            make()
            break
    return ast.unparse(ast.fix_missing_locations(tree))


_Place = tuple[str, str, str, "Callable[[], None]"]


def _places(tree: ast.AST, where: str = "") -> Iterator[_Place]:
    """Walk the tree; whoever calls a place's function changes it and walks no further."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if node.name not in _SKIPPED:
                yield from _places(node, f"{where}.{node.name}".lstrip("."))
        elif not _out_of_bounds(node):
            yield from _of_node(node, where)
            yield from _places(node, where)
    for body in ("body", "orelse", "finalbody"):
        statements = getattr(tree, body, None)
        if where and isinstance(statements, list):
            yield from _lost(statements, where)


def _out_of_bounds(node: ast.AST) -> bool:
    """Tell whether nothing in it is code that decides: annotations, texts for people, asserts."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return True
    if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in {
        "__slots__",
        "TYPE_CHECKING",
    }:
        return True
    if isinstance(node, ast.keyword) and node.arg == "strict":
        return True
    return isinstance(node, ast.arg | ast.Import | ast.ImportFrom | ast.Assert | ast.JoinedStr)


def _of_node(node: ast.AST, where: str) -> Iterator[_Place]:
    if isinstance(node, ast.Compare):
        for i, operator in enumerate(node.ops):
            yield _swap(node, where, lambda new, i=i: node.ops.__setitem__(i, new), operator)
    elif isinstance(node, ast.BoolOp | ast.BinOp | ast.AugAssign):
        if type(node.op) in _SWAPPED:
            yield _swap(node, where, lambda new: setattr(node, "op", new), node.op)
    elif isinstance(node, ast.Constant):
        yield from _constant(node, where)
    for name in ("test", "operand"):
        turned = name == "test" or isinstance(getattr(node, "op", None), ast.Not)
        inner = getattr(node, name, None)
        if turned and inner is not None and not isinstance(inner, ast.Compare | ast.UnaryOp):
            new = ast.UnaryOp(ast.Not(), inner)
            yield (
                where,
                ast.unparse(inner),
                ast.unparse(new),
                lambda name=name, new=new: setattr(node, name, new),
            )
    if isinstance(node, ast.Return) and node.value is not None and not _is_false(node.value):
        none = ast.Constant(None)
        yield where, ast.unparse(node), "return None", lambda: setattr(node, "value", none)


def _swap(node: ast.AST, where: str, put: Callable[[Any], None], operator: ast.AST) -> _Place:
    new = _SWAPPED[type(operator)]()
    before = ast.unparse(node)
    put(new)
    after = ast.unparse(node)
    put(operator)
    return where, before, after, lambda: put(new)


def _constant(node: ast.Constant, where: str) -> Iterator[_Place]:
    value = node.value
    if isinstance(value, bool):
        other: Any = not value
    elif isinstance(value, int | float):
        other = value + 1
    else:
        return
    yield where, repr(value), repr(other), lambda: setattr(node, "value", other)


def _lost(statements: list[ast.stmt], where: str) -> Iterator[_Place]:
    for i, statement in enumerate(statements):
        call = isinstance(statement, ast.Expr) and isinstance(
            statement.value, ast.Call | ast.Yield | ast.YieldFrom
        )
        if (call or isinstance(statement, _STATEMENTS)) and not _out_of_bounds(statement):
            before = " ".join(ast.unparse(statement).split())
            yield where, before, "pass", lambda i=i: statements.__setitem__(i, ast.Pass())


def _is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and not node.value
