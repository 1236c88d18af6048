"""Pages are read as Prometheus' own parser reads them, and files as they were written."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from sampler.adapterkit.prometheus_names import base_name, sample_name
from sampler.adapterkit.prometheus_names import label_name as shown_label
from sampler.advise import (
    Host,
    PageError,
    advise,
    read_page,
    read_recording,
    recording_head,
    recording_line,
)
from sampler.advise._names import KEYS, METRICS, OWN_LABELS, READ, label_name, page_name
from sampler.cli.scrapes import as_advise_reads
from sampler.contrib.dbapi import timed
from sampler.samplers import cpython, listener, memory, process, system
from sampler.samplers.servers import apache, granian, gunicorn, mod_wsgi, nginx, pgbouncer, uwsgi
from sampler.web._metrics import METRICS as HTTP
from tests.advise.made import page, said, served

SAMPLERS = (apache, granian, gunicorn, mod_wsgi, nginx, pgbouncer, uwsgi, cpython, listener)
DECLARED = {
    f"{module.SAMPLER['name']}.{name}": described
    for module in (*SAMPLERS, memory, process, system)
    for name, described in module.SAMPLER["metrics"].items()
} | {f"http.server.{name}": described for name, described in HTTP.items()}
ELSEWHERE = {"server.process.count", "django.setup.duration"}
"""Of the relay; and of packages that are imported where they are there only."""


def test_every_metric_that_is_read_is_one_of_ours() -> None:
    """With its kind and unit; a name that is wrong would never be found on a page."""
    checked = 0
    for name, (kind, unit) in METRICS.items():
        if name in ELSEWHERE or name.startswith(("sqlalchemy.", "db.client.")):
            continue
        assert (DECLARED[name]["kind"], DECLARED[name]["unit"]) == (kind, unit), name
        checked += 1
        if name not in ("granian.thread.count", "granian.queue.length"):
            labels = set(map(label_name, DECLARED[name]["labels"]))
            assert labels <= OWN_LABELS | {"worker"}, name
    assert checked > 40
    assert callable(timed)


def test_names_are_those_of_the_page() -> None:
    """By the adapter's own rules; what the command reads has ``_count`` for ``_current``."""
    for name, (kind, unit) in METRICS.items():
        shown = sample_name(base_name(name, kind, unit), kind)
        assert as_advise_reads(f"{shown} 1\n") == f"{page_name(name)} 1\n"
    for label in ("cpu.mode", "state", "http.route"):
        assert label_name(label) == shown_label(label)


def test_only_the_gauges_that_are_read_are_spelt_for_it() -> None:
    """With labels and without; no other name, no comment, and no label's value."""
    page = 'server_process_current 2\nnginx_connection_current{state="x_current "} 3\n'
    spelt = 'server_process_count 2\nnginx_connection_count{state="x_current "} 3\n'
    assert as_advise_reads(page) == spelt
    assert as_advise_reads(spelt) == spelt
    others = "# TYPE server_process_current gauge\nshop_current 1\nserver_process_currents 1\n"
    assert as_advise_reads(others) == others


LABELS = st.dictionaries(
    st.sampled_from(["state", "worker", "cpu_mode"]), st.text(max_size=12), max_size=3
)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


