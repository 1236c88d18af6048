"""The kit finds what is wrong with a consumer, and leaves those in peace that keep the draft."""

from __future__ import annotations

from collections import Counter
from itertools import chain

import pytest

from tests.kits.consumers import Earliest
from tests.kits.suite import broken
from tests.pep import registry_defects
from tests.pep.defects import DEFECTS, NOT_FOUND, SECOND
from tests.pep.hosts import HOSTS, registry_suite, suite


def test_the_defects_are_forty_of_all_clauses_of_consumers():
    """At most three a clause; at most two are not found, each for a reason."""
    clauses = Counter(defect.clause for defect in DEFECTS)
    assert len(DEFECTS) == len({defect.what for defect in DEFECTS}) == 40
    assert {f"C-{n:02}" for n in range(1, 21)} <= set(clauses)
    assert max(clauses.values()) <= 3
    assert len(NOT_FOUND) <= 2
    assert set(NOT_FOUND) <= {defect.what for defect in DEFECTS}
    assert {defect.host for defect in DEFECTS} == set(HOSTS)


@pytest.mark.parametrize("host", HOSTS)
def test_what_keeps_the_draft_passes(host):
    """Before it is spoiled."""
    assert broken(suite(host)) == {}


@pytest.mark.parametrize("defect", DEFECTS + SECOND, ids=str)
def test_a_defect_is_reported_under_its_clause(defect):
    """With what was seen."""
    found = broken(suite(defect.host, defect.patches), defect.clause)
    assert (defect.clause in found) is (defect.what not in NOT_FOUND), found


class Chained(list):
    """Pulls both of two registrations of one sampler."""

    def __iter__(self):
        return chain.from_iterable(super().__iter__())


class Forgetful(list):
    """Takes one that has taken the place of another for a new one."""

    def __iter__(self):
        return iter(Earliest(list(super().__iter__())))  # without those of earlier rounds


@pytest.mark.parametrize("registries_of", [Chained, Forgetful])
def test_a_consumer_of_several_registries_is_reported_under_its_clause(registries_of):
    """R-14."""

    class Suite(suite("one")):
        patience = 3.0

        def registries(self, registries, deadline):
            return self.consumer(registries_of(registries), deadline)

    assert "R-14" in broken(Suite, "R-14")


def test_the_defects_of_registries_are_of_all_clauses_that_can_be_asked():
    """Not of R-11, which needs two interpreters, nor of R-14, which binds consumers."""
    clauses = {defect.clause for defect in registry_defects.DEFECTS}
    assert clauses == {f"R-{n:02}" for n in (*range(1, 11), 12, 13)}


@pytest.mark.parametrize("defect", registry_defects.DEFECTS, ids=str)
def test_a_defect_of_a_registry_is_reported_under_its_clause(defect):
    """With what was seen."""
    found = broken(registry_suite(defect.patches), defect.clause)
    assert defect.clause in found, found
