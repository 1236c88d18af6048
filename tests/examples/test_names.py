"""Every name of ours that README, docs and examples use can be imported."""

from __future__ import annotations

import ast
import importlib
import re
from typing import TYPE_CHECKING

import pytest

from sampler.agent.self_metrics import METRICS as OWN
from sampler.relay.account import RELAY_METRICS
from tests.examples.pages import PAGES, ROOT, blocks, inline

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OURS = (
    "sampler",
    "sampler_cloudwatch",
    "sampler_dogstatsd",
    "sampler_graphite",
    "sampler_influx",
    "sampler_json",
    "sampler_otlp",
    "sampler_prometheus",
    "sampler_remote_write",
    "sampler_statsd",
)
INSIDE = {"architecture", "decisions", "free-threading", "mutation", "performance"}
"""Pages about the inside, which may name what is private."""
NO_NAMES = {"sampler.py", "sampler.toml", "sampler.schema.json", "sampler.service"} | {
    "sampler.rules.yml",
    "sampler.rules.test.yml",
    "sampler.adapters",
    "sampler.at_fork",
    "sampler.built_in",
    "sampler.bridges.once",
    "sampler.check",
    "sampler.once",
    "sampler.samplers.PACKAGE",
}
"""Files, groups of entry points, and a key of samplers."""
METRICS = [*OWN, *(f"relay.{name}" for name in RELAY_METRICS)]
"""Of the reserved name."""
SOURCES = [*PAGES, *sorted(ROOT.glob("examples/*/**/*.py"))]
_DOTTED = re.compile(r"(?<![\w./{-])(?:sampler|sampler_\w+)(?:\.[A-Za-z_]\w*)+")


def used(source: Path) -> set[str]:
    """Return the dotted names of ours in a page or a program."""
    if source.suffix == ".py":
        return set(in_code(source.read_text("utf-8")))
    found = {
        name for language, text in blocks(source) if language == "python" for name in in_code(text)
    }
    for code in inline(source):
        for name in _DOTTED.findall(code):
            metric = name.removeprefix("sampler.")
            if name not in NO_NAMES and not any(each.startswith(metric) for each in METRICS):
                found.add(name)
    return found


def in_code(text: str) -> Iterator[str]:
    """Yield the names that code imports, or reaches by dots from what it imports."""
    where = {name: name for name in OURS}
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names if each.name.split(".")[0] in OURS)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in OURS:
            for each in node.names:
                where[each.asname or each.name] = f"{node.module}.{each.name}"
                yield f"{node.module}.{each.name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            first, *rest = ast.unparse(node).split(".")
            if first in where and all(map(str.isidentifier, rest)):
                yield ".".join([where[first], *rest])


def resolve(name: str) -> object:
    """Import a dotted name: modules as far as they go, then attributes."""
    first, *rest = name.split(".")
    found: object = importlib.import_module(first)
    path = first
    for word in rest:
        path += f".{word}"
        try:
            found = getattr(found, word)
        except AttributeError:
            found = importlib.import_module(path)
    return found


@pytest.mark.parametrize("source", SOURCES, ids=[str(each.relative_to(ROOT)) for each in SOURCES])
def test_every_name_can_be_imported(source):
    """And is public, except in pages about the inside."""
    for name in sorted(used(source)):
        resolve(name)
        private = any(part[0] == "_" != part[:2][-1] for part in name.split("."))
        assert source.stem in INSIDE or not private, name


def test_names_are_found():
    """Imported ones, dotted ones, and ones in the prose; metrics and files are none."""
    readme, adapters = used(ROOT / "README.md"), used(ROOT / "docs/adapters.md")
    assert {"sampler.Collector", "sampler.register"} <= readme
    assert {"sampler.adapterkit.http_push.HTTPPush", "sampler.agent.option"} <= adapters
    assert "sampler.spool.size" not in used(ROOT / "docs/spool.md")
    assert "sampler.agent.Batch" in used(ROOT / "examples/adapter/sampler_jsonl/__init__.py")
    with pytest.raises(ModuleNotFoundError):
        resolve("sampler.agent.Colector")
