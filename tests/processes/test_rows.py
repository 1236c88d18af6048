"""The rows: each says what it is, what it needs, and why something does not apply to it."""

from __future__ import annotations

import pytest

from tests.processes.events import DEEDS
from tests.processes.row import EVENTS, FIRST_LIFE
from tests.processes.rows import ROWS


def test_each_event_has_a_deed():
    """But that for which there is no program yet."""
    assert set(DEEDS) | {"older"} == set(EVENTS)
    assert set(FIRST_LIFE) <= set(EVENTS)


@pytest.mark.parametrize("row", ROWS.values(), ids=list(ROWS))
def test_a_row_is_consistent(row):
    """Its reasons, options and statuses are of events that there are, and TERM ends it."""
    assert set(row.without) | set(row.options) | set(row.statuses) <= set(EVENTS)
    assert all(row.without.values())
    assert "term" not in row.without
