"""What is aimed at in a program's life: series that come and go, first pages, memory, requests."""

from __future__ import annotations

from tests.bench.life import CHURN
from tests.bench.row import Row

_NEW = "a series that was never seen is checked, named and written from nothing"
_FIRST = "all of it is new series; a fast page afterwards needs what is made here"
_KEPT = "what a later page is made of is kept: a series, its row, its line"
_COLD = "most of a small pull is the hand-off to a worker, whose code is in no cache either"
_EACH = "each sampler is a guarded call, with statistics and a block of its own"
_SWITCH = "letting go more often costs a switch interval each time, and a longer pass"
_FIFTH = "a fifth of theirs is less than the same request takes beside an idle process"
_PASS = "each letting go costs one switch interval of 5 ms, whatever the machine"
_COLLECTOR = "nothing can interrupt a full run of the garbage collector over all objects"
_STATES = (
    ("nothing new", "disturbance", 1.0, 0.5 * 600),
    ("all new", "disturbance, all new", 1.5, 1.0 * 880),
    ("histograms", "disturbance, histograms", 1.5, None),
    ("first page", "disturbance, first page", 2.0, 1.3 * 5_600),
)
"""Titles, names, milliseconds of a request beyond idle, and of a pass.

A pass is compared with those of commit e842b2a: 600 and 880 ms, and a first page of 7.2 s in a run
in which peers took 1.29 times as long as where limits were set.
"""

LIFE = (
    *(
        Row(
            f"collect, label values that appeared in {steps} steps, / in one",
            (f"grown/ours, {steps}/ns",),
            peers=("grown/ours, 1/ns",),
            ratio=1 / 1.1,
            why="rows are found again in another order than they were first seen in",
        )
        for steps in (10, 100)
    ),
    *(
        Row(
            f"collect, {title}",
            (f"order/{ours}/ns",),
            peers=(f"order/{kept}/ns",),
            ratio=1 / 2,
            why="a series is looked up by its labels instead of being where it is expected",
        )
        for title, ours, kept in (
            ("another order each time, / the same one", "random", "kept"),
            ("two sources in turns, / the same order", "two in turns", "kept"),
            (
                "every second series missing each second time, / the last half",
                "all, and every second",
                "all, and the first half",
            ),
        )
    ),
    *(
        Row(
            f"collect and text, {churn:.1%} of 10,000 rows never seen before",
            (f"life/churn {churn:.1%}/ours",),
            peers=(f"life/churn {churn:.1%}/prometheus",),
            ratio=times,
            why=_NEW,
        )
        for churn, times in zip(CHURN, (4, 3, 1.5, 1), strict=True)
    ),
    Row(
        "collect, cold, 1,000, 10% change",
        ("life/cold collect/ours",),
        peers=("life/cold collect/",),
        ratio=8,
        why=_COLD,
    ),
    Row("text, cold, 1,000, 10% change", ("life/cold text/ours",), peers=("life/cold text/",)),
    Row(
        "a sampler beyond its samples, 1,000 samplers of 10",
        ("life/samplers 1000/ours", "life/samplers 1/ours"),
        limit=8_000,
        why=_EACH,
    ),
    Row(
        "first page of 100,000, / prometheus_client's",
        ("first/ours/cpu",),
        "ms",
        peers=("first/prometheus_client/cpu", "first/prometheus_client/later cpu"),
        ratio=1,
        why=_FIRST,
    ),
    Row(
        "first page of 100,000, by the clock",
        ("first/ours/wall",),
        "ms",
        peers=("first/prometheus_client/wall",),
    ),
    Row(
        "longest hold of a first page, collections aside",
        ("first/ours/hold, collections aside",),
        "ms",
        limit=5,
        why=_FIRST,
        scaled=False,
    ),
    Row(
        "longest hold of a first page",
        ("first/ours/hold",),
        "ms",
        limit=5,
        why=_COLLECTOR,
        scaled=False,
    ),
    *(
        row
        for kind, more in (("counter", 300), ("histogram", 900))
        for row in (
            Row(
                f"{kind} after pages",
                (f"memory/ours/{kind} after pages",),
                "B",
                peers=(f"memory/prometheus_client/{kind} after pages",),
                ratio=1,
                why=_KEPT,
            ),
            Row(
                f"{kind}, Graphite beside", (f"memory/ours/{kind} graphite",), "B", more, why=_KEPT
            ),
            Row(f"{kind}, StatsD beside", (f"memory/ours/{kind} statsd",), "B", more, why=_KEPT),
        )
    ),
    *(
        Row(
            f"left when half have gone: {kind}s",
            (f"memory/ours/{kind} half left",),
            "%",
            55,
            (f"memory/prometheus_client/{kind} half left",),
            why="a table keeps its size when its series go",
            scaled=False,
        )
        for kind in ("counter", "histogram", "row")
    ),
    *(
        row
        for title, name, beyond, longest in _STATES
        for row in (
            Row(
                f"p99.9 of a request beyond idle, 100,000, {title}",
                (f"{name}/ours/p99.9", f"{name}/ours/idle p99.9"),
                "ms",
                limit=beyond,
                why=_SWITCH,
                scaled=False,
            ),
            Row(
                f"p99.9 of a request, 100,000, {title}",
                (f"{name}/ours/p99.9",),
                "ms",
                peers=(f"{name}/prometheus_client/p99.9",),
                ratio=5,
                why=_FIFTH,
            ),
            Row(
                f"pass beside requests, 100,000, {title}",
                (f"{name}/ours/pass",),
                "ms",
                limit=longest,
                peers=(f"{name}/prometheus_client/pass", f"{name}/opentelemetry/pass"),
                why=_PASS,
            ),
        )
    ),
    Row(
        "growth of a sample's cost from 10,000 to 1,000,000, / a bare loop's",
        ("million/ours/growth",),
        "x",
        peers=("million/bare loop/growth",),
        ratio=1 / 1.2,
        why="a sample's objects are more than a loop's, and in no cache",
    ),
    Row(
        "RSS a series with a page, 1,000,000",
        ("million/ours/B at 1000000",),
        "B",
        limit=1_200,
        peers=("million/prometheus_client/B at 1000000",),
        why=_KEPT,
    ),
)
