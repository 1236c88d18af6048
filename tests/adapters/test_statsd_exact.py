"""What StatsD gets, to the byte, for one snapshot of each kind of series; and its limits."""

from __future__ import annotations

import pytest

from sampler.agent import ABSENT, HistogramValue, Series
from sampler_statsd import StatsD
from tests.adapters.one_of_each import SERIES, SHOT, SINCE, WAIT, P, said
from tests.adapters.shapes import IDENTITY, counter, gauge, histogram, snapshot


def statsd(*texts: str, end: str = "") -> tuple[bytes, ...]:
    return ("\n".join(f"{P}{text}" for text in texts).encode() + end.encode(),)


@pytest.mark.parametrize(
    ("options", "since", "written"),
    [
        (
            {},
            SINCE,
            [
                "pool.size.x-1:4|g",
                "pool.outs:2|c",
                "pool.wait.count.a-b:3|c",
                "pool.wait.sum.a-b:9.0|c",
                "pool.low:0|g",
                "pool.low:-2.5|g",
            ],
        ),
        (
            {"histograms": "buckets", "tags": True},
            {},
            [
                "pool.size:4|g|#x:1",
                "pool.outs:7|c",
                "pool.wait.count:4|c|#a:b",
                "pool.wait.sum:10.0|c|#a:b",
                "pool.wait.bucket:1|c|#a:b,le:1.0",
                "pool.wait.bucket:2|c|#a:b,le:2.0",
                "pool.wait.bucket:1|c|#a:b,le:inf",
                "pool.low:0|g",
                "pool.low:-2.5|g",
            ],
        ),
        (
            {"histograms": "quantiles", "quantiles": (0.5,)},
            SINCE,
            [
                "pool.size.x-1:4|g",
                "pool.outs:2|c",
                "pool.wait.count.a-b:3|c",
                "pool.wait.sum.a-b:9.0|c",
                "pool.wait.p50.a-b:1.75|g",
                "pool.low:0|g",
                "pool.low:-2.5|g",
            ],
        ),
    ],
)
def test_statsd_texts(options, since, written) -> None:
    """Counters as differences; a negative gauge is set to zero first."""
    assert said(StatsD(**options), SHOT, since) == [(statsd(*written), 4, {})]
    stream = StatsD(transport="tcp", **options)
    assert said(stream, SHOT, since) == [(statsd(*written, end="\n"), 4, {})]


def test_statsd_writes_nothing_for_what_did_not_move() -> None:
    """It counts towards its batch, which may have no frame; -0.0 is 0.0."""
    shot = snapshot((SERIES[1], 7), (SERIES[2], WAIT))
    assert said(StatsD(), shot, {SERIES[1]: 7, SERIES[2]: WAIT}) == [((), 2, {})]
    zero = snapshot((SERIES[0], -0.0))
    assert said(StatsD(), zero) == [(statsd("pool.size.x-1:0.0|g"), 1, {})]
    assert said(StatsD(), snapshot((SERIES[4], ABSENT))) == []


def test_statsd_bounds_are_segments_without_dots() -> None:
    """Where labels are segments, a bound's dot is ``_``; a program's own ``le`` is ``le_``."""
    shot = snapshot(
        (histogram("pool.wait", le="x"), HistogramValue(2, 2e7, ((0.5, 1), (1e22, 2))))
    )
    [((frame,), _, _)] = said(StatsD(histograms="buckets"), shot)
    assert frame.decode().splitlines()[2:] == [
        f"{P}pool.wait.bucket.le-0_5.le_-x:1|c",
        f"{P}pool.wait.bucket.le-1e22.le_-x:1|c",
    ]


def test_a_datagram_is_full_when_the_next_text_does_not_fit() -> None:
    """To the byte: lines, and the line feeds between them."""
    texts = [f"{P}pool.n{i}:1|g" for i in range(10)]
    size = len("\n".join(texts[:5]))
    entries = [(gauge(f"pool.n{i}"), 1) for i in range(10)]
    for limit, counts in ((size - 1, [4, 4, 2]), (size, [5, 5])):
        written = said(StatsD(max_datagram=limit), snapshot(*entries))
        assert [samples for _, samples, _ in written] == counts
        assert written[0][0] == ("\n".join(texts[: counts[0]]).encode(),)


@pytest.mark.parametrize(("series", "limit"), [(counter, 128), (gauge, 256)])
def test_a_name_leaves_room_for_any_value(series, limit) -> None:
    """32 bytes; a gauge may take two lines."""
    for length, fits in ((96, True), (97, False)):
        name = "pool." + "n" * (length - len(P) - 5)
        [(frames, _, refused)] = said(StatsD(max_datagram=limit), snapshot((series(name), 1)))
        assert (bool(frames), refused) == ((True, {}) if fits else (False, {"too_long": 1}))


def test_buckets_fill_a_datagram_to_its_last_byte() -> None:
    """One byte more, and the histogram is refused with all of its lines."""
    bounds = tuple((float(n), n) for n in range(1, 9))
    shot = snapshot((histogram("pool.wait"), HistogramValue(9, 1.0, bounds)))
    [((whole,), _, _)] = said(StatsD(histograms="buckets"), shot)
    full = StatsD(histograms="buckets", max_datagram=len(whole))
    assert said(full, shot) == [((whole,), 1, {})]
    less = StatsD(histograms="buckets", max_datagram=len(whole) - 1)
    assert said(less, shot) == [((), 0, {"too_long": 1})]


@pytest.mark.parametrize(
    ("options", "written"),
    [
        ({"tags": True}, "app.n:1|g|#name_:x"),
        ({"tags": True, "histograms": "buckets"}, "app.n:1|g|#name_:x"),
        ({}, "app.n.name-x:1|g"),
    ],
)
def test_a_tag_is_not_called_name(options, written) -> None:
    """The daemon's Graphite backend keeps the path under that name; in a path there is no tag."""
    shot = snapshot((Series("app.n", {"name": "x"}), 1))
    assert said(StatsD(**options), shot) == [(statsd(written), 1, {})]


def test_a_prefix_follows_the_identity() -> None:
    """As that of a forked child, whose process has another number."""
    adapter = StatsD(prefix="app.{pid}")
    for pid in ("1", "2"):
        shot = snapshot((SERIES[0], 4), identity={**IDENTITY, "pid": pid})
        assert said(adapter, shot) == [((f"app.{pid}.pool.size.x-1:4|g".encode(),), 1, {})]
