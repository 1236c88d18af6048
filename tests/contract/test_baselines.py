"""When a series began, when it started over, and what counts whole."""

from __future__ import annotations

import copy
import math
import pickle
from collections import Counter
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sampler import ABSENT, Collector, HistogramValue, Increments, Registry, Series
from tests.contract.build import mapping, reasons, values
from tests.contract.lab import EVIL, Lab
from tests.support.health import health_of


def sample_of(key: str, value: Any) -> Any:
    labels = {"k": key[5]} if "{" in key else None
    if key == "h" and isinstance(value, int):
        value = {"count": value, "sum": value, "buckets": {1.0: value}}
    return key[0], value, labels


GONE = object()
yields = st.sampled_from([0, 1, 2, 3, 5, 8, None, "rubbish", GONE])
good_round = st.fixed_dictionaries(
    dict.fromkeys(("c", 'c{k="v"}', 'c{k="w"}', "g", "h"), yields)
).map(lambda rows: {key: value for key, value in rows.items() if value is not GONE})
start_change = st.sampled_from(["same"] * 9 + ["unknown", "old", "now"])
rounds_ = st.lists(
    st.tuples(
        st.one_of(good_round, good_round, good_round, st.none()), start_change, st.booleans()
    ),
    max_size=8,
)


class Model:
    """The rules of S: Baselines, in the plainest words."""

    def __init__(self, absent_at: float | None) -> None:
        self.present: dict[str, dict[str, Any]] | None = None
        self.time: float | None = None
        self.source: float | None = None
        self.absent_at = absent_at

    def pull(self, samples: dict[str, Any], source: float | None, time: float) -> None:
        """Take a good pull at `time`, whose source says it was zero at `source`."""
        now: dict[str, dict[str, Any]] = {}
        told = source is not None and self.source is not None and source != self.source
        for key, value in samples.items():
            value = value if isinstance(value, int) else None
            old = (self.present or {}).get(key)
            if old is None:
                absent = self.absent(source)
                now[key] = {"value": value, "life": 0, "absent": absent}
                now[key]["start"] = self.began(key, source, absent)
                now[key]["shown"] = now[key]["valued"] = value is not None
                continue
            fell = value is not None and old["value"] is not None and value < old["value"]
            if key != "g" and (told or fell):
                absent = self.absent(source)
                start = self.began(key, source, absent)
                now[key] = {"value": value, "life": old["life"] + 1, "start": start}
                now[key]["absent"] = absent
            else:
                kept = old["value"] if value is None else value
                now[key] = {**old, "value": kept}
                if not old["valued"]:  # known with the first value
                    now[key]["start"] = self.began(key, source, old["absent"])
            now[key]["shown"] = value is not None
            now[key]["valued"] = old["valued"] or value is not None
        self.present, self.time = now, time
        self.source = self.source if source is None else source

    def absent(self, source: float | None) -> float | None:
        """Return when a series that begins now was not there."""
        if self.time is not None:
            return self.time
        return self.absent_at if source is None else None

    @staticmethod
    def began(key: str, source: float | None, absent: float | None) -> float | None:
        """Return when a cumulative value that is new now was zero."""
        known = [at for at in (source, absent) if at is not None]
        return max(known) if known and key != "g" else None


SILENT_WHILE_ITS_START_WAS_KNOWN = [
    ({"c": None}, "same", False),
    ({"c": None}, "now", False),
    ({"c": 5}, "unknown", False),
]


