"""The ``graphite`` adapter's lines, read as carbon's MetricLineReceiver and TaggedSeries do."""

from __future__ import annotations

import re
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampler.adapterkit.dotted_paths import segment
from sampler.agent import ABSENT, HistogramValue, Series
from sampler_graphite import Graphite
from tests.adapters.shapes import (
    NOW,
    PREFIX,
    block,
    counter,
    gauge,
    histogram,
    snapshot,
    snapshot_of,
    snapshots,
    texts,
)


def read(data):
    """Return {path: (value, timestamp)} or fail where carbon would lose or bend a line."""
    found = {}
    for line in data.split(b"\n")[:-1]:
        assert len(line) < 16384
        path, value, timestamp = line.decode("utf-8").strip().split()
        assert re.fullmatch(r"[!-~]+", path)
        name, *tags = path.split(";")
        pairs = [tag.split("=", 1) for tag in tags]
        assert all(key and text and text[0] != "~" and len(text) <= 200 for key, text in pairs)
        assert "name" not in dict(pairs)
        assert len(dict(pairs)) == len(pairs)
        parts = name.split(".")
        assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,200}", part) for part in parts)
        assert path not in found
        found[path] = float(value), int(timestamp)
    assert data[-1:] in (b"", b"\n")
    return found


def encoded(adapter, shot):
    """Return the batches, and what carbon reads in them."""
    batches = list(adapter.encode(shot, {}))
    return batches, read(b"".join(frame for batch in batches for frame in batch.frames))


def lines_of(shot, **options):
    return encoded(Graphite(**options), shot)[1]


def test_an_entry_is_a_path_a_value_and_the_seconds_of_its_block():
    """Labels are key-value segments after the name, and the prefix names the process."""
    shot = snapshot(
        (gauge("mypool.connections", state="idle"), 4), (counter("mypool.checkouts"), 7)
    )
    assert lines_of(shot) == {
        f"{PREFIX}.mypool.connections.state-idle": (4, int(NOW)),
        f"{PREFIX}.mypool.checkouts": (7, int(NOW)),
    }


def test_labels_can_be_tags():
    """The tag that carbon reserves is renamed."""
    shot = snapshot((gauge("db.size", name="x", host="a.b"), 4), (gauge("db.up"), 1))
    assert lines_of(shot, tags=True, prefix="p") == {
        "p.db.size;host=a.b;name_=x": (4, int(NOW)),
        "p.db.up": (1, int(NOW)),
    }


def test_a_histogram_is_a_count_and_a_sum_of_one_entry():
    """No sum where it is not known."""
    known = histogram("db.wait", pool="a")
    shot = snapshot(
        (known, HistogramValue(3, 0.5, ((1.0, 2),))),
        (histogram("db.age"), HistogramValue(2, None)),
    )
    batches, lines = encoded(Graphite(prefix="", quantiles=()), shot)
    assert lines == {
        "db.wait.count.pool-a": (3, int(NOW)),
        "db.wait.sum.pool-a": (0.5, int(NOW)),
        "db.age.count": (2, int(NOW)),
    }
    assert [batch.samples for batch in batches] == [2]


def test_every_block_has_its_own_time():
    """A reading taken earlier keeps that time."""
    shot = snapshot_of(block((gauge("a.x"), 1), time=100.9), block((gauge("b.x"), 1), time=200.1))
    assert lines_of(shot, prefix="") == {"a.x": (1, 100), "b.x": (1, 200)}


def test_what_is_absent_makes_no_line_and_is_no_entry():
    """Also when nothing else is there."""
    batches, lines = encoded(Graphite(), snapshot((gauge(), ABSENT)))
    assert (batches, lines) == ([], {})


