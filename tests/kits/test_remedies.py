"""Each clause that a suite can name has a remedy."""

from __future__ import annotations

import re
from pathlib import Path

from sampler import testing
from sampler.testing._remedies import REMEDIES

SUITES = {
    file: set(re.findall(r'"([SRC]-\d\d)"', file.read_text("utf-8")))
    for pattern in ("_consumer*.py", "_registr*.py", "_samplers.py", "_lab.py")
    for file in Path(testing.__path__[0]).glob(pattern)
}


def test_what_a_suite_names_has_a_remedy():
    """Else a failure would be another one."""
    named = set().union(*SUITES.values())
    assert len(named) > 30
    assert named <= set(REMEDIES)


def test_the_clauses_of_consumers_and_registries_are_named_by_the_suites():
    """But for R-11, which needs two interpreters, and C-21, which binds those who deliver."""
    named = set().union(*SUITES.values())
    wanted = {f"C-{n:02}" for n in range(1, 21)} | {f"R-{n:02}" for n in range(1, 15)}
    assert wanted - named == {"R-11"}
