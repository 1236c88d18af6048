"""Consumers that pass the suite of the contract, and broken ones that do not."""

from __future__ import annotations

import asyncio
import re
import sys
import threading
from unittest.mock import patch

import pytest

from sampler import Registry
from sampler.testing import ConsumerContract, isolated
from tests.kits.consumers import (
    DRAFT_LEAVES_OUT,
    Drafted,
    Ours,
    announced,
    drafted,
    left_out,
    without,
)
from tests.kits.suite import broken


class TestOurs(ConsumerContract):
    """The Collector, with Increments."""

    forks = True
    limit = 1000

    @pytest.fixture(autouse=True)
    def _alone(self):
        with isolated(), patch.dict(sys.modules):
            yield

    def consumer(self, samplers, deadline):
        return Ours(samplers, deadline, Registry(), max_samples=self.limit)

    def first(self, consumer):
        return consumer.first

    def beside(self, consumer):
        return Ours([], consumer.collector.deadline, consumer.registry)

    def refused(self, consumer):
        return consumer.refused()

    def rates(self, consumer):
        return consumer.rates

    def configured(self, samplers, deadline, settings):
        return Ours(samplers, deadline, Registry(), settings=settings)

    def registries(self, registries, deadline):
        with announced(registries):
            return Ours([], deadline)


class TestDrafted(ConsumerContract):
    """The consumer of the draft, which cannot run asynchronous samplers."""

    asynchronous = False
    patience = 5.0

    def consumer(self, samplers, deadline):
        return Drafted(samplers, deadline, drafted())


for name, reason in DRAFT_LEAVES_OUT.items():
    setattr(TestDrafted, name, left_out(getattr(ConsumerContract, name), reason))


def test_what_a_consumer_has_no_means_to_show_is_skipped_aloud():
    """The skip names the clauses and the means."""
    said = {}
    for name in dir(TestDrafted):
        if name.startswith("test_") and name not in DRAFT_LEAVES_OUT:
            try:
                getattr(TestDrafted(), name)()
            except pytest.skip.Exception as skipped:
                said[name] = str(skipped)
    for means in ("beside()", "rates()", "configured()", "registries()", "'limit'", "'forks'"):
        assert any(means in each for each in said.values()), (means, said)
    assert all(re.match(r"[CR]-\d\d", each) for each in said.values()), said


def asks_the_factory_each_time(code):
    class Source(code["Source"]):
        def read(self, answer):
            self.call = self.sampler.get("sample")
            super().read(answer)

    code["Source"] = Source


def says_nothing_of_itself(code):
    class Source(code["Source"]):
        def __init__(self, registration, environ):
            super().__init__(registration, {"deadline": environ["deadline"]})

    code["Source"] = Source


SHARED = {}


def shares_instances(code):
    class Source(code["Source"]):
        def __init__(self, registration, environ):
            super().__init__(registration, environ)
            factory = self.sampler.get("factory")
            if factory is not None:
                if factory not in SHARED:
                    SHARED[factory] = factory(environ)
                self.call = SHARED[factory]

    code["Source"] = Source


def calls_while_a_call_runs(code):
    class Source(code["Source"]):
        busy = property(lambda self: False, lambda self, value: None)

    code["Source"] = Source


def never_closes(code):
    code["Consumer"].end = lambda self, source: None


def closes_twice(code):
    end = code["Consumer"].end

    def twice(self, source):
        end(self, source)
        end(self, source)

    code["Consumer"].end = twice


def keeps_half_a_pull(code):
    class Patient:
        def __init__(self, samples):
            self.samples = iter(samples)

        def __iter__(self):
            try:
                yield from self.samples
            except Exception:
                return

    class Source(code["Source"]):
        def read(self, answer):
            if not hasattr(self, "patient") and set(self.sampler).isdisjoint(("loop", "factory")):
                call, self.patient = self.call, True
                self.call = lambda: Patient(call())
            super().read(answer)

    code["Source"] = Source


def lets_exceptions_through(code):
    def ask(self, source):
        answer = []
        source.read(answer)
        return answer[0]

    code["Consumer"].ask = ask


def waits_for_ever(code):
    class Waiting(code["threading"].Thread):
        def join(self, timeout=None):
            super().join(60)

    code["threading"] = type("threading", (), {"Thread": Waiting, "Lock": threading.Lock})


def looks_at_unknown_kinds(code):
    class Source(code["Source"]):
        def kind(self, metric):
            described = (self.sampler.get("metrics") or {}).get(metric, {})
            return {"counter": "counter", "gauge": "gauge", "histogram": "histogram"}[
                described.get("kind", "gauge")
            ]

    code["Source"] = Source


def fails_for_one_bad_sample(code):
    class Source(code["Source"]):
        def name(self, item):
            try:
                return super().name(item)
            except Exception as error:
                raise SystemExit from error

    code["Source"] = Source


