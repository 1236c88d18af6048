"""The page is made of the results, and both are of the rows that there are."""

from __future__ import annotations

import json

from tests.processes.report import BEGIN, END, PAGE, RESULTS, tables
from tests.processes.row import EVENTS
from tests.processes.rows import ROWS


def test_the_page_is_made_of_the_committed_results():
    """After another run: ``python -m tests.processes --page``."""
    _, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    assert rest.partition(END)[0].strip() == tables(json.loads(RESULTS.read_text("utf-8"))).strip()


def test_each_row_has_a_cell_for_each_event():
    """Of those that were lived; a row of a name that is no more is in no table."""
    lived = json.loads(RESULTS.read_text("utf-8"))["rows"]
    assert {each["row"] for each in lived} <= set(ROWS)
    for each in lived:
        assert {cell["event"] for cell in each["cells"]} == set(EVENTS), each["row"]


def test_a_red_cell_is_told_in_words():
    """And a cell that does not apply gives its reason, once for all rows that share it."""
    red = {"event": "hup", "verdict": "red", "faults": ["2 of 3: pull in statsd"], "reason": ""}
    none = {"event": "older", "verdict": "none", "faults": [], "reason": "there is none"}
    both = {"wiring": "run", "seconds": 60, "cells": [red, none]}
    rows = [{"row": name, **both} for name in ("one", "two")]
    made = tables({"date": "", "machine": "", "versions": {}, "rows": rows})
    assert "* one, HUP, or a touched file: 2 of 3: pull in statsd" in made
    assert made.count("there is none") == 1
    assert "4 cells: 0 ok, 0 lost what they may, 2 red, 2 do not apply" in made
