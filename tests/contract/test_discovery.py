"""Samplers that installed distributions announce: loaded when imported or named, else left."""

from __future__ import annotations

import importlib
import sys
import threading
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

import pytest

from sampler import Collector, Registry
from sampler._registry import registry as registries
from sampler._registry.registry import state_of
from tests.contract.build import mapping, values
from tests.support.waiting import SHORT, PatientClock, hangs, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

GOOD = 'SAMPLER = {"name": "%s", "sample": lambda: [("a", 1)]}\n'


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Install a distribution with one module into a folder on ``sys.path``."""
    monkeypatch.syspath_prepend(tmp_path)
    known = set(sys.modules)

    def install(
        package: str, source: str, *announced: str, group: str = "sampler.samplers"
    ) -> None:
        (tmp_path / f"{package}.py").write_text(source)
        info = tmp_path / f"dist_{package}-1.0.dist-info"
        info.mkdir()
        info.joinpath("METADATA").write_text(
            f"Metadata-Version: 2.1\nName: dist-{package}\nVersion: 1.0\n"
        )
        lines = "\n".join([f"[{group}]", *announced])
        info.joinpath("entry_points.txt").write_text(lines + "\n")
        importlib.invalidate_caches()

    yield install
    for name in set(sys.modules) - known:
        if name.startswith("zz_"):
            del sys.modules[name]


def discover(*names: str, registry: Registry | None = None, **options: Any) -> dict[str, str]:
    """Discover into a registry; return reason and message of each failure by name."""
    found = Registry() if registry is None else registry
    return {
        failure.sampler: f"{failure.reason}: {failure.message}"
        for failure in found.discover(names, **options)
    }


def test_a_group_of_instruments_is_found_as_any_sampler_is(install: Callable[..., None]) -> None:
    """By reference and by entry point; it is registered once."""
    source = "import sampler\nzz_group = sampler.Instruments('zz_group')\n"
    install("zz_shop", source, "zz_group = zz_shop:zz_group")
    for name in ("zz_shop:zz_group", "zz_group"):
        assert discover(name, registry=registries.default) == {}
    group = sys.modules["zz_shop"].zz_group
    (registration,) = [r for r in registries.default if r.name == "zz_group"]
    assert registration is group.registration
    assert registration.origin == "zz_shop:zz_group"
    group.unregister()
    assert "zz_shop:zz_group" in discover("zz_shop:zz_group")


def test_a_group_of_another_registry_is_found_with_all_that_it_makes_later(
    install: Callable[..., None],
) -> None:
    """As by an agent with a registry of its own; either registry may leave it out again."""
    source = "import sampler\nzz_group = sampler.Instruments('zz_group')\n"
    install("zz_shop", source, "zz_group = zz_shop:zz_group")
    first, second = Registry(), Registry()
    for each in (first, first, second):
        assert discover("zz_group", registry=each) == {}
    group = sys.modules["zz_shop"].zz_group
    made = group.counter("orders")
    made.inc(7)
    with Collector(first) as consumer:
        ((series, value),) = consumer.collect()
        assert (series.name, series.kind, value) == ("zz_group.orders", "counter", 7)
        second.unregister("zz_group")
        assert (len(first), len(second)) == (1, 0)
        assert len(list(consumer.collect())) == 1
        group.unregister()
        assert not list(consumer.collect())
    assert len(first) == 0


def test_a_group_that_is_reloaded_stays_where_it_was_found(
    install: Callable[..., None], tmp_path: Path
) -> None:
    """With what its module describes otherwise now."""
    source = "import sampler\nzz_group = sampler.Instruments('zz_group')\n"
    install(
        "zz_shop", f"{source}zz_group.counter('orders').inc()\n", "zz_group = zz_shop:zz_group"
    )
    found = Registry()
    assert discover("zz_group", registry=found) == {}
    (tmp_path / "zz_shop.py").write_text(
        f"{source}zz_group.gauge('orders').set(5)  # was a count\n"
    )
    importlib.reload(sys.modules["zz_shop"])
    with Collector(found) as consumer:
        ((series, value),) = consumer.collect()
    assert (series.kind, value) == ("gauge", 5)
    sys.modules["zz_shop"].zz_group.unregister()


@pytest.mark.clause("R-09")
def test_nothing_is_loaded_that_nobody_has_imported(install: Callable[..., None]) -> None:
    """An installed library that the program does not use costs nothing."""
    install("zz_unused", GOOD % "zz_unused", "zz_unused = zz_unused:SAMPLER")
    registry = Registry()
    assert discover(registry=registry) == {}
    assert "zz_unused" not in registry
    assert "zz_unused" not in sys.modules


@pytest.mark.clause("R-09")
def test_what_the_program_has_imported_is_published(install: Callable[..., None]) -> None:
    """The top-level package decides; the sampler's own module may be loaded then."""
    install("zz_used", GOOD % "zz_used", "zz_used = zz_used:SAMPLER")
    importlib.import_module("zz_used")
    registry = Registry()
    assert discover(registry=registry) == {}
    assert [registration.origin for registration in registry] == ["zz_used"]
    with Collector(registry, deadline=5.0) as consumer:
        assert values(consumer.collect()) == {"zz_used.a": 1}
    assert discover(registry=registry) == {}
    assert len(registry) == 1


