"""Public names and their signatures, as griffe reads them from the source; nothing is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import griffe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

PACKAGES = (
    "sampler",
    "sampler_cloudwatch",
    "sampler_dogstatsd",
    "sampler_graphite",
    "sampler_influx",
    "sampler_json",
    "sampler_newrelic",
    "sampler_otlp",
    "sampler_prometheus",
    "sampler_remote_write",
    "sampler_statsd",
)
PRIVATE = ("sampler.__main__", "sampler.agent.", "sampler.cli", "sampler.page.", "sampler.relay.")
"""What has no underscore and yet is nobody's to import: the agent's rooms, and the command."""
_OURS = tuple(f"{name}." for name in PACKAGES)
_FOR_PEOPLE = {"__repr__", "__str__"}
_FOLDED = {"__init__", "__new__", "__attrs_post_init__", "__slots__"}
"""The first two are shown with their class, the others are private."""


class _Overloads(griffe.Extension):
    """Keeps what our ``overload`` marks: griffe knows only the one of ``typing``."""

    def __init__(self) -> None:
        self._ways: dict[str, list[Any]] = {}

    def on_function_instance(self, *, func: Any, **_: Any) -> None:
        """Note a way to call a function; the definition that follows them gets them all."""
        if any(str(decorator.value) == "overload" for decorator in func.decorators):
            self._ways.setdefault(func.path, []).append(func)
        elif func.path in self._ways:
            func.extra["overloads"]["ways"] = self._ways.pop(func.path)


def surface(paths: Sequence[Path]) -> dict[str, str]:
    """Return each public name and its signature, sorted.

    Args:
        paths: folders that the packages are in.
    """
    loader = griffe.GriffeLoader(
        search_paths=paths, allow_inspection=False, extensions=griffe.load_extensions(_Overloads())
    )
    packages = [loader.load(name, try_relative_path=False) for name in PACKAGES]
    loader.resolve_aliases(external=False)
    first: dict[str, str] = {}  # an object's own path to the public name it is listed under
    names: dict[str, str] = {}
    returned: list[Any] = []
    for package in packages:
        for module in _modules(package):
            for name, member in module.members.items():
                if _exported(module, name, member):
                    path = f"{module.path}.{name}"
                    target = member.final_target if member.is_alias else member
                    if (known := first.setdefault(target.path, path)) != path:
                        names[path] = f"= {known}"
                    else:
                        names.update(_described(path, target))
                        returned += _returned(target)
    for target in returned:  # it grows meanwhile
        if target.path not in first:
            first[target.path] = target.path
            names.update(_described(target.path, target))
            returned += _returned(target)
    return dict(sorted(names.items()))


def _returned(found: Any) -> Iterator[Any]:
    """Yield the classes that a function, or a class' methods, return: callers use them, too."""
    members = found.members.values() if found.is_class else [found]
    for function in members:
        if not function.is_function or function.name.startswith("_"):
            continue
        returns = function.returns
        for part in returns.iterate(flat=True) if isinstance(returns, griffe.Expr) else ():
            if isinstance(part, griffe.ExprName) and part.canonical_path.startswith(_OURS):
                target = found.modules_collection.get_member(part.canonical_path)
                target = target.final_target if target.is_alias else target
                if target.is_class:
                    yield target


def _modules(module: Any) -> Iterator[Any]:
    """Yield a module and the public ones in it, the outer before the inner."""
    if module.path.startswith(PRIVATE):
        return
    yield module
    for name, member in sorted(module.members.items()):
        if not member.is_alias and member.is_module and not name.startswith("_"):
            yield from _modules(member)


def _exported(module: Any, name: str, member: Any) -> bool:
    if member.is_alias and not member.resolved:
        return False
    if member.is_module or name == "TYPE_CHECKING":
        return False
    if module.exports is not None:
        return name in module.exports
    return not name.startswith("_") and not member.is_alias


def _described(path: str, found: Any) -> Iterator[tuple[str, str]]:
    if not found.is_class:
        yield path, _signature(found)
        return
    members = found.all_members
    bases = ", ".join(str(base) for base in found.bases)
    making = members.get("__init__") or members.get("__new__")
    parameters = _parameters(making) if making is not None else ""
    yield path, f"class{parameters}" + (f" of {bases}" if bases else "")
    for name, member in members.items():
        special = name.startswith("__") and name not in _FOR_PEOPLE | _FOLDED
        if special or not name.startswith("_"):
            yield f"{path}.{name}", _signature(member)


def _signature(found: Any) -> str:
    if found.is_function:
        marks = [kind for kind in ("async", "classmethod", "staticmethod") if kind in found.labels]
        ways = found.extra["overloads"].get("ways", [found])
        return " ".join((*marks, " | ".join(map(_call, ways))))
    if found.is_class:
        return "class"
    annotation = f": {found.annotation}" if found.annotation is not None else ""
    if "property" in found.labels:
        return f"property{annotation}"
    of_instances = "instance-attribute" in found.labels and "class-attribute" not in found.labels
    value = "" if of_instances else _default(found.value)
    return f"{annotation} = {value}".strip() if value else annotation or "attribute"


def _call(function: Any) -> str:
    returns = f" -> {function.returns}" if function.returns is not None else ""
    return _parameters(function) + returns


def _parameters(function: Any) -> str:
    """Return the parameters in parentheses, without ``self``."""
    return str(function.signature(return_type=False)).removeprefix(function.name)


def _default(value: Any) -> str:
    """Return a default or a constant as text; help texts and tables are left out."""
    if value is None:
        return ""
    if isinstance(value, griffe.ExprCall):
        arguments = list(value.arguments)
        named = {
            each.name: each.value for each in arguments if isinstance(each, griffe.ExprKeyword)
        }
        if str(value.function) == "option":
            return str(named["default"] if "default" in named else arguments[0])
        if "factory" in named:
            return f"{named['factory']}()"
        return str(named.get("default", ""))
    return "{...}" if isinstance(value, griffe.ExprDict) else str(value)
