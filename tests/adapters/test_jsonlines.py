"""JSON lines: each entry, whole lines, and a file that others rotate."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import subprocess
import sys
import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings

from sampler.adapterkit import line_file
from sampler.agent import DELIVERED, UNCONFIRMED, Batch, HistogramValue, Unavailable
from sampler_json import JSONLines
from tests.adapters.shapes import NOW, counter, gauge, histogram, snapshot, snapshots
from tests.support.command import environment
from tests.support.sending import delivered


def objects(path):
    return [json.loads(line) for line in path.read_text().split("\n")[:-1]]


def test_a_line_has_all_that_an_entry_has(tmp_path):
    """Its time, who measured, and a histogram's buckets; nothing that is empty."""
    file = tmp_path / "samples.jsonl"
    value = HistogramValue(3, 2.5, ((0.5, 1), (2.0, 3)), 0)
    shot = snapshot(
        (gauge("pool.size", "By", "Help.", state="idle"), 2**53 + 1),
        (counter("pool.hits"), 0.1),
        (histogram("pool.wait", "s"), value),
    )
    assert delivered(JSONLines(path=str(file)), [shot]).delivered == 3
    who = {"service": "shop", "host": "web.example", "instance": "0", "pid": "7", "role": "x"}
    about = {"time": NOW, **who}
    assert objects(file) == [
        {
            "name": "pool.size",
            "kind": "gauge",
            "unit": "By",
            "labels": {"state": "idle"},
            "value": 2**53 + 1,
            **about,
        },
        {"name": "pool.hits", "kind": "counter", "value": 0.1, **about},
        {
            "name": "pool.wait",
            "kind": "histogram",
            "unit": "s",
            "value": {"count": 3, "sum": 2.5, "scale": 0, "buckets": [[0.5, 1], [2.0, 3]]},
            **about,
        },
    ]


def test_any_snapshot_can_be_read_back(tmp_path):
    """Whatever its names, labels and values are: as many lines as entries, each with its own."""
    file = tmp_path / "samples.jsonl"

    @settings(max_examples=25, suppress_health_check=list(HealthCheck))
    @given(snapshots())
    def back(shot):
        file.unlink(missing_ok=True)
        adapter = JSONLines(path=str(file))
        for batch in adapter.encode(shot, {}):
            adapter.send(batch, 5.0)
        found = objects(file) if file.exists() else []
        assert [(each["name"], each.get("labels", {})) for each in found] == [
            (series.name, series.labels) for series, _ in shot
        ]
        for each, (_, value) in zip(found, shot, strict=True):
            if isinstance(value, HistogramValue):
                assert tuple(map(tuple, each["value"]["buckets"])) == value.buckets
            else:
                assert (type(each["value"]), each["value"]) == (type(value), value)

    back()


def test_a_file_that_is_rotated_is_left_alone(tmp_path):
    """And a new one is begun, by rename as by truncation."""
    file, adapter = tmp_path / "samples.jsonl", JSONLines(path=str(tmp_path / "samples.jsonl"))
    shots = [snapshot((gauge("a.b"), n)) for n in range(3)]
    delivered(adapter, shots[:1])
    file.rename(tmp_path / "samples.jsonl.1")
    delivered(adapter, shots[1:2])
    assert [each["value"] for each in objects(tmp_path / "samples.jsonl.1")] == [0]
    assert [each["value"] for each in objects(file)] == [1]
    os.truncate(file, 0)
    delivered(adapter, shots[2:])
    assert [each["value"] for each in objects(file)] == [2]


def test_the_path_may_name_who_writes(tmp_path):
    """By names that a file may have."""
    adapter = JSONLines(path=str(tmp_path / "{service}-{host}-{pid}.jsonl"))
    delivered(adapter, [snapshot((gauge("a.b"), 1))])
    (file,) = tmp_path.iterdir()
    assert file.name.startswith("shop-web_example")
    assert adapter.send(Batch((), 0), 5.0) is DELIVERED
    nowhere = JSONLines(path=str(tmp_path / "none" / "{service}.jsonl"))
    with pytest.raises(Unavailable, match="no folder"):
        nowhere.send(Batch((), 0), 5.0)