def test_what_is_named_is_loaded(install: Callable[..., None]) -> None:
    """By the entry point's name, or as a reference to an object."""
    install("zz_named", GOOD % "zz_named", "zz_named = zz_named:SAMPLER")
    install("zz_plain", GOOD % "zz_other", "")
    registry = Registry()
    assert discover("zz_named", "zz_plain:SAMPLER", registry=registry) == {}
    assert sorted(registration.name for registration in registry) == ["zz_named", "zz_other"]


def test_built_in_samplers_load_only_when_named() -> None:
    """``process`` is there for whoever asks for it, though ``sampler`` is imported."""
    registry = Registry()
    discover(registry=registry)
    assert not [r for r in registry if state_of(r).declaration.name == "process"]
    assert discover("process", registry=registry) == {}
    assert "process" in registry


@pytest.mark.clause("R-14")
def test_no_other_vendor_discovers_what_is_built_in() -> None:
    """It would come to our consumers by way of that vendor's registry, though nobody named it."""
    points = entry_points()
    assert {point.name for point in points.select(group="sampler.built_in")} >= {"process"}
    assert {point.name for point in points.select(group="sampler.once")} >= {"nginx"}
    ours = [
        (point.name, group.removeprefix("sampler.samplers."))
        for group in points.groups
        if group.startswith("sampler.samplers")
        for point in points.select(group=group)
        if point.value.startswith("sampler.")
    ]
    # What tells of a server or a package waits for it, so it comes to who uses that.
    assert ours
    assert not [name for name, package in ours if package in {"", "sampler", "sampler.samplers"}]
    assert {name.partition(".")[0] for name, _ in ours} <= {package for _, package in ours} | {
        "listener"
    }


def test_a_registered_name_needs_no_distribution() -> None:
    """A configuration may name what the program itself has registered."""
    registry = Registry()
    registry.register(mapping("mine"))
    assert discover("mine", registry=registry) == {}


def test_a_missing_name_has_a_suggestion(install: Callable[..., None]) -> None:
    """What was misspelt is looked for among what is announced and registered."""
    install("zz_pool", GOOD % "zz_pool", "zz_pool = zz_pool:SAMPLER")
    registry = Registry()
    registry.register(mapping("checkout"))
    found = discover("zz_pol", "chekout", "nothing_like_it", registry=registry)
    assert found["zz_pol"].startswith("missing: ")
    assert "did you mean 'zz_pool'?" in found["zz_pol"]
    assert "did you mean 'checkout'?" in found["chekout"]
    assert found["nothing_like_it"].startswith("missing: ")
    assert "zz_pool" not in sys.modules


