"""OpenMetrics 1.0, read by prometheus_client's parser and by promtool."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as text_format
from prometheus_client.utils import floatToGoString

from sampler.adapterkit.prometheus_names import format_bound
from sampler.agent import ABSENT, HistogramValue
from sampler_prometheus._text import OPENMETRICS, TEXT, TextRenderer
from tests.adapters.corpus import corpus
from tests.adapters.shapes import (
    block,
    counter,
    gauge,
    histogram,
    snapshot,
    snapshot_of,
    snapshots,
)

PARSERS = {TEXT: text_format, OPENMETRICS: openmetrics}


def page(shot, kind=OPENMETRICS):
    """Return a page as text."""
    return TextRenderer().render(shot, kind).body.decode()


def samples(text, kind=OPENMETRICS):
    """Return {(name, labels): value}; none may occur twice."""
    found = {}
    for family in PARSERS[kind](text):
        for sample in family.samples:
            key = sample.name, tuple(sorted(sample.labels.items()))
            assert key not in found
            found[key] = sample.value
    return found


def test_a_page_has_type_unit_help_and_an_end():
    """A counter's family is named without its suffix."""
    shot = snapshot(
        (counter("web.io", "By", 'Bytes, "all" of\nthem.', dir="in"), 7),
        (gauge("web.up"), 1),
        (gauge("web.load", "1"), 0.5),
        (counter("web.hits", "{hit}"), 3),
    )
    assert page(shot) == (
        "# TYPE web_io_bytes counter\n"
        "# UNIT web_io_bytes bytes\n"
        '# HELP web_io_bytes Bytes, \\"all\\" of\\nthem.\n'
        'web_io_bytes_total{dir="in"} 7\n'
        "# TYPE web_up gauge\n"
        "web_up 1\n"
        "# TYPE web_load_ratio gauge\n"
        "# UNIT web_load_ratio ratio\n"
        "web_load_ratio 0.5\n"
        "# TYPE web_hits counter\n"
        "web_hits_total 3\n"
        "# EOF\n"
    )


def test_a_histogram_is_its_buckets_its_sum_and_its_count():
    """Its last bucket, ``+Inf``, counts all observations."""
    shot = snapshot(
        (histogram("a.wait", "s", pool="x"), HistogramValue(3, 2.5, ((0.5, 1), (2.0, 3))))
    )
    assert page(shot).splitlines()[2:] == [
        'a_wait_seconds_bucket{pool="x",le="0.5"} 1',
        'a_wait_seconds_bucket{pool="x",le="2.0"} 3',
        'a_wait_seconds_bucket{pool="x",le="+Inf"} 3',
        'a_wait_seconds_sum{pool="x"} 2.5',
        'a_wait_seconds_count{pool="x"} 3',
        "# EOF",
    ]


@pytest.mark.parametrize(
    "value",
    [
        HistogramValue(3, None, ((1.0, 3),)),
        HistogramValue(3, -2.0, ((1.0, 3),)),
        HistogramValue(3, 2.0, ((-1.0, 1), (1.0, 3))),
    ],
)
def test_a_sum_that_may_fall_is_left_out_and_its_count_with_it(value):
    """OpenMetrics requires that; the text format keeps the count."""
    shot = snapshot((histogram("a.wait"), value))
    assert not {"a_wait_sum", "a_wait_count"} & {name for name, _ in samples(page(shot))}
    text = {name for name, _ in samples(page(shot, TEXT), TEXT)}
    assert "a_wait_count" in text
    assert ("a_wait_sum" in text) == (value.sum is not None)


def test_an_empty_page_is_a_page():
    """When nothing can be read, too."""
    assert page(snapshot((gauge(), ABSENT))) == "# EOF\n"
    assert page(snapshot((gauge(), ABSENT)), TEXT) == ""


@pytest.mark.parametrize(
    "pair",
    [
        (counter("a.b"), gauge("a.b_total")),
        (counter("a.b"), gauge("a.b_created")),
        (counter("a.b", "s"), gauge("a.b_seconds")),
        (histogram("a.b"), counter("a.b_count")),
        (histogram("a.b"), gauge("a.b_bucket")),
        (gauge("a.b"), counter("a_b")),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_what_one_format_refuses_is_refused_in_both(pair, turned):
    """Whatever format a scraper prefers, the series are the same."""
    values = {"histogram": HistogramValue(1, 1.0), "counter": 1, "gauge": 1}
    entries = [(series, values[series.kind]) for series in (pair[::-1] if turned else pair)]
    for kind in (TEXT, OPENMETRICS):
        written = TextRenderer().render(snapshot(*entries), kind)
        assert written.refused == {"collision": 1}
        samples(written.body.decode(), kind)


@given(snapshots())
def test_both_formats_say_the_same(shot):
    """Sample for sample, except sums and counts that OpenMetrics does not allow."""
    writer = TextRenderer()
    pages = {kind: writer.render(shot, kind) for kind in PARSERS}
    assert pages[TEXT].refused == pages[OPENMETRICS].refused
    text, other = (samples(pages[kind].body.decode(), kind) for kind in (TEXT, OPENMETRICS))
    assert other.items() <= text.items()
    assert all(name.endswith(("_sum", "_count")) for name, _ in text.keys() - other.keys())
    assert pages[TEXT].entries == len(shot)


@given(st.floats(1e-300, 1e300) | st.integers(0, 40).map(lambda n: 10.0**n))
def test_bounds_are_spelled_as_go_spells_them(upper):
    """So a histogram's series are the same in both formats and from every client."""
    assert format_bound(upper) == floatToGoString(upper)


@pytest.fixture
def promtool(pytestconfig):
    """Run promtool's check of metrics on a page."""
    program = shutil.which("promtool")
    if program is None:
        reason = "promtool is absent: apt-get install --no-install-recommends prometheus"
        if pytestconfig.getoption("--require-servers"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)

    def check(text):
        done = subprocess.run(
            [program, "check", "metrics"], input=text.encode(), capture_output=True, timeout=60
        )
        assert done.returncode in (0, 3), done.stderr.decode()[:500]  # 3: a matter of style
        assert b"error while" not in done.stderr

    return check


@pytest.mark.server
def test_promtool_takes_every_page(promtool):
    """Of a property's run."""

    @settings(max_examples=60)
    @given(snapshots())
    def accepted(shot):
        promtool(page(shot, TEXT))

    accepted()


@pytest.mark.server
def test_promtool_takes_the_corpus(promtool):
    """Ten thousand hostile entries on one page."""
    promtool(page(snapshot_of(block(*corpus(10_000))), TEXT))


@pytest.mark.parametrize("kind", [TEXT, OPENMETRICS])
def test_hostile_entries_are_as_many_when_parsed(kind, hostile):
    """With their labels and values, none merged, none refused, nothing foreign."""
    written = TextRenderer().render(snapshot_of(block(*hostile)), kind)
    assert (written.entries, written.refused) == (len(hostile), {})
    parsed = samples(written.body.decode(), kind)
    numbers = []
    for _, value in hostile:
        if isinstance(value, HistogramValue):
            numbers += [count for _, count in value.buckets] + [value.count]
            if kind == TEXT or (value.sum >= 0 and value.buckets[0][0] >= 0):
                numbers += [value.sum, value.count]
        else:
            numbers.append(value)
    assert Counter(map(float, parsed.values())) == Counter(map(float, numbers))
    texts = Counter(text for series, _ in hostile for text in series.labels.values())
    read = {text for _, pairs in parsed for _, text in pairs}
    assert texts.keys() <= read
