"""Registries that announce themselves: two vendors in one program."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sampler import Collector, Instruments, Registry, register
from tests.contract.build import mapping, values
from tests.contract.vendors import VENDOR
from tests.support.distributions import Site

if TYPE_CHECKING:
    from sampler import Series, Snapshot

SUM = {"n": {"kind": "counter"}}


def counter(name: str, value: int, **keys: Any) -> dict[str, Any]:
    """Return a sampler of one counter."""
    return mapping(name, ("n", value), metrics=SUM, **keys)


def series(snapshot: Snapshot, name: str) -> Series:
    """Return the one series of that full name."""
    (found,) = [each for each, _ in snapshot if each.name == name]
    return found


@pytest.mark.clause("R-14", "R-12")
@pytest.mark.usefixtures("vendor_site")
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
def test_an_earlier_registration_that_is_found_later_begins_with_baselines(
    vendor_site: Site,
) -> None:
    """As when its package is imported while the later one is pulled."""
    vendor_site.write({"zz_vendor.py": VENDOR + "default.register(dict(name='same', metrics="
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
def test_two_vendors_read_each_others_registrations(vendor_site: Site) -> None:
    """In a program of its own, by what is installed only; a shared read happens once."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={"PYTHONPATH": f"{vendor_site.folder}:{Path(__file__).parents[2]}"},
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
