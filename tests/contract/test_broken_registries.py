"""Registries of other vendors that break: each costs itself only, and is told once."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from sampler import Collector, Registry, register
from sampler._registry import all_registries, other_registry
from tests.contract.build import mapping, reasons, values
from tests.contract.vendors import GROUP, broken, endless
from tests.support.waiting import SHORT, PatientClock, hangs, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.distributions import Site


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


def registry_with(sampler: dict[str, Any]) -> Registry:
    """Return a registry of one sampler."""
    registry = Registry()
    registry.register(sampler)
    return registry


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
@pytest.mark.usefixtures("no_thread_is_left", "patient")
@pytest.mark.parametrize("fault", ["raises", "blocks", "never ends"])
def test_a_registry_that_a_consumer_was_given_may_break_as_any_other(
    fault: str, told: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it yielded last stands, nothing raises into who collects, and nothing hangs there."""
    monkeypatch.setattr(other_registry, "_LONGEST_PAUSE", 0.0)
    gate, broke = threading.Event(), threading.Event()
    registered = list(registry_with(mapping("theirs", ("b", 2))))

    class Vendor:
        def __iter__(self) -> Iterator[Any]:
            if not broke.is_set():
                return iter(registered)
            if fault == "raises":
                raise ZeroDivisionError
            if fault == "blocks" and not gate.is_set():
                hangs()
                gate.wait(60)
            return endless() if fault == "never ends" else iter(())

    with Collector(Vendor(), deadline=SHORT) as consumer:
        first = consumer.collect()
        broke.set()
        again = consumer.collect()
        gate.set()
    assert values(first) == values(again) == {"theirs.b": 2}
    assert first.blocks[0].series is again.blocks[0].series
    (line,) = told()
    assert line.startswith("registry 'Vendor at 0x")


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
    vendor_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our own is no foreign code; one that has not been imported costs nothing either."""
    vendor_site.install("second", {"second": "zz_second:default"}, group=GROUP)

    def none(name: str) -> None:
        raise AssertionError(name)

    monkeypatch.setattr(all_registries, "Worker", none)
    register(mapping("mine", ("a", 1)))
    with Collector(deadline=5.0) as consumer:
        assert values(consumer.collect()) == {"mine.a": 1}