@pytest.mark.parametrize(
    ("source", "reason", "word"),
    [
        (GOOD % "other", "invalid", "must agree"),
        ("raise SystemExit('at import')", "import", "SystemExit: at import"),
        ("import zz_not_there", "import", "zz_not_there"),
        ("1 +", "import", "SyntaxError"),
        ("class E(Exception):\n def __str__(s): raise s\nraise E", "import", "cannot be shown"),
        ("", "import", "AttributeError"),
        ("SAMPLER = 3", "invalid", "expected a mapping"),
        ("SAMPLER = {'name': 'zz_bad'}", "invalid", "exactly one"),
        ("SAMPLER = {'name': 'sampler', 'sample': list}", "invalid", "reserved"),
        ("import queue\nSAMPLER = queue.Queue()", "invalid", "expected a mapping"),
        (
            "class Evil(dict):\n def get(*_): raise ZeroDivisionError\nSAMPLER = Evil()",
            "invalid",
            "ZeroDivisionError",
        ),
    ],
)
@pytest.mark.clause("R-08", "R-10")
def test_one_bad_announcement_is_one_failure(
    install: Callable[..., None], source: str, reason: str, word: str
) -> None:
    """Never an exception; those beside it are published."""
    install("zz_bad", source, "zz_bad = zz_bad:SAMPLER")
    install("zz_good", GOOD % "zz_good", "zz_good = zz_good:SAMPLER")
    registry = Registry()
    found = discover("zz_bad", "zz_good", registry=registry)
    assert list(found) == ["zz_bad"]
    assert found["zz_bad"].startswith(f"{reason}: ")
    assert word in found["zz_bad"]
    assert [registration.name for registration in registry] == ["zz_good"]


def test_a_duplicate_is_one_failure_that_names_the_owner(install: Callable[..., None]) -> None:
    """The program's own registration stands."""
    install("zz_pool", GOOD % "zz_pool", "zz_pool = zz_pool:SAMPLER")
    registry = Registry()
    mine = registry.register(mapping("zz_pool"))
    assert "registered already" in discover("zz_pool", registry=registry)["zz_pool"]
    assert list(registry) == [mine]


def test_two_distributions_with_one_name_give_the_first(install: Callable[..., None]) -> None:
    """One of them is published, whichever is found first; the other one is reported."""
    install("zz_one", GOOD % "zz_same", "zz_same = zz_one:SAMPLER")
    install("zz_two", GOOD % "zz_same", "zz_same = zz_two:SAMPLER")
    registry = Registry()
    assert discover("zz_same", registry=registry)["zz_same"].startswith("duplicate: ")
    assert len(registry) == 1


@pytest.mark.clause("R-10")
def test_an_import_that_hangs_costs_its_deadline(
    install: Callable[..., None], monkeypatch: pytest.MonkeyPatch, patient: PatientClock
) -> None:
    """The others are loaded meanwhile, on another thread."""
    gate = threading.Event()

    def hang() -> None:
        hangs()
        gate.wait(60)

    monkeypatch.setattr(sys, "zz_hang", hang, raising=False)
    before = set(threading.enumerate())
    install("zz_hangs", "import sys\nsys.zz_hang()", "zz_hangs = zz_hangs:SAMPLER")
    install("zz_good", GOOD % "zz_good", "zz_good = zz_good:SAMPLER")
    registry = Registry()
    try:
        found = discover("zz_hangs", "zz_good", registry=registry, deadline=SHORT)
    finally:
        gate.set()
    assert list(found) == ["zz_hangs"]
    assert found["zz_hangs"].startswith("deadline: ")
    assert "zz_good" in registry

    def others() -> set[threading.Thread]:
        return {each for each in threading.enumerate() if each.name != "sampler-log"}

    wait_for(lambda: others() <= before, what="the import to end")


@pytest.mark.parametrize(
    "announced", ["zz_broken", "zz_broken = ???", "zz_broken =", "\udcff\udcfe[", "= zz_broken"]
)
def test_unreadable_metadata_keeps_nobody_else_out(
    install: Callable[..., None], tmp_path: Path, announced: str
) -> None:
    """A malformed ``entry_points.txt`` is its own distribution's loss."""
    install("zz_broken", "", "")
    install("zz_good", GOOD % "zz_good", "zz_good = zz_good:SAMPLER")
    (tmp_path / "dist_zz_broken-1.0.dist-info" / "entry_points.txt").write_bytes(
        b"[sampler.samplers]\n" + announced.encode(errors="surrogateescape") + b"\n"
    )
    importlib.invalidate_caches()
    registry = Registry()
    assert discover("zz_good", registry=registry) == {}
    assert "zz_good" in registry
    assert list(discover("zz_broken")) == ["zz_broken"]


@pytest.mark.parametrize("reference", ["zz_none:SAMPLER", ":", "a:", "os:no_such_thing", "os:a:b"])
def test_a_bad_reference_is_one_failure(reference: str) -> None:
    """A configuration may hold anything."""
    assert list(discover(reference)) == [reference]
