"""Hostile entries through carbon's own receivers: n in, n parsed."""

from __future__ import annotations

import json
import os
import struct
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from sampler_graphite import Graphite
from tests.adapters.shapes import IDENTITY, block, snapshot_of

PARSER = Path(__file__).parents[1] / "support" / "carbon_parser.py"
PYTHON = "/usr/bin/python3"
NOW = 1_700_000_000


@pytest.fixture
def parse(tmp_path, pytestconfig):
    """Feed frames to carbon's receiver; return what it understood."""
    found = subprocess.run([PYTHON, "-c", "import carbon"], capture_output=True)
    if found.returncode:
        reason = "carbon is absent: apt-get install --no-install-recommends graphite-carbon"
        if pytestconfig.getoption("--require-servers"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)

    def parsed(kind, frames):
        data = tmp_path / "frames"
        data.write_bytes(b"".join(struct.pack("!L", len(frame)) + frame for frame in frames))
        environment = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
        done = subprocess.run(
            [PYTHON, str(PARSER), kind, str(data)],
            capture_output=True,
            env=environment,
            timeout=110,
        )
        assert done.returncode == 0, done.stderr.decode()[-2000:]
        return json.loads(done.stdout)

    return parsed


def numbers(value, kind):
    """Return what an entry becomes, without quantiles."""
    if kind == "histogram":
        return [value.count, *([] if value.sum is None else [value.sum])]
    return [value]


@pytest.mark.server
@pytest.mark.parametrize("protocol", ["plaintext", "pickle", "udp"])
@pytest.mark.parametrize("tags", [False, True])
@pytest.mark.scenario(22)
def test_carbon_parses_as_many_entries_as_there_are(hostile, parse, protocol, tags):
    """With their values and tags, none merged, nothing foreign, no complaint."""
    adapter = Graphite(protocol=protocol, tags=tags, quantiles=())
    batches = list(adapter.encode(snapshot_of(block(*hostile, time=NOW), identity=IDENTITY), {}))
    assert not any(batch.refused for batch in batches)
    assert sum(batch.samples for batch in batches) == len(hostile)
    kinds = {"plaintext": "line", "pickle": "pickle", "udp": "udp"}
    frames = [frame for batch in batches for frame in batch.frames]
    found = parse(kinds[protocol], frames)
    assert not found["said"]
    assert not found["closed"]
    points = found["points"]
    assert len({path for path, *_ in points}) == len(points)
    assert {time for _, time, *_ in points} == {NOW}
    parts = [(s, n) for s, value in hostile for n in numbers(value, s.kind)]
    assert Counter(value for _, _, value, _ in points) == Counter(float(n) for _, n in parts)
    labels = sum(len(series.labels) for series, _ in parts) if tags else 0
    assert sum(len(pairs) - 1 for *_, pairs in points) == labels  # one tag is the name