def takes_the_last_of_two(code):
    class Last(dict):
        def __contains__(self, key):
            return False

    class Source(code["Source"]):
        def name(self, item):
            key, kind = super().name(item)
            self.seen = getattr(self, "seen", 0) + 1
            return ((key[0], key[1]), kind) if self.seen < 99 else (key, kind)

        def read(self, answer):
            got = []
            super().read(got)
            if got:
                values, refused, start = got[0]
                for item in self.call():
                    try:
                        key, kind = self.name(item)
                        values[key] = self.value(kind, item[1])
                    except Exception:
                        continue
                answer.append((values, refused, start))

    code["Source"] = Source


def reads_after_the_pull(code):
    class Source(code["Source"]):
        def read(self, answer):
            if not hasattr(self, "lazy") and set(self.sampler).isdisjoint(("loop", "factory")):
                call, self.lazy = self.call, True
                self.call = lambda: list(call())
            super().read(answer)

    code["Source"] = Source


def forgets_refused_series(code):
    class Source(code["Source"]):
        def read(self, answer):
            got = []
            super().read(got)
            for values, refused, start in got:
                kept = {k: v for k, v in values.items() if v is not None}
                answer.append((kept, refused, start))

    code["Source"] = Source


def forgets_failed_pulls(code):
    ask = code["Consumer"].ask

    def forgetful(self, source):
        answer = ask(self, source)
        if answer is None and source.values is not None:
            source.values = {}
        return answer

    code["Consumer"].ask = forgetful


def counts_baselines(code):
    increase = code["Consumer"].increase

    def whole(self, source, new, start):
        if source.values is None:
            source.values = {}
        return increase(self, source, new, start)

    code["Consumer"].increase = whole


def takes_each_first_value_for_a_baseline(code):
    increase = code["Consumer"].increase

    def never(self, source, new, start):
        old = source.values or {}
        for key, value in increase(self, source, new, start):
            yield key, value if key in old else 0

    code["Consumer"].increase = never


def takes_no_notice_of_restarts(code):
    code["grown"] = lambda new, old: new - old if not isinstance(new, tuple) else new


def takes_absent_bounds_for_zero(code):
    def at(histogram, bound):
        return dict(histogram[2]).get(bound, 0)

    code["at"] = at


def gives_up(code):
    ask = code["Consumer"].ask

    def final(self, source):
        return None if source.failures >= 3 else ask(self, source)

    code["Consumer"].ask = final


def runs_coroutines_itself(code):
    class Source(code["Source"]):
        def read(self, answer):
            if self.call is not None and "loop" in self.sampler and not hasattr(self, "own"):
                call, self.own = self.call, True
                self.call = lambda: asyncio.run(call())
            super().read(answer)

    code["Source"] = Source


LOCK = threading.Lock()


def holds_a_lock(code):
    pull = code["Consumer"].pull

    def locked(self):
        with LOCK:
            return pull(self)

    code["Consumer"].pull = locked


def never_looks_again(code):
    pull = code["Consumer"].pull

    def fixed(self):
        if not hasattr(self, "fixed"):
            self.fixed = list(self.registry)
        self.registry = self.fixed
        return pull(self)

    code["Consumer"].pull = fixed


DEFECTS = [
    ("C-02", asks_the_factory_each_time),
    ("C-02", says_nothing_of_itself),
    ("C-03", shares_instances),
    ("C-03", calls_while_a_call_runs),
    ("C-04", never_closes),
    ("C-04", closes_twice),
    ("C-05", keeps_half_a_pull),
    ("C-05", lets_exceptions_through),
    ("C-06", waits_for_ever),
    ("C-11", looks_at_unknown_kinds),
    ("C-12", fails_for_one_bad_sample),
    ("C-12", takes_the_last_of_two),
    ("C-13", reads_after_the_pull),
    ("C-15", forgets_refused_series),
    ("C-15", forgets_failed_pulls),
    ("C-16", counts_baselines),
    ("C-16", takes_each_first_value_for_a_baseline),
    ("C-17", takes_no_notice_of_restarts),
    ("C-07", runs_coroutines_itself),
    ("C-08", holds_a_lock),
    ("C-20", takes_absent_bounds_for_zero),
    ("C-09", gives_up),
    ("R-07", never_looks_again),
]


@pytest.mark.parametrize(
    ("clause", "defect"), DEFECTS, ids=lambda each: getattr(each, "__name__", each)
)
def test_a_broken_consumer_is_reported_under_its_clause(clause, defect):
    """With a remedy."""

    class Suite(ConsumerContract):
        asynchronous = defect is runs_coroutines_itself
        patience = 3.0

        def consumer(self, samplers, deadline):
            code = drafted()
            defect(code)
            return Drafted(samplers, deadline, code)

    without(Suite, DRAFT_LEAVES_OUT)
    found = broken(Suite, clause)
    assert clause in found, found
