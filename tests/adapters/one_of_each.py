"""One snapshot with each kind of series, and what an adapter makes of it."""

from __future__ import annotations

from sampler.agent import ABSENT, HistogramValue
from tests.adapters.shapes import counter, gauge, histogram, snapshot

WAIT = HistogramValue(4, 10.0, ((1.0, 1), (2.0, 3)))
EARLIER = HistogramValue(1, 1.0, ((1.0, 1), (2.0, 1)))
SERIES = (
    gauge("pool.size", x="1"),
    counter("pool.outs"),
    histogram("pool.wait", "s", "Time waited.", a="b"),
    gauge("pool.low"),
    gauge("pool.gone"),
)
VALUES = (4, 7, WAIT, -2.5, ABSENT)
SINCE = {SERIES[1]: 5, SERIES[2]: EARLIER}
SHOT = snapshot(*zip(SERIES, VALUES, strict=True))
P = "shop.web_example.0."
T = 1_700_000_000


def said(adapter, shot=SHOT, since=None):
    """Return what each batch holds: frames, entries that arrive, entries that cannot."""
    batches = adapter.encode(shot, since or {})
    return [(batch.frames, batch.samples, dict(batch.refused)) for batch in batches]
