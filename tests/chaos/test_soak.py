"""The soak for half a minute, and what would make it fail; the module runs it for ten."""

from __future__ import annotations

import json

import pytest

from tests.chaos.soak.ledger import Lines, Packets
from tests.chaos.soak.load import SERIES, weight
from tests.chaos.soak.run import judged, soak
from tests.chaos.soak.vitals import Reading, Watch

ONE = "soak.load00.hits.i-1"  # grows by 2 with each pull


@pytest.mark.scenario(41)
@pytest.mark.long
@pytest.mark.timeout(300)
def test_the_law_holds_under_load_and_faults_and_everything_stays_flat(launch, tmp_path):
    """10,000 samples a second to three real servers, a fault every five seconds."""
    assert soak(launch, tmp_path, seconds=30, seed=1) == []


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"soak.a 1 1000\nsoak.b 1", "ends with"),
        (b"soak.a 1 1000 2\n", "no line"),
        (b"b 1 1000\n", "a foreign path"),
        (f"{ONE} 3 1000\n".encode(), "a foreign value"),
        (f"{ONE} 2 1000\n{ONE} 2 1001\n".encode(), "a foreign value"),
    ],
)
def test_what_no_adapter_should_have_written_is_seen(data, fault):
    """Torn, garbled, foreign, or with another time than the other series of its pull."""
    lines = Lines(1000, ())
    lines.tap(data, True)
    (said,) = lines.faults
    assert fault in said


def test_distinct_entries_are_counted_once_and_only_where_carbon_ended_the_connection():
    """One that comes again counts once; two pulls in one second are two entries."""
    lines = Lines(1000, [ONE])
    for whole in (False, True, True):
        lines.tap(f"{ONE} 2 1000\n{ONE} 4 1000\nsoak.other 1 1000\n".encode(), whole)
    assert lines.entries() == (3, 4)
    assert lines.points[ONE.encode()] == {1000: 4}


@pytest.mark.parametrize(("delivered", "broken"), [(3, False), (2, True), (5, True)])
def test_accounts_that_differ_from_what_arrived_are_seen(delivered, broken, tmp_path):
    """More than arrived, or less."""
    lines, (packets, pulls) = Lines(1000, ()), _packets(tmp_path, missing=0)
    lines.tap(f"{ONE} 2 1000\n{ONE} 4 1001\nsoak.other 1 1000\n".encode(), True)
    balance = {"collected": 10**9, "delivered": delivered, "unconfirmed": 0, "dropped": {}}
    balances = {name: {**balance, "queued": 0, "holds": True} for name in ("carbon", "statsd")}
    said = {"balances": balances, "pulls": pulls, "children": {"well": 0, "badly": 0, "hung": 0}}
    assert bool(judged(said, lines, packets)) == broken
    balances["statsd"]["holds"] = False
    assert "the law is broken" in judged(said, lines, packets)[0]


@pytest.mark.parametrize(
    ("missing", "unconfirmed", "fault"),
    [(0, 0, ""), (1, 1, ""), (1, 0, "lacks counts of 1 series"), (-1, 9, "which grew by")],
)
def test_counts_that_lack_more_than_is_unconfirmed_or_exceed_are_seen(
    missing, unconfirmed, fault, tmp_path
):
    """Of each counter the growth since its baseline."""
    packets, pulls = _packets(tmp_path, missing)
    said = "".join(packets.against(pulls, unconfirmed))
    assert fault in said if fault else not said


def test_growth_after_the_warm_up_is_seen():
    """The last third against the one before; what comes before that is warm-up."""
    watch = Watch.__new__(Watch)
    flat = [Reading(9, 4, 10.0 + n) for n in range(10)] + [Reading(9, 4, 50.0)] * 20
    watch._readings = flat
    assert watch.faults(print) == []
    watch._readings = [*flat[:20], *([Reading(10, 4, 52.0)] * 10)]
    assert watch.faults(print) == ["threads grew from 9 to 10"]


def _packets(folder, missing):
    """Return what statsd recorded of two pulls, one counter with too little, and the pulls."""
    grown = {i: weight(i) for i in range(SERIES)}
    grown[5] -= missing
    record = folder / "record"
    text = "\n".join(f"soak.load00.hits.i-{i}:{n}|c" for i, n in grown.items())
    record.write_text(
        '{"flush":{}}\n' + json.dumps({"packet": text}, separators=(",", ":")) + "\n"
    )
    packets = Packets(record)
    packets.read()
    return packets, {"load00": 2}
