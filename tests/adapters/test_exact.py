"""What encoders write, to the byte, for one snapshot of each kind of series; and at their limits.

Small on purpose: what hypothesis finds out in other files takes seconds, and this none.
"""

from __future__ import annotations

import gzip
import pickle

import pytest

from sampler.agent import ABSENT, HistogramValue, Ledger
from sampler_graphite import Graphite
from sampler_prometheus._exposition import Exposition
from sampler_prometheus._lines import format_bound
from sampler_prometheus._text import OPENMETRICS, TEXT, TextRenderer
from sampler_statsd import StatsD
from tests.adapters.shapes import block, counter, gauge, histogram, snapshot, snapshot_of

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


def lines(*texts: str, end: str = "") -> tuple[bytes, ...]:
    """Return one frame of these lines."""
    return ("".join(f"{P}{text}{end}\n" for text in texts).encode(),)


@pytest.mark.parametrize(
    ("options", "since", "written"),
    [
        (
            {"quantiles": (0.5,)},
            {},
            [
                "pool.size.x-1 4",
                "pool.outs 7",
                "pool.wait.count.a-b 4",
                "pool.wait.sum.a-b 10.0",
                "pool.wait.p50.a-b 1.5",
                "pool.low -2.5",
            ],
        ),
        (
            {"quantiles": (0.5,), "counters": "deltas", "tags": True},
            SINCE,
            [
                "pool.size;x=1 4",
                "pool.outs 2",
                "pool.wait.count;a=b 3",
                "pool.wait.sum;a=b 9.0",
                "pool.wait.p50;a=b 1.75",
                "pool.low -2.5",
            ],
        ),
        (
            {"quantiles": (), "counters": "deltas"},
            {},
            [
                "pool.size.x-1 4",
                "pool.outs 7",
                "pool.wait.count.a-b 4",
                "pool.wait.sum.a-b 10.0",
                "pool.low -2.5",
            ],
        ),
    ],
)
def test_graphite_lines(options, since, written) -> None:
    """Totals or differences, labels as segments or tags."""
    assert said(Graphite(**options), SHOT, since) == [(lines(*written, end=f" {T}"), 4, {})]


def test_graphite_pickles_are_the_same_points() -> None:
    """In a message with its length in front."""
    points = [
        (f"{P}pool.size.x-1", (T, 4)),
        (f"{P}pool.outs", (T, 7)),
        (f"{P}pool.wait.count.a-b", (T, 4)),
        (f"{P}pool.wait.sum.a-b", (T, 10.0)),
        (f"{P}pool.low", (T, -2.5)),
    ]
    [((frame,), samples, refused)] = said(Graphite(protocol="pickle", quantiles=()))
    assert (samples, refused) == (4, {})
    assert int.from_bytes(frame[:4], "big") == len(frame) - 4
    assert frame[4:7] == b"\x80\x02]"
    assert pickle.loads(frame[4:]) == points


@pytest.mark.parametrize(
    "value", [0, -1, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**63 - 1, -(2**63), 255, 256]
)
def test_a_pickled_whole_number_takes_what_its_size_needs(value) -> None:
    """Four bytes, or as many as it has: as Python itself writes it in this protocol."""
    [((frame,), _, _)] = said(Graphite(protocol="pickle"), snapshot((gauge("a.b"), value)))
    ((_, (_, found)),) = pickle.loads(frame[4:])
    assert (found, type(found)) == (value, int)
    assert (b"J" in frame[-12:]) == (-(2**31) <= value < 2**31)


def test_graphite_writes_a_reading_once_and_counts_it_twice() -> None:
    """Of a block that is used again the point is there; a new one is written, values or not."""
    adapter = Graphite(quantiles=())
    kept, new = block((SERIES[0], 4), (SERIES[4], ABSENT)), block((SERIES[1], 7), sampler="b")
    assert said(adapter, snapshot_of(kept, new))[0][1] == 2
    again = block((SERIES[1], 7), sampler="b", time=T + 5)
    assert said(adapter, snapshot_of(kept, again)) == [
        (lines("pool.outs 7", end=f" {T + 5}"), 2, {})
    ]
    assert said(adapter, snapshot_of(kept)) == [((), 1, {})]


def test_graphite_writes_a_difference_anew_when_either_side_has_moved() -> None:
    """The value may be the same object, and what it is compared with another."""
    adapter = Graphite(counters="deltas", quantiles=())
    value = 7_000_000
    for before, change in ((0, value), (0, value), (value - 5, 5), (value - 5, 5), (value, 0)):
        [(frames, _, _)] = said(adapter, snapshot((SERIES[1], value)), {SERIES[1]: before})
        assert frames == lines(f"pool.outs {change}", end=f" {T}")


def test_graphite_templates_lay_single_metrics_out() -> None:
    """The first that matches; what it does not name is left out, a missing label is ``none``."""
    paths = {"pool.size": "{name}.at.{x}", "pool.*": "all.{labels}.{y}", "pool.low": "never"}
    written = said(Graphite(paths=paths, quantiles=()))
    assert written == [
        (
            lines(
                "pool.size.at.1 4",
                "all.none 7",
                "all.a-b.none.count 4",
                "all.a-b.none.sum 10.0",
                end=f" {T}",
            ),
            3,
            {"collision": 1},
        )
    ]


