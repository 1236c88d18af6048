"""What Prometheus gets, to the byte, for one snapshot of each kind of series; and its limits."""

from __future__ import annotations

import gzip

import pytest

from sampler.adapterkit.prometheus_names import format_bound
from sampler.agent import HistogramValue, Ledger
from sampler_prometheus._exposition import Exposition
from sampler_prometheus._text import OPENMETRICS, TEXT, TextRenderer
from tests.adapters.one_of_each import SERIES, SHOT
from tests.adapters.shapes import Block, gauge, histogram, snapshot, snapshot_of

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
    """With units and an end; neither format changes the text of the other."""
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
    """Series of one family are written together, whatever is between them."""
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
    """None is lost, repeated or misplaced."""
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
    """And a count, too; the text format has both if there is a sum."""
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
    """OpenMetrics prescribes one spelling for each."""
    assert format_bound(upper) == text


def exposed(*shots):
    """Return an exposition of these snapshots, and its ledger."""
    ledger, pulled = Ledger(), iter(shots)
    return Exposition(lambda: next(pulled), ledger), ledger


def test_a_page_is_what_the_client_can_read() -> None:
    """Made once for requests that come together, and compressed once for each format."""
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
    """Refused entries are dropped, whether the client read the page or not."""
    shot = snapshot((gauge("a.b_x"), 9), (gauge("a.b.x"), 9), (gauge("a.c"), 1))
    made, ledger = exposed(shot)
    page = made.answer()
    assert ledger.balance().collected == 0
    page.settle(taken)
    balance = ledger.balance()
    assert (balance.collected, balance.dropped["collision"], balance.queued) == (3, 1, 0)
    assert (balance.delivered, balance.unconfirmed) == ((2, 0) if taken else (0, 2))


def test_a_page_that_is_stopped_halfway_changes_no_later_one(monkeypatch) -> None:
    """A value that has come back meanwhile is written as it is."""
    series = gauge("a.b"), histogram("a.h")
    one, two = HistogramValue(1, 1.0, ((1.0, 1),)), HistogramValue(2, 2.0, ((1.0, 2),))
    text = TextRenderer()

    def page(*values) -> str:
        shot = snapshot_of(Block("pool", series, list(values), 1.0))
        return text.render(shot, TEXT).body.decode()

    assert "a_b 0\n" in page(0, one)
    with monkeypatch.context() as patch:
        patch.setattr("sampler_prometheus._sheet.at_shared_bounds", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            page(1, two)
    assert "a_b 0\n" in page(0, two)
