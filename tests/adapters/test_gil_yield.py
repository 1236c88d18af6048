"""Encoders: the application's threads run in between, and what is kept changes no byte."""

from __future__ import annotations

import copy
import sys
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampler_graphite import Graphite
from sampler_prometheus._text import OPENMETRICS, TEXT, TextRenderer
from sampler_statsd import StatsD
from tests.adapters.shapes import (
    Block,
    HistogramValue,
    block,
    counter,
    gauge,
    histogram,
    snapshot_of,
)

SERIES = [maker(f"pool.m{i}", x=str(i)) for i, maker in enumerate((gauge, counter, histogram) * 2)]


class Page:
    """Prometheus' page as an adapter."""

    def __init__(self, kind):
        self._text, self._kind = TextRenderer(), kind

    def encode(self, shot, since):
        yield self._text.render(shot, self._kind)


ENCODERS = {
    "graphite": Graphite,
    "pickle": lambda: Graphite(protocol="pickle"),
    "deltas": lambda: Graphite(counters="deltas", quantiles=()),
    "statsd": StatsD,
    "buckets": lambda: StatsD(histograms="buckets", tags=True),
    "text": lambda: Page(TEXT),
    "openmetrics": lambda: Page(OPENMETRICS),
}
encoders = pytest.mark.parametrize("make", ENCODERS.values(), ids=ENCODERS)


@pytest.fixture
def nobody_is_interrupted():
    """Threads get the interpreter's lock only from one that lets it go."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    yield
    sys.setswitchinterval(before)


@encoders
@pytest.mark.usefixtures("nobody_is_interrupted")
def test_other_threads_run_while_a_large_snapshot_is_encoded(make):
    """Also within one large block."""
    large = block(*((gauge(f"pool.m{i}"), i) for i in range(20_000)))
    encoder, beats, stop = make(), [], threading.Event()

    def beat():
        while not stop.wait(1e-5):
            beats.append(1)

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        seen, end = 0, time.monotonic() + 30
        while not seen and time.monotonic() < end:
            batches = iter(encoder.encode(snapshot_of(large), {}))
            before = len(beats)
            for _ in batches:
                seen += len(beats) - before
            large = Block(large.sampler, large.series, large.values, large.time + 1)
    finally:
        stop.set()
        thread.join()
    assert seen


def shown(histogram_of):
    count = sum(histogram_of)
    return HistogramValue(count, float(count), ((1.0, histogram_of[0]), (2.0, count)))


scalars = st.sampled_from([0, 1, 1.0, 0.0, -0.0, 2.5, 10**6])
totals = st.sampled_from([0, 1, 1.0, 2.5, 10**6])
seen = st.tuples(st.integers(0, 2), st.integers(0, 2)).map(shown)
pulls = st.lists(st.tuples(*[scalars, totals, seen] * 2), min_size=1, max_size=5)


@encoders
@given(pulls=pulls, again=st.lists(st.booleans(), min_size=30, max_size=30))
def test_what_was_kept_from_earlier_pulls_changes_no_byte(make, pulls, again):
    """Whether values are equal or the same, it writes what a new encoder writes."""
    warm, series, last, flips = make(), tuple(SERIES), [None] * len(SERIES), iter(again)
    for second, values in enumerate(pulls):
        values = [
            old if old == new and next(flips, False) else copy.copy(new)
            for old, new in zip(last, values, strict=True)
        ]
        last = values
        shot = snapshot_of(Block("pool", series, values, 1_700_000_000.0 + second))
        cold = make()
        assert list(warm.encode(shot, {})) == list(cold.encode(shot, {}))
