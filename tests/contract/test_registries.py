"""Registries that announce themselves: two vendors in one program."""

from __future__ import annotations

import importlib
import json
import logging
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sampler import Collector, Instruments, Registry, register
from sampler._registry import all_registries, other_registry
from sampler._registry import registry as registries
from sampler._runtime.log import log
from tests.contract.build import mapping, reasons, values
from tests.support.distributions import Site, sites
from tests.support.waiting import SHORT, PatientClock, hangs, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sampler import Series, Snapshot

GROUP = "sampler.registries"
VENDOR = Path(__file__).with_name("other_vendor.py").read_text()
SUM = {"n": {"kind": "counter"}}


@pytest.fixture(autouse=True)
def _ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty default registry, and nothing told yet."""
    monkeypatch.setattr(registries, "default", Registry())
    monkeypatch.setattr(other_registry, "_told", set())


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A folder on ``sys.path``, in which another vendor is installed."""
    for (found,) in sites(tmp_path, monkeypatch, "site"):
        announced = {"vendor": "zz_vendor:default"}
        found.install("vendor", announced, group=GROUP, files={"zz_vendor.py": VENDOR})
        yield found


@pytest.fixture
def vendor(site: Site) -> Any:
    """That vendor's module, imported."""
    return importlib.import_module("zz_vendor")


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """Return what has been logged of registries."""
    caplog.set_level(logging.WARNING, "sampler")

    def lines() -> list[str]:
        log.flush()
        return [each for each in caplog.messages if each.startswith("registry ")]

    return lines


def counter(name: str, value: int, **keys: Any) -> dict[str, Any]:
    """Return a sampler of one counter."""
    return mapping(name, ("n", value), metrics=SUM, **keys)


def series(snapshot: Snapshot, name: str) -> Series:
    """Return the one series of that full name."""
    (found,) = [each for each, _ in snapshot if each.name == name]
    return found


@pytest.mark.clause("R-14", "R-12")
@pytest.mark.usefixtures("site")
def test_a_consumer_told_nothing_else_pulls_all_registries() -> None:
    """Once their package has been imported, and what is registered and unregistered later."""
    register(mapping("mine", ("a", 1)))
    with Collector(deadline=5.0) as consumer:
        assert values(consumer.collect()) == {"mine.a": 1}
        assert "zz_vendor" not in sys.modules
        vendor = importlib.import_module("zz_vendor")
        theirs = vendor.default.register(mapping("theirs", ("b", 2)))
        assert values(consumer.collect()) == {"mine.a": 1, "theirs.b": 2}
        vendor.default.unregister(theirs)
        vendor.default.register(mapping("late", ("c", 3)))
        assert values(consumer.collect()) == {"mine.a": 1, "late.c": 3}


@pytest.mark.clause("R-14")
def test_a_consumer_told_a_registry_pulls_that_one(vendor: Any, registry: Registry) -> None:
    """Of any vendor."""
    vendor.default.register(mapping("theirs", ("b", 2)))
    registry.register(mapping("mine", ("a", 1)))
    with Collector(registry, deadline=5.0) as consumer:
        assert values(consumer.collect()) == {"mine.a": 1}
    with Collector(vendor.default, deadline=5.0) as consumer:
        assert values(consumer.collect()) == {"theirs.b": 2}


@pytest.mark.clause("R-12")
def test_registrations_need_a_mapping_and_a_time_only(vendor: Any) -> None:
    """They may have no hash, and equal each other."""

    class Bare:
        __slots__ = ("sampler", "time")
        __hash__ = None  # type: ignore[assignment]

        def __init__(self, sampler: Any) -> None:
            self.sampler, self.time = sampler, 5

        def __eq__(self, other: object) -> bool:
            return True

    vendor.default.all = (Bare(mapping("one", ("a", 1))), Bare(mapping("two", ("a", 2))))
    with Collector(deadline=5.0) as consumer:
        first = consumer.collect()
        assert values(first) == {"one.a": 1, "two.a": 2}
        assert [block.series for block in consumer.collect().blocks] == [
            block.series for block in first.blocks
        ]