def test_a_disk_that_is_full_has_no_half_of_a_batch(tmp_path, monkeypatch):
    """What could be written is taken back, so it can be sent again."""
    file = tmp_path / "samples.jsonl"
    adapter = JSONLines(path=str(file))
    delivered(adapter, [snapshot((gauge("a.first"), 1))])
    (batch,) = adapter.encode(snapshot(*((gauge("a.b", n=str(n)), n) for n in range(50))), {})
    real, calls = os.write, []

    def full(descriptor, data):
        calls.append(1)
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, data[:100])

    with monkeypatch.context() as patch:
        patch.setattr(line_file.os, "write", full)
        with pytest.raises(Unavailable, match="No space left"):
            adapter.send(batch, 5.0)
    assert [each["name"] for each in objects(file)] == ["a.first"]
    assert adapter.send(batch, 5.0) is DELIVERED
    assert len(objects(file)) == 51


def test_writers_of_one_file_take_turns(tmp_path):
    """No line is torn, and one who holds the lock for ever delays nobody beyond the timeout."""
    file = tmp_path / "samples.jsonl"
    entries = [(gauge("a.b", n=str(n), text="x" * 500), n) for n in range(300)]
    threads = [
        threading.Thread(
            target=lambda: delivered(JSONLines(path=str(file)), [snapshot(*entries)] * 5)
        )
        for _ in range(4)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(objects(file)) == 4 * 5 * 300
    with file.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        adapter = JSONLines(path=str(file))
        (batch,) = adapter.encode(snapshot((gauge("a.b"), 1)), {})
        began = time.monotonic()
        with pytest.raises(Unavailable, match="timed out"):
            adapter.send(batch, 0.2)
        assert time.monotonic() - began < 10


@pytest.mark.parametrize("word", ["stdout", "stderr", "-"])
def test_standard_streams_get_whole_lines(word):
    """Of a program whose other lines they stand between."""
    text = f"""
import sampler
shop = sampler.Instruments("shop")
shop.counter("orders").inc(5)
account = sampler.agent.push({{"adapters": {{"jsonlines": {{"path": "{word}"}}}}}})
assert not account.delivered and account.unconfirmed, account
"""
    done = subprocess.run(
        [sys.executable, "-c", text], env=environment(), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    lines = (done.stderr if word == "stderr" else done.stdout).splitlines()
    found = {each["name"]: each["value"] for each in map(json.loads, lines)}
    assert found["shop.orders"] == 5


def test_a_pipe_that_nobody_reads_is_waited_for_no_longer_than_asked(tmp_path):
    """One without a reader is not there; one whose reader sleeps is full at some time."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    adapter = JSONLines(path=str(pipe))
    entries = [(gauge("a.b", n=str(n), text="x" * 500), n) for n in range(500)]
    (batch,) = adapter.encode(snapshot(*entries), {})
    with pytest.raises(Unavailable):
        adapter.send(batch, 0.2)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        (small,) = adapter.encode(snapshot((gauge("a.b"), 1)), {})
        assert adapter.send(small, 5.0) is UNCONFIRMED
        with pytest.raises(Unavailable):
            adapter.send(batch, 0.2)
    finally:
        os.close(reader)


@pytest.mark.parametrize("path", ["", "a\0b", "{nonesuch}.jsonl"])
def test_a_path_that_is_none_is_refused(path):
    """With what is wrong."""
    with pytest.raises(ValueError, match="path: "):
        JSONLines(path=path)


def test_losses_are_help_and_what_readers_lose(tmp_path):
    """Every digit is there."""
    file = tmp_path / "x.jsonl"
    delivered(JSONLines(path=str(file)), [snapshot((gauge("a.b", "", "Help."), 2**63 - 1))])
    assert "Help" not in file.read_text()
    assert objects(file)[0]["value"] == 2**63 - 1
    assert set(JSONLines.unsupported) == {"help", "precision"}