@settings(max_examples=150, deadline=None)
@given(rounds=rounds_, late=st.booleans())
@example(rounds=SILENT_WHILE_ITS_START_WAS_KNOWN, late=False)
@pytest.mark.clause("C-16")
def test_series_live_and_start_as_the_contract_says(rounds: list[Any], late: bool) -> None:
    """Start, reset, absence after a good and after a failed pull, against a model."""
    registry, state = Registry(), {}

    def sample() -> Any:
        for key, value in state["samples"].items():
            yield sample_of(key, value)
        if state["fails"]:
            raise ValueError

    pool = {
        "name": "lab",
        "sample": sample,
        "start": lambda: state["start"],
        "metrics": {"c": {"kind": "counter"}, "h": {"kind": "histogram"}},
    }
    with Collector(registry, deadline=20.0) as consumer:
        registry.register(pool) if not late else None
        model = Model(None)
        if late:
            model.absent_at = consumer.collect().time
            registry.register(pool)
        previous: dict[str, Series] = {}
        lives: dict[str, tuple[Series, int]] = {}
        source: float | None = None
        tuple_before: Any = None
        for samples, change, reverse in rounds:
            source = {
                "same": source,
                "unknown": None,
                "old": consumer.start - 100,
                "now": consumer.start + 100 + len(lives),
            }[change]
            state["start"], state["fails"] = source, samples is None
            pairs = list((samples or {}).items())
            state["samples"] = dict(reversed(pairs) if reverse else pairs)
            snapshot = consumer.collect()
            for registration in registry:
                health_of(consumer, registration).answered()  # without a pause
            blocks = {block.sampler: block for block in snapshot.blocks}
            if samples is None:
                assert reasons(snapshot) == {"lab": "raised"}
                if "lab" in blocks:
                    assert blocks["lab"].series is tuple_before
                    assert set(blocks["lab"].values) <= {ABSENT}
                continue
            block = blocks["lab"]
            model.pull(state["samples"], source, block.time)
            assert model.present is not None
            found = {str(series)[4:]: series for series in block.series}
            assert set(found) == {key for key, row in model.present.items() if row["valued"]}
            for (key, series), value in zip(found.items(), block.values, strict=True):
                expected = model.present[key]
                assert series.start == expected["start"], key
                before = previous.get(key)
                if before is not None:
                    same_life = lives[key] == (before, expected["life"])
                    assert (series is before) == same_life, key
                lives[key] = series, expected["life"]
                if not expected.get("shown", True):
                    assert value is ABSENT
                else:
                    number = value.count if isinstance(value, HistogramValue) else value
                    assert number == expected["value"]
            if set(found.values()) == set(previous.values()) and tuple_before:
                assert block.series is tuple_before
            previous, tuple_before = found, block.series


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("count"), st.sampled_from("abc"), st.integers(1, 9)),
            st.tuples(st.sampled_from(["pull", "fail", "restart", "evict"])),
        ),
        max_size=30,
    ),
    st.integers(0, 50),
)
@pytest.mark.clause("C-16")
def test_increments_are_what_happened(events: list[Any], before: int) -> None:
    """Differences and whole first values sum up to the events since the consumer began."""
    totals = Counter({"a": before} if before else {})
    state: dict[str, Any] = {"fails": False, "start": 1.0}
    true = Counter[str]()

    def sample() -> Any:
        if state["fails"]:
            raise ValueError
        for key, total in totals.items():
            yield "c", total, {"k": key}

    registry = Registry()
    registration = registry.register(
        {
            "name": "lab",
            "sample": sample,
            "start": lambda: state["start"],
            "metrics": {"c": {"kind": "counter"}},
        }
    )
    seen: Counter[str] = Counter()
    taken: Counter[str] = Counter()
    increments = Increments()
    last: dict[Series, Any] = {}
    with Collector(registry, deadline=20.0) as consumer:

        def pull() -> None:
            snapshot = consumer.collect()
            health_of(consumer, registration).answered()
            for series, value in snapshot:
                whole = series.start is not None and series.start >= snapshot.start
                since = last.get(series, 0 if whole else value)
                seen[series.labels["k"]] += value - since
            for series, grown, value in increments.take(snapshot):
                taken[series.labels["k"]] += grown
                assert 0 <= grown <= value
            if not snapshot.failures:
                last.clear()
                last.update(snapshot)

        pull()
        for event, *rest in [*events, ("pull",)]:
            if event == "count":
                totals[rest[0]] += rest[1]
                true[rest[0]] += rest[1]
            elif event == "restart":
                pull()  # what is lost between the last read and a restart nobody can know
                totals.clear()
                state["start"] += consumer.start
            elif event == "evict":
                pull()
                totals.pop("a", None)
                pull()
            else:
                state["fails"] = event == "fail"
                pull()
                state["fails"] = False
    assert +seen == +taken == +true


@pytest.mark.clause("C-17")
def test_a_lower_value_is_a_reset_and_a_new_series(lab: Lab) -> None:
    """The new value counts whole: its start is the previous pull, not before the consumer's."""
    lab.pull(("c", 10), ("h", {"count": 4, "sum": 4, "buckets": {1: 2}}), ("g", 10))
    first = lab.block
    assert {series.start for series in first.series} == {None}
    lab.pull(("c", 3), ("h", {"count": 5, "sum": 4, "buckets": {1: 1}}), ("g", 3))
    counter, histogram, gauge = lab.block.series
    assert counter is not first.series[0]
    assert histogram is not first.series[1]
    assert gauge is first.series[2]
    assert counter.start == histogram.start == first.time
    assert first.time >= lab.snapshot.start


