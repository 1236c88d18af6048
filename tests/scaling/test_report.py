"""The page's figures are those of the committed results."""

from __future__ import annotations

import json

from tests.scaling.endpoint import PARTS, parts
from tests.scaling.population import ANY_HOST, SERIES, lines, moments, page
from tests.scaling.report import BEGIN, END, PAGE, RESULTS, kept, tables


def test_the_page_is_made_of_the_committed_results():
    """After another run: ``python -m tests.scaling --page``."""
    text = PAGE.read_text()
    for name, table in tables(json.loads(RESULTS.read_text())).items():
        found = text.partition(BEGIN.format(name))[2].partition(END.format(name))[0]
        assert found == table, name


def test_moments_of_many_hosts_fill_half_of_the_interval_evenly():
    """So that a late push still falls into its own interval."""
    found = parts(moments(10_000, 10.0), 10.0)
    assert max(found[PARTS // 2 :]) == 0
    assert min(found[: PARTS // 2]) > 0.9 * 10_000 / (PARTS // 2)


def test_what_a_host_pushes_and_serves_is_what_the_adapters_make():
    """A line, and a sample, for each series."""
    assert lines().count(b"\n") == lines().count(f"shop.{ANY_HOST}.relay.shop.".encode()) == SERIES
    samples = [line for line in page().splitlines() if not line.startswith(b"#")]
    assert len(samples) == SERIES


def test_a_store_that_scrapes_less_than_is_due_does_not_keep_up():
    """Two of a hundred are left to the edges of what is measured."""
    assert kept({"scrapes a second": 98.5, "wanted a second": 100.0})
    assert not kept({"scrapes a second": 97.0, "wanted a second": 100.0})