@pytest.mark.clause("R-14")
def test_of_two_with_one_name_the_earlier_stands(vendor: Any) -> None:
    """Whoever holds it; those with other constant labels are others."""
    vendor.default.register(counter("same", 1, labels={"pool": 1, "empty": ""}))
    vendor.default.register(counter("same", 3, labels={"pool": "b"}))
    register(counter("same", 2, labels={"pool": "1"}))
    register(counter("one", 10))
    vendor.default.register(counter("one", 20))
    with Collector(deadline=5.0) as consumer:
        assert values(consumer.collect()) == {
            'same.n{pool="1"}': 1,
            'same.n{pool="b"}': 3,
            "one.n": 10,
        }


@pytest.mark.clause("R-14", "C-16")
@pytest.mark.parametrize("ours_first", [True, False])
def test_what_takes_the_place_of_another_begins_with_baselines(
    vendor: Any, *, ours_first: bool
) -> None:
    """Both count the same, so what was counted before is counted; it stays in place then."""
    with Collector(deadline=5.0) as consumer:
        consumer.collect()
        alone = register(counter("alone", 7))
        owners = [register, vendor.default.register]
        one, two = [
            each(counter("same", value))
            for each, value in zip(owners if ours_first else owners[::-1], (7, 9), strict=True)
        ]
        two.time = max(two.time, one.time + 1e-3)
        first = consumer.collect()
        assert values(first) == {"same.n": 7, "alone.n": 7}
        assert series(first, "same.n").start is not None
        assert series(first, "alone.n").start is not None
        if ours_first:
            one.unregister()
        else:
            vendor.default.unregister(one)
        second = consumer.collect()
        assert values(second) == {"same.n": 9, "alone.n": 7}
        assert series(second, "same.n").start is None
        alone.unregister()
        assert series(consumer.collect(), "same.n") is series(second, "same.n")


@pytest.mark.clause("R-14", "C-16")
def test_an_earlier_registration_that_is_found_later_begins_with_baselines(site: Site) -> None:
    """As when its package is imported while the later one is pulled."""
    site.write({"zz_vendor.py": VENDOR + "default.register(dict(name='same', metrics="
                "{'n': {'kind': 'counter'}}, sample=lambda: [('n', 50)]), 5.0)\n"})  # fmt: skip
    with Collector(deadline=5.0) as consumer:
        consumer.collect()
        register(counter("same", 40))
        assert values(consumer.collect()) == {"same.n": 40}
        importlib.import_module("zz_vendor")
        snapshot = consumer.collect()
        assert values(snapshot) == {"same.n": 50}
        assert series(snapshot, "same.n").start is None


@pytest.mark.clause("R-14", "C-16")
def test_what_is_unregistered_in_between_counts_nothing_twice(vendor: Any) -> None:
    """One ends, and the other registry's begins, in this round or a later one."""
    with Collector(deadline=5.0) as consumer:
        mine = register(counter("same", 40))
        consumer.collect()
        mine.unregister()
        vendor.default.register(counter("same", 50))
        assert series(consumer.collect(), "same.n").start is None
        vendor.default.all = ()
        consumer.collect()
        theirs = vendor.default.register(counter("same", 5))
        assert series(consumer.collect(), "same.n").start is not None
        vendor.default.unregister(theirs)
        consumer.collect()
        consumer.collect()
        register(counter("same", 60))
        assert series(consumer.collect(), "same.n").start is None


@pytest.mark.clause("R-14")
def test_one_registration_in_two_registries_is_pulled_once(vendor: Any) -> None:
    """A vendor's registry may hand on ours; a group of instruments keeps its own bounds."""
    mine = register(mapping("mine", ("a", 1)))
    group = Instruments("group", registry=Registry())
    for name in ("one", "two"):
        group.counter(name).inc()
    vendor.default.all = (mine, group.registration)
    with Collector(deadline=5.0, max_samples=1) as consumer:
        expected = {"mine.a": 1, "group.one": 1, "group.two": 1}
        assert values(consumer.collect()) == expected


def broken(vendor: Any, iterate: Callable[[], Any]) -> None:
    """Have the vendor's registry do something else when it is iterated."""
    vendor.Registry.__iter__ = lambda self: iterate()


