"""Samplers that pass the suite of the contract, and broken ones that do not."""

from __future__ import annotations

import asyncio
import gc
import importlib
import itertools
import logging
import re
import sys
import warnings
from pathlib import Path
from typing import ClassVar

import attrs
import pytest

from sampler import Instruments, Registry
from sampler.samplers import asyncio as loops
from sampler.samplers import cpython, process, system
from sampler.samplers import logging as records
from sampler.testing import LoopThread, SamplerContract
from sampler.testing._require import Broken
from sampler.validate import Breach, examine
from tests.kits.suite import broken, failures
from tests.pep.test_validate import CALLS, DESCRIBED, DIFFERING, MAPPINGS, SAMPLES, deadline_for
from tests.support.distributions import sites

sys.path.insert(0, str(Path(__file__).parents[2] / "examples/library"))

import mypool
import mypool.metrics

sys.path.pop(0)


class TestProcess(SamplerContract):
    sampler = process.SAMPLER


class TestSystem(SamplerContract):
    sampler = system.SAMPLER
    seconds = 2.0


class TestCPython(SamplerContract):
    sampler = cpython.SAMPLER

    def exercise(self):
        gc.collect()


class TestLogging(SamplerContract):
    sampler = records.SAMPLER

    def exercise(self):
        logging.getLogger("contract").warning("something")


class TestAsyncio(SamplerContract):
    sampler = loops.SAMPLER

    @pytest.fixture(autouse=True, scope="class")
    @staticmethod
    def _loop():
        with LoopThread() as running:
            asyncio.run_coroutine_threadsafe(watch(), running.loop).result(10)
            yield


async def watch():
    loops.watch("contract")


class TestInstruments(SamplerContract):
    group = Instruments("contract", Registry())
    orders = group.counter("orders", labels=("route",))
    depth = group.gauge("depth")
    latency = group.histogram("latency", unit="s")
    sampler = group

    def exercise(self):
        self.orders.labels("buy").inc()
        self.depth.set(3)
        self.latency.observe(0.2)


class TestLibrary(SamplerContract):
    """The library among the examples."""

    sampler = mypool.metrics.SAMPLER
    pool = mypool.Pool(dict, name="contract", max_size=2)

    def exercise(self):
        with self.pool.connection():
            pass


def suite_of(mapping, deadline):
    body = {"sampler": mapping, "seconds": 0.05, "deadline": deadline}
    return type("Suite", (SamplerContract,), body)


def falls(values):
    left = itertools.chain(values, itertools.repeat(values[-1]))
    metrics = {"c": {"kind": "counter"}}
    return {"name": "s", "sample": lambda: [("c", next(left))], "metrics": metrics}


@pytest.mark.parametrize(
    ("clause", "mapping"), [*MAPPINGS, *CALLS, *SAMPLES, *DESCRIBED, ("S-20", falls([9, 5, 3]))]
)
def test_a_broken_sampler_is_reported_under_its_clause(clause, mapping):
    """With a remedy."""
    found = broken(suite_of(mapping, deadline_for(clause)))
    assert clause in found
    assert found.keys() <= {clause, "S-15"}  # nothing of it was seen, perhaps


def without_numbers(text):
    """Return a message without times and addresses, which are others each time."""
    return re.sub(r"(?<![SC]-)\b(0x)?[0-9][0-9a-f.e-]*", "#", text)


def always(*samples, **keys):
    return {"name": "s", "sample": lambda: list(samples), **keys}


# Those of DIFFERING that change later are used up by one examination.
SEVERAL = [
    always(("Wait", 1), ("a", "x"), ("c", -1), metric={}, metrics={"c": {"kind": "counter"}}),
    {"name": "Wrong", "metrics": {"A": {}}, "labels": 1, "min_interval": 0},
    always(),
    always(("c", 1), metrics={"c": {"kind": "counter"}}),
    always(("a", 1)),
]


@pytest.mark.parametrize(
    ("clause", "mapping"),
    [*MAPPINGS, *CALLS, *SAMPLES, *DESCRIBED, *DIFFERING[:-2], *(("several", s) for s in SEVERAL)],
)
def test_the_suite_finds_what_the_validator_finds(clause, mapping):
    """Neither more nor less, and no verdict where that has none."""
    deadline = deadline_for(clause)
    found = examine(mapping, seconds=0.05, deadline=deadline)
    wanted = {without_numbers(str(breach)) for breach in found.breaches}
    if found.unproven:
        clause = "S-20" if found.series else "S-15"
        wanted.add(f"{clause}: {found.unproven}; make exercise() cause some")
    said = "\n".join(map(str, failures(suite_of(mapping, deadline))))
    assert set(without_numbers(said).splitlines()) == wanted


def test_a_clause_that_no_test_names_fails_the_suite():
    """As one that binds consumers does, if a sampler makes them break it."""
    found = examine(always(("a", 1)), seconds=0.05)
    breach = Breach("C-07", "s", "loop", "it runs on another loop", "name one", None)
    suite = type("Suite", (SamplerContract,), {"sampler": {}})
    suite._examined = attrs.evolve(found, breaches=(breach,))
    assert [failure.clause for failure in failures(suite)] == ["C-07"]


def test_a_suite_that_sees_nothing_fails():
    """Until something happens in the source, or the test is overridden."""
    suite = type("Suite", (SamplerContract,), {"sampler": {"name": "s", "sample": list}})
    with pytest.raises(Broken, match="S-15: it has not yielded"):
        suite().test_something_was_seen()


def test_what_is_declared_and_never_seen_is_a_warning_that_fails_nothing() -> None:
    """Though warnings are errors here: a metric may be there only at times."""

    class Half(SamplerContract):
        sampler: ClassVar = {
            "name": "half",
            "sample": lambda: [("depth", 1)],
            "metrics": {"waiting": {}, "tokens": {}, "depth": {}},
        }
        seconds = 0.1

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("error")
        Half().test_something_was_seen()
    (hint,) = said
    assert str(hint.message).startswith("half: declared, never seen: tokens, waiting: ")


def test_an_entry_point_of_another_name_fails_the_suite(tmp_path, monkeypatch) -> None:
    """The suite knows it by the object: nothing is named for it."""
    for (site,) in sites(tmp_path, monkeypatch, "site"):
        source = 'SAMPLER = {"name": "zz_right", "sample": lambda: [("a", 1)]}'
        site.install("dist", {"zz_wrong": "zz_odd:SAMPLER"}, files={"zz_odd.py": source})
        suite = suite_of(importlib.import_module("zz_odd").SAMPLER, 5.0)
        with pytest.raises(Broken, match=r"R-08: .*'zz_wrong' but the sampler 'zz_right'"):
            suite().test_its_entry_point_has_its_name()


def test_a_counter_that_fell_is_a_warning_that_fails_nothing() -> None:
    """Where a restart would explain it."""
    suite = suite_of(falls([1, 2, 3, 4, 5, 6, 0]), 5.0)
    with pytest.warns(UserWarning, match="c fell 1 time and no 'start'"):
        suite().test_something_was_seen()
