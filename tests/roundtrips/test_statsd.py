"""The lines of the StatsD adapter, into the listener."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("statsd")

from hypothesis import HealthCheck, given, settings

from sampler.agent import DELIVERED
from sampler.bridges.statsd import StatsDListener, sampler_of
from sampler_statsd import StatsD
from tests.roundtrips.judge import judge, pulled, rows, whole_doubles
from tests.roundtrips.programs import ONE_OF_EACH, samplers

TOO_LARGE = 2.0**53
"""The listener refuses such an amount, but of a gauge: one stranger would spoil a total."""


def back(adapter, snapshot):
    """Return what a listener has of a snapshot, and how many values it has refused."""
    (batch,) = adapter.encode(snapshot, {})
    listen = f"unix://{adapter.path}"
    with StatsDListener([listen]) as listener:
        if batch.frames:
            assert adapter.send(batch, 10.0) is DELIVERED
        found = pulled(sampler_of(listener, name="back"))
    told = rows(found, "back.")
    refused = sum(row.value for (name, labels), row in told.items() if name == "bridge.refused")
    return {key: row for key, row in told.items() if not key[0].startswith("bridge.")}, refused


class Wire:
    """What an adapter writes of series, and how much of it the listener refuses."""

    def __init__(self, adapter, identity):
        self._adapter = adapter
        self._identity = identity
        self.refused = 0

    def spread(self, series, row):
        """Return a number, the count and the sum of a histogram, or nothing."""
        if row is None:
            return {}
        parts = row.value if isinstance(row.value, dict) else {"": row.value}
        found = {
            self._key(series, word): replace(row, value=value)
            for word, value in parts.items()
            if value or not word  # a sum of 0 is no line
        }
        if row.kind == "gauge":
            return found
        taken = {key: each for key, each in found.items() if 0 <= float(each.value) < TOO_LARGE}
        self.refused += len(found) - len(taken)
        return taken

    def _key(self, series, word):
        called = self._adapter.called(series, self._identity).replace("{count,sum}", word)
        name, _, tags = called.partition("|#")
        pairs = (tag.partition(":") for tag in tags.split(",") if tag)
        return name, tuple(sorted((key.rstrip("_"), text) for key, _, text in pairs))


def count_and_sum(row, series):
    return replace(row, kind="counter", value={"count": row.value.count, "sum": row.value.sum})


def nothing(row, series):
    value = row.value["count"] if isinstance(row.value, dict) else row.value
    return row if value else None


INSTEAD = {
    "unit": lambda row, series: replace(row, unit=""),
    "help": lambda row, series: replace(row, help=""),
    "precision": whole_doubles,
    "histograms": count_and_sum,
    "zeros": nothing,
}


@pytest.fixture
def adapter(tmp_path):
    return StatsD(transport="unix", path=str(tmp_path / "s"), prefix="", tags=True)


def compare(adapter, made):
    """Send what a sampler tells, and compare what the listener has of it; return the losses."""
    snapshot = pulled(made)
    found, refused = back(adapter, snapshot)
    wire = Wire(adapter, snapshot.identity)
    lost = judge(adapter, snapshot, found, wire.spread, INSTEAD)
    assert refused == wire.refused
    return lost


def test_what_does_not_come_back_is_what_the_report_names(adapter):
    """Each word of it, for a sampler that has each loss."""
    assert compare(adapter, ONE_OF_EACH) == adapter.unsupported.keys() - {"timestamps"}


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(samplers())
def test_any_sampler_comes_back_but_for_what_the_report_names(adapter, made):
    """Series, kinds and values; what is too large for a total is counted as refused."""
    compare(adapter, made)