def endless() -> Iterator[object]:
    """Yield objects for ever."""
    while True:
        yield object()


def rubbish() -> Iterator[object]:
    """Yield what is no registration."""

    class Evil:
        @property
        def sampler(self) -> Any:
            raise ZeroDivisionError

        def __repr__(self) -> str:
            raise ZeroDivisionError

    class Named:
        def __init__(self, sampler: Any, time: Any) -> None:
            self.sampler, self.time = sampler, time

    yield from (5, None, Evil(), Named("x", 1.0), Named({"name": "x"}, "now"))


@pytest.mark.clause("R-14")
@pytest.mark.parametrize(
    ("iterate", "words"),
    [
        (lambda: 1 / 0, "did not say what is registered: ZeroDivisionError"),
        (lambda: sys.exit(3), "did not say what is registered: SystemExit"),
        (lambda: 5, "did not say what is registered: TypeError"),
        (endless, "it yields more than 10,000 registrations"),
        (rubbish, "yields what is no registration: 5: AttributeError"),
    ],
)
def test_a_registry_that_breaks_costs_itself_and_is_told_once(
    vendor: Any, told: Callable[[], list[str]], iterate: Callable[[], Any], words: str
) -> None:
    """By all consumers of the process together."""
    broken(vendor, iterate)
    register(mapping("mine", ("a", 1)))
    with Collector(deadline=5.0) as one, Collector(deadline=5.0) as two:
        for consumer in (one, two) * 3:
            snapshot = consumer.collect()
            assert values(snapshot) == {"mine.a": 1}
            assert snapshot.failures == ()
    (line,) = told()
    assert line.startswith("registry 'zz_vendor:default' of 'vendor' ")
    assert words in line


@pytest.mark.clause("R-14")
def test_a_mapping_that_is_no_sampler_is_a_failure_of_its_own(vendor: Any) -> None:
    """A vendor's registry may let it in."""
    vendor.default.register({"name": "bad", "sample": 5})
    vendor.default.register({"sample": list})
    vendor.default.register(mapping("good", ("b", 2)))
    with Collector(deadline=5.0) as consumer:
        for _ in range(2):
            snapshot = consumer.collect()
            assert values(snapshot) == {"good.b": 2}
            assert sorted(reasons(snapshot).values()) == ["invalid", "invalid"]


@pytest.mark.clause("R-14")
def test_a_registry_that_fails_for_a_moment_ends_no_series(vendor: Any) -> None:
    """What it yielded before is still pulled: a failure says nothing of registrations."""
    vendor.default.register(mapping("theirs", ("b", 2)))
    iterate = vendor.Registry.__iter__
    with Collector(deadline=5.0) as consumer:
        before = consumer.collect()
        broken(vendor, lambda: 1 / 0)
        assert values(consumer.collect()) == {"theirs.b": 2}
        vendor.Registry.__iter__ = iterate
        after = consumer.collect()
        assert after.blocks[0].series is before.blocks[0].series