def test_graphite_refuses_what_a_file_cannot_be_named() -> None:
    """Paths of 3,000 bytes, and tagged ones of 16,000, are the longest."""
    longest = {f"k{i:02}": "v" * 196 for i in range(14)}
    free = 3000 - len(f"{P}a.b") - 14 * 201 - len(".z-")
    for more, fits in ((0, True), (1, False)):
        labels = {**longest, "z": "v" * (free + more)}
        [(frames, samples, refused)] = said(Graphite(), snapshot((gauge("a.b", **labels), 1)))
        assert (samples, refused) == ((1, {}) if fits else (0, {"too_long": 1}))
        assert bool(frames) == fits
        if fits:
            assert len(frames[0].split()[0]) == 3000


def test_graphite_refuses_a_histogram_that_no_datagram_holds() -> None:
    """All of its lines together; each alone would do."""
    for value, fits in (("v" * 170, True), ("v" * 200, False)):
        shot = snapshot((histogram("pool.wait", k=value), WAIT))
        [(frames, samples, refused)] = said(Graphite(protocol="udp"), shot)
        assert (samples, refused) == ((1, {}) if fits else (0, {"too_long": 1}))
        assert sum(frame.count(b"\n") for frame in frames) == (5 if fits else 0)


def test_a_batch_is_full_when_the_next_entry_does_not_fit(monkeypatch) -> None:
    """Each has whole entries, and says what could not be written before it."""
    monkeypatch.setattr("sampler_graphite._adapter.MAX_DATAGRAM", 128)
    adapter = Graphite(protocol="udp", quantiles=())
    entries = [(gauge(f"pool.n{i}"), i) for i in range(4)]
    too_long = (gauge("pool.n9", k="v" * 90), 1)
    written = said(adapter, snapshot(too_long, *entries, too_long))
    point = len(f"{P}pool.n0 0 {T}\n")
    assert 3 * point <= 128 < 4 * point
    texts = [f"pool.n{i} {i}" for i in range(4)]
    assert written[0] == (lines(*texts[:3], end=f" {T}"), 3, {"too_long": 1})
    assert written[1][0] == lines(texts[3], end=f" {T}")
    assert len(written) == 2


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
    """Differences of what counts, a gauge below zero by way of zero."""
    assert said(StatsD(**options), SHOT, since) == [(statsd(*written), 4, {})]
    stream = StatsD(transport="tcp", **options)
    assert said(stream, SHOT, since) == [(statsd(*written, end="\n"), 4, {})]


def test_statsd_writes_nothing_for_what_did_not_move() -> None:
    """It counts with the batch, of which nothing may be left; -0.0 is 0.0."""
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
    """To the byte: lines and the ends between them."""
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


HEAD = "# HELP pool_wait_seconds Time waited.\n# TYPE pool_wait_seconds histogram\n"
BUCKETS = (
    'pool_wait_seconds_bucket{a="b",le="1.0"} 1\n'
    'pool_wait_seconds_bucket{a="b",le="2.0"} 3\n'
    'pool_wait_seconds_bucket{a="b",le="+Inf"} 4\n'
    'pool_wait_seconds_sum{a="b"} 10.0\n'
    'pool_wait_seconds_count{a="b"} 4\n'
)


def test_prometheus_text() -> None:
    """A counter's type has the name of its samples."""
    written = TextRenderer().render(SHOT, TEXT)
    assert written.body.decode() == (
        '# TYPE pool_size gauge\npool_size{x="1"} 4\n'
        "# TYPE pool_outs_total counter\npool_outs_total 7\n"
        f"{HEAD}{BUCKETS}"
        "# TYPE pool_low gauge\npool_low -2.5\n"
    )
    assert (written.entries, written.refused) == (4, {})


def test_openmetrics() -> None:
    """Units are told, and an end; each format stays what it was beside the other."""
    text = TextRenderer()
    written = text.render(SHOT, OPENMETRICS)
    assert written.body.decode() == (
        '# TYPE pool_size gauge\npool_size{x="1"} 4\n'
        "# TYPE pool_outs counter\npool_outs_total 7\n"
        "# TYPE pool_wait_seconds histogram\n# UNIT pool_wait_seconds seconds\n"
        f"# HELP pool_wait_seconds Time waited.\n{BUCKETS}"
        "# TYPE pool_low gauge\npool_low -2.5\n# EOF\n"
    )
    assert text.render(SHOT, OPENMETRICS) is written
    assert text.render(SHOT, TEXT).body != written.body
    assert text.render(snapshot((SERIES[0], 5)), OPENMETRICS).body == (
        b'# TYPE pool_size gauge\npool_size{x="1"} 5\n# EOF\n'
    )


