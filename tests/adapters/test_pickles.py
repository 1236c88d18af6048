"""Pickles are written, never read, and unpickling them imports nothing."""

from __future__ import annotations

import ast
import enum
import pickle
import pickletools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from sampler import Collector, Registry
from sampler_graphite import Graphite
from tests.adapters.corpus import corpus
from tests.adapters.shapes import block, gauge, snapshot, snapshot_of, snapshots

ROOT = Path(__file__).parents[2]
PLAIN = {
    *("PROTO", "STOP", "MARK", "EMPTY_LIST", "APPEND", "APPENDS", "TUPLE2"),
    *("BINUNICODE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
}
"""Lists, tuples, texts and numbers; nothing that names a class, calls, or refers."""


def codes(shot):
    """Return the opcodes of all that a snapshot is pickled to."""
    return {
        opcode.name
        for batch in Graphite(protocol="pickle").encode(shot, {})
        for frame in batch.frames
        for opcode, _, _ in pickletools.genops(frame[4:])
    }


@settings(max_examples=30)
@given(snapshots())
def test_a_pickle_is_lists_tuples_texts_and_numbers(shot):
    """Whatever is in a snapshot."""
    assert codes(shot) <= PLAIN


def test_a_corpus_of_hostile_entries_is_pickled_plainly_too():
    """With every type of value."""
    found = codes(snapshot_of(block(*corpus(2_000))))
    assert {"BINUNICODE", "TUPLE2", "BINFLOAT", "BININT"} <= found <= PLAIN


class Level(enum.IntEnum):
    """A subclass of a number."""

    HIGH = 3


@pytest.mark.parametrize(
    "value", [np.float64(1.5), np.int64(7), Level.HIGH, True, type("Own", (float,), {})(2.5)]
)
def test_numbers_of_foreign_classes_arrive_as_plain_ones(value):
    """A receiver has no numpy, and may not import it."""
    registry = Registry()
    registry.register({"name": "a", "sample": lambda: [("b", value)]})
    with Collector(registry, name="t", interval=10) as collector:
        assert codes(collector.collect()) <= PLAIN


EDGES = [
    edge + near
    for bits in (7, 8, 15, 16, 31, 32, 62)
    for edge in (2**bits, -(2**bits))
    for near in (-1, 0, 1)
]


@pytest.mark.parametrize("value", [*EDGES, 0, 2**63 - 1, -(2**63)])
def test_whole_numbers_are_exact_where_their_width_changes(value):
    """As the reference reads them."""
    (batch,) = Graphite(protocol="pickle", prefix="").encode(snapshot((gauge("a.b"), value)), {})
    ((_, (_, read)),) = pickle.loads(batch.frames[0][4:])
    assert (read, type(read)) == (value, int)


READERS = ("tomllib", "json", "plugin", "point", "announcement")
"""Modules that read text only, and entry points, which are code that was installed."""


def unpicklers(tree):
    """Yield what a module calls or imports to read pickles, or to run what it reads."""
    nodes = list(ast.walk(tree))
    imports = [each for each in nodes if isinstance(each, ast.Import | ast.ImportFrom)]
    modules = {name.asname or name.name for each in imports for name in each.names}
    called = {id(each.func) for each in nodes if isinstance(each, ast.Call)}
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module in ("pickle", "marshal", "shelve"):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.Import):
            yield from (e.name for e in node.names if e.name in ("marshal", "shelve", "dill"))
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            name = node.value.id
            reads = node.attr in ("loads", "load", "Unpickler") and name not in READERS
            if reads and (name in modules or id(node) in called):  # else it is a mere attribute
                yield f"{name}.{node.attr}"
        elif isinstance(node, ast.Name) and node.id in ("eval", "exec", "Unpickler"):
            yield node.id


def test_no_code_of_ours_reads_a_pickle():
    """Nor runs text that it was given; entry points are loaded, and those only."""
    found = {
        f"{file.relative_to(ROOT)}: {name}"
        for folder in ("sampler", "adapters")
        for file in (ROOT / folder).rglob("*.py")
        for name in unpicklers(ast.parse(file.read_text("utf-8")))
    }
    assert found == set()


@pytest.mark.parametrize(
    "code",
    [
        "import pickle\npickle.loads(b'')",
        "import pickle as p\nlist(map(p.load, []))",
        "from pickle import load",
        "eval('1')",
    ],
)
def test_what_is_looked_for_is_found(code):
    """The search can fail."""
    assert list(unpicklers(ast.parse(code)))