@given(st.lists(st.tuples(st.sampled_from(list(READ)), LABELS, st.floats(0, 1e12)), max_size=12))
def test_pages_are_read_as_prometheus_reads_them(series) -> None:
    """Whatever is in labels."""
    text = ""
    for name, labels, value in series:
        shown = ",".join(f'{key}="{_escaped(of)}"' for key, of in labels.items())
        text += f"{name}{{{shown}}} {value!r}\n"
    theirs: dict[object, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = READ[sample.name], tuple(sorted(sample.labels.items()))
            theirs.setdefault(key, sample.value)
    scrape = read_page(text, at=1, time=1)
    ours = {
        (name, tuple(sorted(labels.items()))): value
        for name, found in scrape.values.items()
        for labels, value in found
    }
    assert ours == theirs


@given(st.text(alphabet='abc_{}="\\,\n 1.eE+-NaInf#µ', max_size=200), st.booleans())
def test_no_page_raises_but_a_torn_one(text, begins) -> None:
    """And what is read are numbers, finite and not below zero."""
    whole = ("http_server_requests_total" if begins else "") + text
    if whole and not whole.endswith("\n"):
        with pytest.raises(PageError):
            read_page(whole, at=1, time=1)
        whole += "\n"
    scrape = read_page(whole, at=1, time=1)
    for name, series in scrape.values.items():
        assert name in KEYS
        assert all(math.isfinite(value) and value >= 0 for _, value in series)


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-1", "1_0", "x", ""])
def test_what_is_no_value_is_counted(value) -> None:
    """It is not read, and neither is a series' second value."""
    scrape = read_page(f"process_uptime_seconds {value}\n", at=1, time=1)
    assert (scrape.values, scrape.refused) == ({}, 1)
    twice = read_page("process_uptime_seconds 1\nprocess_uptime_seconds 2\n", at=1, time=1)
    assert [v for _, v in twice.values["process.uptime"]] == [1.0]
    assert twice.refused == 1


def _file() -> str:
    window = served(rate=366, busy=7.7, queue=0.0885, processes=2, threads=8)
    lines = [recording_line(scrape, 1) for scrape in window]
    later = served(rate=36, busy=0.7, queue=0.001, processes=2, threads=8)
    return "".join([recording_head("http://127.0.0.1:9464/metrics"), *lines]) + "".join(
        recording_line(scrape, 2) for scrape in later
    )


def test_a_file_says_what_the_pages_said() -> None:
    """Each of its windows."""
    found = read_recording(_file().splitlines())
    assert found.faults == ()
    assert found.source == "http://127.0.0.1:9464/metrics"
    window = served(rate=366, busy=7.7, queue=0.0885, processes=2, threads=8)
    assert found.windows[1] == tuple(window)
    assert advise(found.windows[1]) == advise(window)
    assert said(list(found.windows[2]))["processes and threads"].verdict == "enough"


def test_a_file_torn_anywhere_says_less_and_nothing_else() -> None:
    """Cut after any byte: what it says is what its whole lines say."""
    text = _file()
    whole = read_recording(text.splitlines())
    for end in range(0, len(text), 7):
        torn = read_recording(text[:end].splitlines())
        for number, scrapes in torn.windows.items():
            assert scrapes == whole.windows[number][: len(scrapes)]
        assert torn.faults or torn.windows
        for scrapes in torn.windows.values():
            advise(scrapes)


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([], "empty"),
        (["{}"], "head"),
        (["hello"], "torn"),
        (['{"sampler.record": 2}'], "version 2"),
        ([recording_head("x"), "[]", "{"], "line 2"),
        ([recording_head("x"), '{"window": 1, "at": 1, "time": 1, "values": {"a": 1}}'], "line 2"),
        ([recording_head("x"), "[" * 100_000], "line 2"),
    ],
)
def test_a_file_that_is_none(lines, why) -> None:
    """It has no window, and says why."""
    found = read_recording(lines)
    assert found.windows == {}
    assert why in " ".join(found.faults)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["window", "at", "time", "values", "host", "process.uptime", "busy"]),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)


@given(st.lists(JSON, max_size=4))
def test_no_file_raises(values) -> None:
    """Whatever its lines hold."""
    found = read_recording([recording_head("x"), *map(json.dumps, values)])
    for scrapes in found.windows.values():
        advise(scrapes)


def test_the_hosts_account_is_kept() -> None:
    """It is of the moment, as the page is."""
    scrape = read_page(page({"process_uptime_seconds": 1.0}), at=1, time=2, host=Host(3, 4, 2))
    found = read_recording([recording_head("x"), recording_line(scrape, 5)])
    assert found.windows == {5: (scrape,)}
