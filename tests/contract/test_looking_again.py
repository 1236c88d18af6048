"""What a program imports later is published by a later round, and no round waits for it."""

from __future__ import annotations

import importlib
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from sampler import Collector, Failure, Registry
from sampler._registry import registry as registries
from sampler._registry.discovery import Discovery
from sampler._runtime.log import log
from tests.contract.build import values
from tests.contract.test_waiting import sampler
from tests.support.waiting import SHORT, PatientClock, hangs, wait_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.distributions import Site


class Looker:
    """Looks again, as a consumer does in each round, and keeps what it is told."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.told: list[Failure] = []
        self.discovery = Discovery(registry, report=self.report)

    def report(self, failures: Sequence[Failure]) -> None:
        """Keep what could not be published."""
        self.told += failures

    def sees(self, name: str) -> None:
        """Look again, as round after round, until a sampler is there."""

        def there() -> bool:
            self.discovery.look_again()
            return name in self.registry

        wait_for(there, what=f"{name} to be published")


@pytest.mark.clause("R-09")
def test_what_the_program_imports_later_is_published_by_a_later_round(
    site: Site, registry: Registry
) -> None:
    """The installed metadata is not read again for it."""
    for name in ("zz_one", "zz_two"):
        site.install(
            f"dist-{name}", {name: f"{name}:SAMPLER"}, files={f"{name}.py": sampler(name)}
        )
    looker = Looker(registry)
    assert looker.discovery.look() == ()
    looker.discovery.look_again()
    assert not list(registry)
    importlib.import_module("zz_two")
    looker.sees("zz_two")
    assert "zz_one" not in sys.modules
    importlib.import_module("zz_one")
    looker.sees("zz_one")
    assert looker.told == []


@pytest.mark.clause("R-09", "R-10")
def test_what_fails_in_a_later_round_is_told_once(site: Site, registry: Registry) -> None:
    """And is not tried again: its module is imported once."""
    site.install(
        "dist-bad",
        {"zz_bad": "zz_bad.metrics:SAMPLER", "zz_taken": "zz_bad.taken:SAMPLER",
         "zz_good": "zz_bad.good:SAMPLER"},
        files={
            "zz_bad/__init__.py": "tries = []",
            "zz_bad/metrics.py": "import zz_bad\nzz_bad.tries.append(1)\n1 / 0\n",
            "zz_bad/taken.py": sampler("zz_taken"),
            "zz_bad/good.py": sampler("zz_good"),
        },
    )  # fmt: skip
    mine = registry.register({"name": "zz_taken", "sample": list})
    looker = Looker(registry)
    looker.discovery.look()
    importlib.import_module("zz_bad")
    looker.sees("zz_good")
    wait_for(lambda: looker.told, what="the failures")
    for _ in range(3):
        looker.discovery.look_again()
    reasons = {failure.sampler: failure.reason for failure in looker.told}
    assert reasons == {"zz_bad": "import", "zz_taken": "invalid"}
    assert sys.modules["zz_bad"].tries == [1]
    assert next(each for each in registry if each.name == "zz_taken") is mine


@pytest.mark.clause("R-09", "R-10")
def test_no_round_waits_for_an_import_and_none_begins_it_again(
    site: Site, registry: Registry, monkeypatch: pytest.MonkeyPatch, patient: PatientClock
) -> None:
    """One that hangs is told as a failure after its deadline; who asks by name is told at once."""
    monkeypatch.setattr("sampler._registry.discovery.DEADLINE", SHORT)
    gate, began = threading.Event(), []

    def hang() -> None:
        began.append(1)
        hangs()
        gate.wait(60)

    monkeypatch.setattr(sys, "zz_hang", hang, raising=False)
    site.install(
        "dist-hangs",
        {"zz_hangs": "zz_hangs.metrics:SAMPLER"},
        files={"zz_hangs/__init__.py": "", "zz_hangs/metrics.py": "import sys\nsys.zz_hang()\n"},
    )
    before = set(threading.enumerate())
    looker = Looker(registry)
    try:
        looker.discovery.look()
        importlib.import_module("zz_hangs")
        looker.discovery.look_again()
        wait_for(lambda: looker.told, what="the failure")
        looker.discovery.look_again()
        (asked,) = registry.discover(["zz_hangs"])
    finally:
        gate.set()
    assert [(each.sampler, each.reason) for each in looker.told] == [("zz_hangs", "deadline")]
    assert (asked.reason, asked.message) == (
        "deadline",
        "its import, which was begun earlier, has not ended",
    )
    assert began == [1]
    wait_for(lambda: set(threading.enumerate()) <= before, what="the import to end")


def test_what_nobody_wants_is_not_loaded(site: Site, registry: Registry) -> None:
    """As the samplers that an agent's configuration does not enable."""
    files = {"zz_one/__init__.py": "", "zz_one/metrics.py": sampler("zz_one")}
    site.install("dist", {"zz_one": "zz_one.metrics:SAMPLER"}, files=files)
    importlib.import_module("zz_one")
    discovery = Discovery(registry, wants=lambda name: name != "zz_one")
    assert discovery.look() == ()
    discovery.look_again()
    assert "zz_one.metrics" not in sys.modules
    assert not list(registry)


@pytest.mark.clause("R-14", "C-01")
def test_a_consumer_told_nothing_else_discovers(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Before it begins what has been imported, and then what is imported later."""
    monkeypatch.setattr(registries, "default", Registry())
    for name in ("zz_one", "zz_two"):
        counting = sampler(name).replace('("a", 1)', '("n", 1, None, {"kind": "counter"})')
        site.install(f"dist-{name}", {name: f"{name}:SAMPLER"}, files={f"{name}.py": counting})
    site.install("dist-bad", {"zz_bad": "zz_one:MISSING"})
    importlib.import_module("zz_one")
    with Collector(deadline=5.0) as consumer:
        assert values(consumer.collect()) == {"zz_one.n": 1}
        importlib.import_module("zz_two")
        wait_for(lambda: len(values(consumer.collect())) == 2, what="the second sampler")
        one, two = (block.series[0] for block in consumer.collect().blocks)
    assert one.start is None
    assert two.start is not None
    log.flush()
    (line,) = caplog.messages
    assert line.startswith("sampler 'zz_bad' is not collected: cannot be imported")
