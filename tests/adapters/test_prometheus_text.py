"""The ``prometheus`` adapter's page, read by prometheus_client's parser."""

from __future__ import annotations

import re
import struct

import pytest
from hypothesis import given
from prometheus_client.parser import text_string_to_metric_families

from sampler.adapterkit.prometheus_names import base_name, label_name, sample_name
from sampler.agent import ABSENT, HistogramValue
from sampler_prometheus._text import TextRenderer
from tests.adapters.shapes import (
    block,
    counter,
    gauge,
    histogram,
    snapshot,
    snapshot_of,
    snapshots,
    texts,
)


def text_of(shot):
    return TextRenderer().render(shot).body.decode("utf-8")


def samples(text):
    """Return every sample as (name, labels, value); none may occur twice."""
    found = [
        (sample.name, tuple(sorted(sample.labels.items())), sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]
    assert len({sample[:2] for sample in found}) == len(found)
    return found


@pytest.mark.parametrize(
    ("name", "kind", "unit", "exposed"),
    [
        ("mypool.connections", "gauge", "{connection}", "mypool_connections"),
        ("mypool.checkouts", "counter", "", "mypool_checkouts_total"),
        ("process.cpu.time", "counter", "s", "process_cpu_time_seconds_total"),
        ("process.memory.usage", "gauge", "By", "process_memory_usage_bytes"),
        ("pool.usage", "gauge", "1", "pool_usage_ratio"),
        ("pool.turns", "counter", "1", "pool_turns_total"),
        ("pool.wait", "histogram", "ms", "pool_wait_milliseconds"),
        ("disk.io", "gauge", "By/s", "disk_io_bytes_per_second"),
        ("queue.rate", "gauge", "{job}/s", "queue_rate_per_second"),
        ("queue.rate", "gauge", "1/min", "queue_rate_per_minute"),
        ("beam.length", "gauge", "parsec", "beam_length"),
        ("beam.speed", "gauge", "m/parsec", "beam_speed"),
        ("cpu.load", "gauge", "%", "cpu_load_percent"),
        ("wait.seconds", "gauge", "s", "wait_seconds"),
        ("a.total", "counter", "", "a_total"),
        ("a.sent_bytes_total", "counter", "By", "a_sent_bytes_total"),
        ("a.sent_total", "counter", "By", "a_sent_bytes_total"),
        ("a.milliseconds", "gauge", "s", "a_milliseconds_seconds"),
        ("a.total", "gauge", "", "a_total"),
        ("process.thread.count", "gauge", "{thread}", "process_thread_current"),
        ("process.thread_count", "gauge", "", "process_thread_current"),
        ("packet.count", "counter", "{packet}", "packet_count_total"),
        ("sent.count", "gauge", "By", "sent_count_bytes"),
        ("lap.count", "histogram", "", "lap_count"),
        ("account", "gauge", "", "account"),
    ],
)
def test_names_follow_the_conventions(name, kind, unit, exposed):
    """The unit is appended, by OpenTelemetry's table; counters end in _total; neither twice.

    A gauge's _count is _current.
    """
    assert sample_name(base_name(name, kind, unit), kind) == exposed


@pytest.mark.parametrize(
    ("label", "exposed"),
    [("state", "state"), ("db.name", "db_name"), ("le", "le_"), ("job", "job_")],
)
def test_reserved_labels_get_an_underscore(label, exposed):
    """No label name of a sampler ends in ``_``."""
    assert label_name(label) == exposed


def test_a_page_in_full():
    """HELP where there is one, TYPE, samples; cumulative buckets with float bounds."""
    shot = snapshot(
        (gauge("mypool.connections", text="By state.", state="idle"), 4),
        (histogram("mypool.wait", "s", p="a"), HistogramValue(3, 0.5, ((0.1, 1), (1, 2)))),
        (gauge("mypool.connections", text="By state.", state="busy"), -2.5),
        (counter("mypool.checkouts"), 2**63 - 1),
    )
    assert text_of(shot) == (
        "# HELP mypool_connections By state.\n"
        "# TYPE mypool_connections gauge\n"
        'mypool_connections{state="idle"} 4\n'
        'mypool_connections{state="busy"} -2.5\n'
        "# TYPE mypool_wait_seconds histogram\n"
        'mypool_wait_seconds_bucket{p="a",le="0.1"} 1\n'
        'mypool_wait_seconds_bucket{p="a",le="1.0"} 2\n'
        'mypool_wait_seconds_bucket{p="a",le="+Inf"} 3\n'
        'mypool_wait_seconds_sum{p="a"} 0.5\n'
        'mypool_wait_seconds_count{p="a"} 3\n'
        "# TYPE mypool_checkouts_total counter\n"
        "mypool_checkouts_total 9223372036854775807\n"
    )


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a\\nb", "a\\\\nb"),
        ("a\nb", "a\\nb"),
        ("C:\\", "C:\\\\"),
        ('say "x"', 'say "x"'),
        ("\\\n", "\\\\\\n"),
    ],
)
def test_help_is_escaped(text, written):
    """A backslash, so that the text is read back as it was, and what ends a line."""
    page = text_of(snapshot((gauge("a.b", text=text), 1)))
    assert page.startswith(f"# HELP a_b {written}\n# TYPE a_b gauge\n")
    (family,) = text_string_to_metric_families(page)
    assert family.documentation == text


