"""Every line that we log, read from the source: its level, and ``…`` for what varies."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SOURCES = [*sorted(ROOT.glob("sampler/**/*.py")), *sorted(ROOT.glob("adapters/**/*.py"))]
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
LOGS = {"log", "_log"}
VARIES = "…"
WRAPPERS = {
    ("sampler/agent/delivery/delivery_log.py", "_warn"): (0, "warning", "adapter %r: "),
    ("sampler/agent/delivery/delivery_log.py", "complain"): (1, "error", "adapter %r: "),
    ("sampler/relay/complaints.py", "add"): (0, "warning", "relay: "),
    ("sampler/_registry/other_registry.py", "_tell"): (1, "warning", "registry %r of %r "),
    ("sampler/adapterkit/http_server.py", "_log_once"): (0, "error", "%s: "),
}
"""Functions that log what they are given: which argument, the level, what comes before it."""
_CALLED = {
    name: (argument, level, before) for (_, name), (argument, level, before) in WRAPPERS.items()
}


class Message(NamedTuple):
    """One line that may be in the log.

    Attributes:
        level: as it is shown, in small letters.
        text: with ``…`` for each part that varies.
        where: file and line.
    """

    level: str
    text: str
    where: str


class UnreadableError(Exception):
    """A call logs a text that cannot be read from the source: make it a literal, or a wrapper."""


def messages() -> Iterator[Message]:
    """Yield every message of the package and the adapters.

    Raises:
        UnreadableError: there is a call whose text is neither a literal nor a wrapper's.
    """
    for source in SOURCES:
        text = source.read_text("utf-8")
        if "log" in text or "complain" in text:
            file = source.relative_to(ROOT).as_posix()
            yield from _of(file, ast.parse(text))


def _of(file: str, tree: ast.Module) -> Iterator[Message]:
    for function in ast.walk(tree):
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        for call in map(_called, ast.walk(function)):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
                continue
            name, owner = call.func.attr, ast.unparse(call.func.value)
            where = f"{file}:{call.lineno}"
            if owner.split(".")[-1] in LOGS and name in LEVELS and call.args:
                if (file, function.name) not in WRAPPERS:
                    level = "error" if name == "exception" else name
                    for text in _texts(call.args[0], function, where):
                        yield Message(level, _shown(text), where)
            elif _wrapper(file, owner, name):
                argument, level, before = _CALLED[name]
                for text in _texts(call.args[argument], function, where):
                    yield Message(level, _shown(before + text), where)
    for name in ast.walk(tree):  # tell = log.warning if ... else log.info; tell("...")
        if isinstance(name, ast.IfExp) and _is_log(name.body) and _is_log(name.orelse):
            yield from _told(file, tree, name)


def _called(node: ast.AST) -> ast.AST:
    """Return the call that a partial one is going to be."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "partial":
        return ast.copy_location(ast.Call(node.args[0], node.args[1:], []), node)
    return node


def _wrapper(file: str, owner: str, name: str) -> bool:
    if name not in _CALLED:
        return False
    (own,) = [each for each, wrapper in WRAPPERS if wrapper == name]
    if name == "add":  # as sets have it
        return owner.endswith("_complaints")
    return owner.endswith("_delivery_log") or own == file


def _is_log(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and ast.unparse(node.value) in LOGS


def _told(file: str, tree: ast.Module, chosen: ast.IfExp) -> Iterator[Message]:
    (name,) = [
        ast.unparse(each.targets[0])
        for each in ast.walk(tree)
        if isinstance(each, ast.Assign) and each.value is chosen
    ]
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and ast.unparse(call.func) == name:
            where = f"{file}:{call.lineno}"
            for text in _texts(call.args[0], tree, where):
                for level in (chosen.body, chosen.orelse):
                    yield Message(ast.unparse(level).split(".")[-1], _shown(text), where)


def _texts(node: ast.expr, within: ast.AST, where: str) -> Iterator[str]:
    """Yield what an argument may be: a literal, an f-string, or what is assigned to its name."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(
            str(part.value) if isinstance(part, ast.Constant) else "%s" for part in node.values
        )
    elif isinstance(node, ast.Name):
        assigned = [
            each.value
            for each in ast.walk(within)
            if isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == node.id
        ]
        if not assigned:
            raise UnreadableError(where)
        for each in assigned:
            yield from _texts(each, within, where)
    else:
        raise UnreadableError(where)


def _shown(text: str) -> str:
    """Return a format with ``…`` for each of its fields, and ``/`` for a new line."""
    return re.sub(r"%[-+0-9.,]*[a-z]", VARIES, text).replace("\n", " / ").replace("%%", "%")
