"""A module that is reloaded or imported again takes its instruments over; two owners do not."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

import sampler
from sampler import Collector, Instruments, Registry, SamplerConflict
from sampler.testing import isolated

MODULE = """
import sampler
shop = sampler.Instruments("shop")
orders = shop.counter("orders", labels=("route",))
size = shop.{kind}("size")

class Client:
    def __init__(self):
        self.group = sampler.Instruments("client")
        self.calls = self.group.counter("calls")

def sample():
    yield "n", {number}

sampler.register({{"name": "plain", "sample": sample}})
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What writes the module anew."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write(kind: str = "gauge", number: int = 1, before: str = "") -> None:
        text = before + MODULE.format(kind=kind, number=number)
        (tmp_path / "reloaded.py").write_text(text)
        importlib.invalidate_caches()

    with isolated():
        yield write
    sys.modules.pop("reloaded", None)


def pull(consumer: Collector) -> dict[str, Any]:
    snapshot = consumer.collect()
    assert not snapshot.failures
    return {str(series): value for series, value in snapshot}


def imported(again: bool) -> Any:
    if again:
        sys.modules.pop("reloaded", None)
    module = importlib.import_module("reloaded")
    return module if again else importlib.reload(module)


@pytest.mark.parametrize("again", [False, True], ids=["reloaded", "imported again"])
def test_a_module_gets_what_it_made_before(module, again) -> None:
    """With what was counted; who holds the old instruments counts on, in the same ones."""
    module()
    old = importlib.import_module("reloaded")
    with Collector(sampler.registry) as consumer:
        old.orders.inc(5, route="buy")
        assert pull(consumer) == {'shop.orders{route="buy"}': 5, "plain.n": 1}
        kept = old.orders
        module(number=7, before="# a comment\nimport json\n")
        new = imported(again)
        kept.inc(route="buy")
        new.orders.inc(route="buy")
        assert new.orders is kept
        assert pull(consumer) == {'shop.orders{route="buy"}': 7, "plain.n": 7}
    assert len(sampler.registry) == 2


def test_an_instrument_that_was_edited_begins_anew(module) -> None:
    """With all of its group: what they count from now on is what is reported."""
    module()
    old = importlib.import_module("reloaded")
    with Collector(sampler.registry) as consumer:
        old.orders.inc(5, route="buy")
        pull(consumer)
        module("counter")
        new = imported(False)
        new.orders.inc(2, route="buy")
        new.size.inc(3)
        found = pull(consumer)
    assert found == {'shop.orders{route="buy"}': 2, "shop.size": 3, "plain.n": 1}


def test_a_second_object_of_one_class_shares_the_first_ones(module) -> None:
    """As a second instance of an application in one process does."""
    module()
    client = importlib.import_module("reloaded").Client
    one, other = client(), client()
    one.calls.inc()
    other.calls.inc()
    assert one.calls is other.calls
    assert one.calls.read() == 2


CELL = """
group = sampler.Instruments("cell", registry)
cells = group.counter("runs")
cells.inc()
"""


@pytest.mark.parametrize(
    "names", [("<ipython-input-1-a>", "<ipython-input-2-b>"), ("/tmp/ipykernel_7/1.py",) * 2]
)
def test_a_cell_of_a_notebook_may_run_twice(names) -> None:
    """Also when it was edited, so that it is another file."""
    space = {"sampler": sampler, "registry": Registry(), "__name__": "__main__"}
    for name in names:
        exec(compile(CELL, name, "exec"), space)
    assert space["cells"].read() == 2


PLAIN = """
def sample():
    yield "n", {number}
registry.register({{"name": "plain", "sample": sample}})
"""
LAMBDA = """
registry.register({{"name": "plain", "sample": lambda: [("n", {number})]}})
"""
METHOD = """
class Pool:
    def sample(self):
        yield "n", {number}
registry.register({{"name": "plain", "sample": Pool().sample}})
"""


@pytest.mark.parametrize("text", [PLAIN, LAMBDA, METHOD], ids=["function", "lambda", "method"])
@pytest.mark.parametrize(
    "names",
    [
        ("<ipython-input-1-a>", "<ipython-input-2-b>"),
        ("/tmp/ipykernel_7/1.py", "/tmp/ipykernel_7/2.py"),
        ("<stdin>", "<stdin>"),
    ],
)
def test_a_sampler_may_be_typed_again(names, text) -> None:
    """In a cell of a notebook or at a prompt: what was typed last is what is pulled."""
    space = {"registry": Registry(), "__name__": "__main__"}
    with Collector(space["registry"]) as consumer:
        for number, name in enumerate(names):
            exec(compile(text.format(number=number), name, "exec"), space)
            assert pull(consumer) == {"plain.n": number}
    assert len(space["registry"]) == 1


def test_a_method_of_a_reloaded_module_takes_its_place_and_a_second_object_does_not() -> None:
    """One class that is read twice is one owner; two of its objects are two."""
    space = {"registry": Registry(), "__name__": "pools"}
    for number in (1, 2):
        exec(compile(METHOD.format(number=number), "/srv/pools.py", "exec"), space)
    with Collector(space["registry"]) as consumer:
        assert pull(consumer) == {"plain.n": 2}
    with pytest.raises(SamplerConflict, match="another owner"):
        exec('registry.register({"name": "plain", "sample": Pool().sample})', space)


def test_what_is_in_no_file_of_a_module_is_two_owners() -> None:
    """As of functions that a library makes from text: it is not typed."""
    registry = Registry()
    space = {"registry": registry, "__name__": "made"}
    exec(compile(PLAIN.format(number=1), "<string>", "exec"), space)
    with pytest.raises(SamplerConflict, match=r"unregister\('plain'\) of the registry first"):
        exec(compile(PLAIN.format(number=2), "<string>", "exec"), space)
    registry.unregister("plain")
    exec(compile(PLAIN.format(number=2), "<string>", "exec"), space)


def test_two_owners_are_refused() -> None:
    """Two lines of one module, two modules, a group and a mapping."""
    registry = Registry()
    Instruments("shop", registry)
    with pytest.raises(SamplerConflict, match="another owner"):
        Instruments("shop", registry)
    for name in ("one", "other"):
        space = {"sampler": sampler, "registry": registry, "__name__": name}
        code = compile('sampler.Instruments("two", registry)', f"/srv/{name}.py", "exec")
        if name == "one":
            exec(code, space)
        else:
            with pytest.raises(SamplerConflict, match="another owner"):
                exec(code, space)
    for sample in (list, lambda: [("a", 1)], test_a_cell_of_a_notebook_may_run_twice):
        with pytest.raises(SamplerConflict, match="another owner"):
            registry.register({"name": "shop", "sample": sample})
    registry.register({"name": "plain", "sample": lambda: [("a", 1)]})
    with pytest.raises(SamplerConflict, match="another owner"):
        registry.register({"name": "plain", "sample": lambda: [("a", 1)]})