@given(texts)
def test_any_help_is_read_back(text):
    """Whatever it holds, after the two escapes are undone."""
    first, *others = text_of(snapshot((gauge("a.b", text=text), 1))).split("\n")
    escaped = first.removeprefix("# HELP a_b ")
    assert re.sub(r"\\(.)", lambda found: {"n": "\n"}.get(found[1], found[1]), escaped) == text
    assert others == ["# TYPE a_b gauge", "a_b 1", ""]


def test_a_family_of_two_samplers_is_contiguous():
    """One HELP and one TYPE, whatever block a series is in."""
    one = block((gauge("a.b_c", text="First.", s="1"), 1), (gauge("a.z"), 2), sampler="a")
    two = block((gauge("a_b.c", text="Second.", s="2"), 3), sampler="a_b")
    assert text_of(snapshot_of(one, two)) == (
        '# HELP a_b_c First.\n# TYPE a_b_c gauge\na_b_c{s="1"} 1\na_b_c{s="2"} 3\n'
        "# TYPE a_z gauge\na_z 2\n"
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (gauge("a.b_c"), gauge("a_b.c")),
        (counter("a.b"), gauge("a.b.total", x="1")),
        (histogram("a.b"), gauge("a.b.bucket", x="1")),
        (gauge("a.b.count"), gauge("a.b.current")),
        (gauge("a.b.sum", x="1"), histogram("a.b")),
        (gauge("a.b", "s"), gauge("a.b.seconds")),
        (gauge("a.b", **{"x.y": "1"}), gauge("a.b", x_y="1")),
    ],
)
def test_names_that_prometheus_would_merge_are_refused(first, second):
    """The first stays; a family has one kind."""
    values = [HistogramValue(1, 1) if s.kind == "histogram" else 1 for s in (first, second)]
    page = TextRenderer().render(snapshot((first, values[0]), (second, values[1])))
    assert (page.entries, page.refused) == (2, {"collision": 1})
    assert len(list(text_string_to_metric_families(page.body.decode()))) == 1


def test_two_labels_of_one_name_are_refused():
    """Prometheus would discard the whole scrape."""
    page = TextRenderer().render(snapshot((gauge("a.b", **{"x.y": "1", "x_y": "2"}), 1)))
    assert (page.body, page.refused) == (b"", {"collision": 1})


def test_an_absent_value_is_no_entry():
    """A family without samples is not announced."""
    page = TextRenderer().render(snapshot((gauge("a.b"), ABSENT)))
    assert (page.body, page.entries) == (b"", 0)


def test_one_snapshot_is_one_page():
    """Scrapes that share a pull share the text."""
    text, shot = TextRenderer(), snapshot((gauge(), 1))
    assert text.render(shot) is text.render(shot)
    assert text.render(snapshot((gauge(), 1))) is not text.render(shot)


@given(texts, texts)
def test_label_values_and_help_come_back(value, help_):
    """Escaped and unchanged, NUL and carriage returns too."""
    text = text_of(snapshot((gauge("a.b", text=help_, k=value), 1)))
    (family,) = text_string_to_metric_families(text)
    (sample,) = family.samples
    assert sample.labels == {"k": value}


@given(snapshots())
def test_every_entry_is_accounted_for_and_reads_back_exactly(shot):
    """Of n entries all but the refused are parsed, with their exact values."""
    page = TextRenderer().render(shot)
    assert page.entries == len(shot)
    assert set(page.refused) <= {"collision"}
    text = page.body.decode()
    assert len(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE)) == len(
        set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
    )
    found = sorted(struct.pack("d", value) for *_, value in samples(text))
    wanted = []
    for _, value in shot:
        if isinstance(value, HistogramValue):
            wanted += [count for _, count in value.buckets]
            wanted += [value.count, value.count, *([] if value.sum is None else [value.sum])]
        else:
            wanted.append(value)
    packed = sorted(struct.pack("d", float(number)) for number in wanted)
    if page.refused:
        assert set(found) <= set(packed)
    else:
        assert found == packed