@pytest.mark.clause("R-14")
@pytest.mark.usefixtures("no_thread_is_left")
def test_a_registry_that_blocks_costs_its_deadline_once(
    vendor: Any,
    told: Callable[[], list[str]],
    patient: PatientClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is not asked again before its call has returned."""
    monkeypatch.setattr(other_registry, "_LONGEST_PAUSE", 0.0)
    gate, calls = threading.Event(), []

    def block() -> Any:
        calls.append(1)
        if not gate.is_set():
            hangs()
            gate.wait(60)
        return iter(vendor.default.all)

    vendor.default.register(mapping("theirs", ("b", 2)))
    broken(vendor, block)
    register(mapping("mine", ("a", 1)))
    with Collector(deadline=SHORT) as consumer:
        try:
            for _ in range(3):
                assert values(consumer.collect()) == {"mine.a": 1}
            assert calls == [1]
        finally:
            gate.set()
        wait_for(lambda: len(values(consumer.collect())) == 2, what="the registry to be asked")
    (line,) = told()
    assert "did not say within" in line


@pytest.mark.clause("R-14")
def test_a_registry_that_never_ends_is_asked_again_after_a_pause(
    vendor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For each time costs thousands of registrations."""
    calls: list[int] = []

    def ask() -> Iterator[object]:
        calls.append(1)
        return endless()

    broken(vendor, ask)
    with Collector(deadline=5.0) as consumer:
        for _ in range(3):
            consumer.collect()
        assert calls == [1]
        monkeypatch.setattr(other_registry, "_LONGEST_PAUSE", 0.0)
    with Collector(deadline=5.0) as consumer:
        for _ in range(3):
            consumer.collect()
    assert calls == [1] * 4


@pytest.mark.clause("R-14")
def test_a_registry_that_vanishes_takes_its_samplers_along(
    vendor: Any, told: Callable[[], list[str]]
) -> None:
    """Its package is not imported again for it."""
    vendor.default.register(mapping("theirs", ("b", 2)))
    with Collector(deadline=5.0) as consumer:
        assert values(consumer.collect()) == {"theirs.b": 2}
        del sys.modules["zz_vendor"]
        for _ in range(2):
            assert values(consumer.collect()) == {}
        assert "zz_vendor" not in sys.modules
        (line,) = told()
        assert "its package is not imported any more" in line
        sys.modules["zz_vendor"] = vendor
        assert values(consumer.collect()) == {"theirs.b": 2}


@pytest.mark.clause("R-14")
def test_a_registry_that_is_not_there_is_told_once(
    vendor: Any, told: Callable[[], list[str]]
) -> None:
    """And one that takes its place is pulled at once."""
    vendor.default.register(mapping("theirs", ("b", 2)))
    with Collector(deadline=5.0) as consumer:
        assert values(consumer.collect()) == {"theirs.b": 2}
        vendor.default = vendor.Registry()
        vendor.default.register(mapping("other", ("c", 3)))
        assert values(consumer.collect()) == {"other.c": 3}
        del vendor.default
        for _ in range(2):
            assert values(consumer.collect()) == {}
    (line,) = told()
    assert "it cannot be found: AttributeError" in line


@pytest.mark.clause("R-14")
def test_where_there_is_no_other_registry_no_thread_is_needed(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our own is no foreign code; one that has not been imported costs nothing either."""
    site.install("second", {"second": "zz_second:default"}, group=GROUP)

    def none(name: str) -> None:
        raise AssertionError(name)

    monkeypatch.setattr(all_registries, "Worker", none)
    register(mapping("mine", ("a", 1)))
    with Collector(deadline=5.0) as consumer:
        assert values(consumer.collect()) == {"mine.a": 1}


PROGRAM = """
import json, sys
import sampler, zz_vendor

reads = []
def sample():
    reads.append(1)
    return [("reads", len(reads))]

shared = {"name": "shared", "min_interval": 300, "sample": sample}
sampler.register(shared)
zz_vendor.default.register(shared)
sampler.register({"name": "ours", "sample": lambda: [("a", 1)]})
theirs = zz_vendor.default.register({"name": "theirs", "sample": lambda: [("b", 2)]})
consumer = sampler.Collector(deadline=20.0)
def both():
    snapshot = consumer.collect()
    assert not snapshot.failures, snapshot.failures
    mine = {str(series): value for series, value in snapshot}
    return [mine, zz_vendor.pull()]
said = [both()]
zz_vendor.default.unregister(theirs)
later = sampler.register({"name": "later", "sample": lambda: [("c", 3)]})
said.append(both())
print(json.dumps([said, len(reads)]))
"""


@pytest.mark.clause("R-12", "R-13", "R-14")
def test_two_vendors_read_each_others_registrations(site: Site) -> None:
    """In a program of its own, by what is installed only; a shared read happens once."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={"PYTHONPATH": f"{site.folder}:{Path(__file__).parents[2]}"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    said, reads = json.loads(done.stdout)
    first = {"shared.reads": 1, "ours.a": 1, "theirs.b": 2}
    second = {"shared.reads": 1, "ours.a": 1, "later.c": 3}
    assert said == [[first, first], [second, second]]
    assert reads == 1
