"""Snapshots to encode: plain, hostile, empty and wide ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sampler import ABSENT, Block, HistogramValue, Series, Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

_BIG = 2**63
_TEXTS = (
    "plain", "two words", "a.b/c", "a;b=c,d", "a:b|c#d@e", 'quote"s', "back\\slash", "new\nline",
    "tab\t", "nul\0", "ünïcödé", "漢字", "%41", "{}", "~", "-", "x" * 1024, "a" * 300 + "/",
)  # fmt: skip
_NUMBERS = (0, 1, -1, _BIG - 1, -_BIG, 2**53 + 1, 0.1, -0.0, 1e-308, 1.7976931348623157e308, 1e16)
_COUNTS = (0, 1, 2**53 + 1, _BIG - 1, 0.5, 1.7976931348623157e308)


def plain() -> Snapshot:
    """Return a snapshot that every backend can carry."""
    series = (
        Series("contract.orders", {}, "counter", "{order}", "Orders."),
        Series("contract.queue", {"lane": "fast"}, "gauge"),
        Series("contract.queue", {"lane": "slow"}, "gauge"),
    )
    return _snapshot(series, [7, 2.5, 3])


def snapshots() -> Iterator[Snapshot]:
    """Yield snapshots: plain ones, hostile ones, and one without a value."""
    yield plain()
    yield _snapshot((), [])
    yield _snapshot((Series("contract.gone", {}, "gauge"),), [ABSENT])
    long = "a" + ".b" * 60
    texts = tuple(Series("contract.text", {"text": text}, "gauge") for text in _TEXTS)
    yield _snapshot(texts, list(range(len(texts))))
    names = tuple(
        Series(name, {"le": "1", "name": "x", "quantile": "0.5", "job": "j"}, "gauge")
        for name in ("contract.total", "contract.a_b", "contract.a.b", "contract.bucket", long)
    )
    yield _snapshot(names, list(range(len(names))))
    gauges = tuple(Series(f"contract.g{i}", {}, "gauge") for i in range(len(_NUMBERS)))
    yield _snapshot(gauges, list(_NUMBERS))
    counters = tuple(Series(f"contract.c{i}", {}, "counter") for i in range(len(_COUNTS)))
    yield _snapshot(counters, list(_COUNTS))
    histograms: list[Any] = [
        HistogramValue(0, None, ()),
        HistogramValue(3, 1.5, ((0.5, 1), (1.0, 3))),
        HistogramValue(2**53 + 1, -1e300, ((-1e300, 0), (1e300, 2**53 + 1))),
    ]
    lat = tuple(Series(f"contract.h{i}", {"a": "b"}, "histogram", "s") for i in range(3))
    yield _snapshot(lat, histograms)
    yield _snapshot((*lat, *gauges[:2]), [histograms[0], ABSENT, histograms[2], 1, ABSENT])


def later(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot of a pull ten seconds later."""
    blocks = tuple(
        Block(b.sampler, b.series, list(b.values), b.time + 10) for b in snapshot.blocks
    )
    return Snapshot(blocks, snapshot.time + 10, snapshot.start, snapshot.identity)


def wide(width: int) -> Snapshot:
    """Return a snapshot of many series."""
    series = tuple(
        Series("contract.wide", {"number": f"{i:0>60}"}, "gauge", "By", "Wide.")
        for i in range(width)
    )
    return _snapshot(series, list(range(width)))


def _snapshot(series: tuple[Series, ...], values: list[Any]) -> Snapshot:
    for each in series:
        if each.cumulative:
            each.start = 900.0
    now = 1_700_000_000.0
    return Snapshot((Block("contract", series, values, now),), now, 0.0, {"service": "contract"})