def test_prometheus_gathers_a_family_and_refuses_what_collides() -> None:
    """Series of one family stand together, whatever came between them."""
    shot = snapshot(
        (gauge("a.b", x="1"), 1),
        (gauge("a.c"), 2),
        (gauge("a.b", x="2"), 3),
        (gauge("a_b.x"), 1),
        (gauge("a.b_x"), 9),
        (gauge("a.b.x"), 9),
    )
    written = TextRenderer().render(shot, TEXT)
    assert written.body.decode() == (
        '# TYPE a_b gauge\na_b{x="1"} 1\na_b{x="2"} 3\n'
        "# TYPE a_c gauge\na_c 2\n# TYPE a_b_x gauge\na_b_x 1\n"
    )
    assert (written.entries, written.refused) == (6, {"collision": 2})


@pytest.mark.parametrize("joined", [1, 3, 4, 5, 100])
def test_a_page_is_the_same_however_many_lines_are_joined_at_once(joined, monkeypatch) -> None:
    """None is lost, doubled or out of its place."""
    monkeypatch.setattr("sampler_prometheus._text._JOINED", joined)
    entries = [(gauge("a.b", n=str(n)), n) for n in range(8)]
    body = TextRenderer().render(snapshot(*entries, (gauge("a.c"), 1)), OPENMETRICS).body.decode()
    rows = "".join(f'a_b{{n="{n}"}} {n}\n' for n in range(8))
    assert body == f"# TYPE a_b gauge\n{rows}# TYPE a_c gauge\na_c 1\n# EOF\n"


@pytest.mark.parametrize(
    ("value", "in_openmetrics"),
    [
        (HistogramValue(2, 1.0, ((0.0, 1), (1.0, 2))), True),
        (HistogramValue(2, 1.0, ((-1.0, 1), (1.0, 2))), False),
        (HistogramValue(2, -1.0, ((1.0, 2),)), False),
        (HistogramValue(2, 0.0, ((1.0, 2),)), True),
        (HistogramValue(2, 0.0, ()), True),
        (HistogramValue(2, None, ((1.0, 2),)), False),
    ],
)
def test_openmetrics_has_a_sum_that_only_grows(value, in_openmetrics) -> None:
    """And a count with it; the text format has both, if there is a sum."""
    shot = snapshot((histogram("a.b"), value))
    assert (b"a_b_sum" in TextRenderer().render(shot, OPENMETRICS).body) == in_openmetrics
    assert (b"a_b_count" in TextRenderer().render(shot, OPENMETRICS).body) == in_openmetrics
    assert (b"a_b_sum" in TextRenderer().render(shot, TEXT).body) == (value.sum is not None)
    assert b"a_b_count 2\n" in TextRenderer().render(shot, TEXT).body
    assert b'a_b_bucket{le="+Inf"} 2\n' in TextRenderer().render(shot, OPENMETRICS).body


@pytest.mark.parametrize(
    ("upper", "text"),
    [
        (1, "1.0"),
        (0.25, "0.25"),
        (-1234567.0, "-1234567.0"),
        (123456.0, "123456.0"),
        (999999.5, "999999.5"),
        (1000000.0, "1e+06"),
        (1234567.0, "1.234567e+06"),
        (1234567.5, "1.2345675e+06"),
        (1e16, "1e+16"),
        (12345678901.0, "1.2345678901e+10"),
        (1e-07, "1e-07"),
    ],
)
def test_bounds_are_written_as_go_writes_them(upper, text) -> None:
    """OpenMetrics asks for one spelling of each."""
    assert format_bound(upper) == text


def exposed(*shots):
    """Return what answers scrapes with these snapshots, and its account."""
    ledger, pulled = Ledger(), iter(shots)
    return Exposition(lambda: next(pulled), ledger), ledger


def test_a_page_is_what_the_client_can_read() -> None:
    """Compressed alike for all who ask for the same; made once for those who ask together."""
    asked = [
        (None, None),
        (None, "gzip"),
        ("application/openmetrics-text", "gzip"),
        (None, "gzip"),
    ]
    made, _ = exposed(SHOT, SHOT)
    plain, zipped, other, again = made.answers(asked)
    assert (plain.encoding, zipped.encoding, other.encoding) == ("", "gzip", "gzip")
    assert plain.body == TextRenderer().render(SHOT, TEXT).body == gzip.decompress(zipped.body)
    assert zipped.body == gzip.compress(plain.body, 5, mtime=0)
    assert gzip.decompress(other.body) == TextRenderer().render(SHOT, OPENMETRICS).body
    assert (plain.content_type, other.content_type) == (TEXT, OPENMETRICS)
    assert again.body is zipped.body
    assert made.answer(None, "gzip").body is zipped.body, "the same pull"


@pytest.mark.parametrize("taken", [True, False])
def test_an_answer_is_accounted_for_once_it_is_settled(taken) -> None:
    """What was left out is dropped whether the client took the rest or not."""
    shot = snapshot((gauge("a.b_x"), 9), (gauge("a.b.x"), 9), (gauge("a.c"), 1))
    made, ledger = exposed(shot)
    page = made.answer()
    assert ledger.balance().collected == 0
    page.settle(taken)
    balance = ledger.balance()
    assert (balance.collected, balance.dropped["collision"], balance.queued) == (3, 1, 0)
    assert (balance.delivered, balance.unconfirmed) == ((2, 0) if taken else (0, 2))