def test_a_path_too_long_for_a_file_is_refused():
    """And counted; as tags the same labels fit, because the file name is a hash."""
    long = {f"k{i:03}": "v" * 200 for i in range(20)}
    shot = snapshot((gauge(**long), 1), (gauge("pool.ok"), 1))
    (batch,), lines = encoded(Graphite(), shot)
    assert batch.refused == {"too_long": 1}
    assert list(lines) == [f"{PREFIX}.pool.ok"]
    assert len(lines_of(shot, tags=True)) == 2


def test_a_line_too_long_for_carbon_is_refused():
    """It would end the connection and lose what follows."""
    long = {f"k{i:03}": "v" * 200 for i in range(90)}
    (batch,), lines = encoded(Graphite(tags=True), snapshot((gauge(**long), 1), (gauge("a.b"), 1)))
    assert batch.refused == {"too_long": 1}
    assert len(lines) == 1


def test_a_histograms_count_collides_with_a_metric_of_that_name():
    """The first one stays."""
    shot = snapshot((histogram("db.wait"), HistogramValue(1, 1)), (gauge("db.wait.count"), 1))
    (batch,), lines = encoded(Graphite(prefix=""), shot)
    assert (batch.samples, batch.refused) == (1, {"collision": 1})
    assert lines["db.wait.count"] == (1, int(NOW))


def test_batches_stay_below_512_kib_and_keep_the_order():
    """An entry is never split: a histogram's two lines are in one batch."""
    entries = [
        (Series(f"m.n{i}", {"v": "x" * 200}, kind), value)
        for i in range(3000)
        for kind, value in [("histogram", HistogramValue(i, 0.5)), ("gauge", i)][i % 2 :][:1]
    ]
    batches = list(Graphite(prefix="").encode(snapshot(*entries), {}))
    assert len(batches) > 1
    paths = []
    for batch in batches:
        (frame,) = batch.frames
        assert len(frame) <= 512 * 1024
        found = list(read(frame))
        assert len({path.split(".")[1] for path in found}) == batch.samples
        paths += dict.fromkeys(path.split(".")[1] for path in found)
    assert paths == [f"n{i}" for i in range(3000)]


def test_another_identity_is_another_prefix():
    """With another identity the prefix is another one."""
    adapter, series = Graphite(prefix="{instance}"), gauge("a.b")
    one, two = (snapshot((series, 1), identity={"instance": n}) for n in "12")
    assert list(encoded(adapter, one)[1]) == ["1.a.b"]
    assert list(encoded(adapter, two)[1]) == ["2.a.b"]


@given(texts, st.booleans())
def test_any_label_value_makes_one_line(text, tags):
    """Whatever it holds, nothing foreign appears."""
    (path,) = lines_of(snapshot((gauge("a.b", k=text), 1)), tags=tags, prefix="")
    assert path.startswith("a.b;k=" if tags else f"a.b.k-{segment(text, 198)}")


@given(snapshots(), st.booleans())
def test_every_entry_is_accounted_for_and_reads_back_exactly(shot, tags):
    """Of n entries all but the refused are parsed, each with its exact value and time."""
    batches, lines = encoded(Graphite(tags=tags, quantiles=()), shot)
    assert sum(batch.entries for batch in batches) == len(shot)
    refused = {reason for batch in batches for reason in batch.refused}
    assert refused <= {"collision", "too_long"}
    wanted = []
    for part in shot.blocks:
        for _, value in part:
            parts = [value]
            if isinstance(value, HistogramValue):
                parts = [value.count, *([] if value.sum is None else [value.sum])]
            wanted += [(struct.pack("d", float(number)), int(part.time)) for number in parts]
    got = [(struct.pack("d", number), time) for number, time in lines.values()]
    if refused:
        assert all(each in wanted for each in got)
    else:
        assert got == wanted


@pytest.mark.parametrize(
    ("setting", "value"),
    [("port", 0), ("port", "2003"), ("prefix", "{nobody}"), ("tags", 1), ("host", 7)],
)
def test_a_bad_setting_names_itself(setting, value):
    """Constructing the adapter raises ValueError."""
    with pytest.raises(ValueError, match=setting):
        Graphite(**{setting: value})