@pytest.mark.parametrize("nothing", [None, math.nan, "rubbish", "failure"])
@pytest.mark.clause("C-15")
def test_a_baseline_outlives_a_pull_that_has_no_value(lab: Lab, nothing: Any) -> None:
    """What is read next is compared with what was read last, however long ago."""

    def fail() -> Any:
        raise ValueError

    lab.pull(("c", 10))
    (series,) = lab.block.series
    for value, same_series in ((11, True), (3, False)):
        before = lab.block.time
        lab.next = fail if nothing == "failure" else [("c", nothing)]
        lab.pull()
        assert lab.block.values == [ABSENT]
        assert (lab.block.series == (series,)) is True
        assert lab.pull(("c", value)) == {"lab.c": value}
        assert (lab.block.series[0] is series) is same_series
        assert before <= lab.block.time
    assert lab.block.series[0].start is not None


def test_a_told_restart_without_a_value_begins_one_new_life(lab: Lab) -> None:
    """The first value after a changed start is not compared with one of the former life."""
    state: dict[str, Any] = {"start": 1.0}
    registry = Registry()
    registry.register(
        {
            "name": "told",
            "sample": lambda: [("c", state["value"])],
            "start": lambda: state["start"],
            "metrics": {"c": {"kind": "counter"}},
        }
    )
    with Collector(registry, deadline=5.0) as consumer:
        lives = []
        for start, value in ((1.0, 10), (2.0, None), (2.0, 3)):
            state.update(start=start, value=value)
            lives.append(consumer.collect().blocks[0].series[0])
    assert lives[0] is not lives[1]
    assert lives[1] is lives[2]


@pytest.mark.parametrize("nothing", [None, ABSENT])
def test_absent_is_refused_after_a_told_restart_as_at_any_time(nothing: Any) -> None:
    """It stands for what could not be read, and is no value of a sampler's, nor of an entry's."""
    state: dict[str, Any] = {"start": 1.0}
    registry = Registry()
    registry.register(
        {
            "name": "told",
            "sample": lambda: [("c", state["value"]), ("g", 3)],
            "start": lambda: state["start"],
            "metrics": {"c": {"kind": "counter"}},
        }
    )
    with Collector(registry, deadline=5.0) as consumer:
        for start, value in ((1.0, 10), (2.0, nothing), (2.0, ABSENT)):
            state.update(start=start, value=value)
            snapshot = consumer.collect()
        (account,) = consumer.statistics()
    assert [(series.name, value) for series, value in snapshot] == [("told.g", 3)]
    assert len(snapshot) == 1
    assert account.refused == {"type": 1 if nothing is None else 2}


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])
def test_a_copied_snapshot_has_the_same_entries(lab: Lab, copied: Any) -> None:
    """What could not be read is no entry of a copy either."""
    lab.pull(("c", 1), ("g", 2))
    lab.pull(("c", None), ("g", 2))
    twin = copied(lab.snapshot)
    assert values(twin) == values(lab.snapshot)
    assert len(list(twin)) == len(twin)


@pytest.mark.clause("C-17")
def test_a_histogram_that_lost_observations_from_one_range_was_reset(lab: Lab) -> None:
    """No cumulative count fell, yet between the bounds there are fewer: it started over."""
    lab.pull(("h", {"count": 3, "sum": 4, "buckets": {1: 0, 2: 3}}))
    first = lab.block
    lab.pull(("h", {"count": 5, "sum": 4, "buckets": {1: 5, 2: 5}}))
    assert lab.block.series[0] is not first.series[0]
    assert lab.block.series[0].start == first.time


@pytest.mark.parametrize("rubbish", ["now", math.nan, math.inf, True, object(), EVIL])
def test_a_start_that_is_no_time_fails_the_pull(rubbish: Any) -> None:
    """It decides over every baseline, so it is not guessed."""
    registry = Registry()
    registry.register(mapping("a", ("b", 1), start=lambda: rubbish))
    with Collector(registry, deadline=5.0) as consumer:
        assert reasons(consumer.collect()) == {"a": "raised"}


def test_a_clock_that_is_set_back_costs_no_first_value(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A series first seen after the wall clock went back still counts whole."""
    import time

    lab.pull(("c", 10))
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 3600)
    lab.pull(("c", 11))
    lab.pull(("c", 12), ("c", 7, {"k": "v"}))
    _, late = lab.block.series
    assert late.start is not None
    assert late.start >= lab.snapshot.start
