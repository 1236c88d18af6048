"""What Graphite gets, to the byte, for one snapshot of each kind of series; and its limits."""

from __future__ import annotations

import pickle

import pytest

from sampler.agent import ABSENT
from sampler_graphite import Graphite
from tests.adapters.one_of_each import SERIES, SHOT, SINCE, WAIT, P, T, said
from tests.adapters.shapes import block, gauge, histogram, snapshot, snapshot_of


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
    """Four bytes, or as many as it needs: as Python itself pickles it in this protocol."""
    [((frame,), _, _)] = said(Graphite(protocol="pickle"), snapshot((gauge("a.b"), value)))
    ((_, (_, found)),) = pickle.loads(frame[4:])
    assert (found, type(found)) == (value, int)
    assert (b"J" in frame[-12:]) == (-(2**31) <= value < 2**31)


def test_graphite_writes_a_reading_once_and_counts_it_twice() -> None:
    """A block that is used again is stored already; a new one is written."""
    adapter = Graphite(quantiles=())
    kept, new = block((SERIES[0], 4), (SERIES[4], ABSENT)), block((SERIES[1], 7), sampler="b")
    assert said(adapter, snapshot_of(kept, new))[0][1] == 2
    again = block((SERIES[1], 7), sampler="b", time=T + 5)
    assert said(adapter, snapshot_of(kept, again)) == [
        (lines("pool.outs 7", end=f" {T + 5}"), 2, {})
    ]
    assert said(adapter, snapshot_of(kept)) == [((), 1, {})]


def test_graphite_writes_a_difference_anew_when_either_side_has_moved() -> None:
    """The value may be the same object while the value before it has changed."""
    adapter = Graphite(counters="deltas", quantiles=())
    value = 7_000_000
    for before, change in ((0, value), (0, value), (value - 5, 5), (value - 5, 5), (value, 0)):
        [(frames, _, _)] = said(adapter, snapshot((SERIES[1], value)), {SERIES[1]: before})
        assert frames == lines(f"pool.outs {change}", end=f" {T}")


def test_graphite_templates_lay_single_metrics_out() -> None:
    """The first that matches; other labels are left out, and a missing one is ``none``."""
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
    """All of its lines together, though each would fit alone."""
    for value, fits in (("v" * 170, True), ("v" * 200, False)):
        shot = snapshot((histogram("pool.wait", k=value), WAIT))
        [(frames, samples, refused)] = said(Graphite(protocol="udp"), shot)
        assert (samples, refused) == ((1, {}) if fits else (0, {"too_long": 1}))
        assert sum(frame.count(b"\n") for frame in frames) == (5 if fits else 0)


def test_a_batch_is_full_when_the_next_entry_does_not_fit(monkeypatch) -> None:
    """Each has whole entries, and the refused ones that came before it."""
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
