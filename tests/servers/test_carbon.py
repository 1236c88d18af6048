"""Every protocol, choice and limit of the ``graphite`` adapter on a real carbon-cache."""

from __future__ import annotations

import re
import shutil
import subprocess
import time

import pytest

from sampler import Registry
from sampler.agent import DELIVERED, UNCONFIRMED, Agent, HistogramValue, Unavailable
from sampler.agent.config.reading import parse
from sampler_graphite import Graphite
from tests.adapters.shapes import IDENTITY, block, counter, gauge, histogram, snapshot_of
from tests.adapters.test_real_receivers import hostile
from tests.examples.pages import ROOT
from tests.support.ports import HOST, free_port
from tests.support.waiting import wait_for

PROTOCOLS = {"plaintext": "line_port", "pickle": "pickle_port", "udp": "udp_port"}


def graphite(carbon, protocol="plaintext", **options):
    """Return an adapter for a running carbon."""
    return Graphite(protocol=protocol, port=getattr(carbon, PROTOCOLS[protocol]), **options)


def deliver(adapter, *entries, since=None, when=None):
    """Send a snapshot; return the outcomes and when its block was read."""
    when = int(time.time()) if when is None else when
    shot = snapshot_of(block(*entries, time=when), identity=IDENTITY)
    batches = list(adapter.encode(shot, since or {}))
    assert sum(batch.entries for batch in batches) == len(shot)
    return [adapter.send(batch, 10.0) for batch in batches], when


def stored(carbon, path):
    """Wait for a path; return its points."""
    return wait_for(lambda: carbon.series(path), limit=15, what=f"{path} on disk")


@pytest.mark.parametrize("tags", [False, True])
@pytest.mark.parametrize("protocol", ["pickle", "udp"])
def test_hostile_entries_arrive_by_every_protocol(carbon, protocol, tags):
    """Each under a path of its own with its exact value; plaintext is in test_real_receivers."""
    entries = [entry for entry in hostile() if len(str(entry[0])) < 900]
    adapter = graphite(carbon, protocol, tags=tags, quantiles=())
    outcomes, when = deliver(adapter, *entries)
    assert set(outcomes) == {UNCONFIRMED if protocol == "udp" else DELIVERED}
    wanted = sorted(
        float(number)
        for _, value in entries
        for number in (
            [value.count, *([] if value.sum is None else [value.sum])]
            if isinstance(value, HistogramValue)
            else [value]
        )
    )
    wait_for(lambda: len(carbon.paths()) >= len(wanted), limit=30, what="every file")
    paths = carbon.paths()
    wait_for(lambda: all(carbon.series(path) for path in paths), limit=30, what="every point")
    assert sorted(carbon.series(path)[when] for path in paths) == wanted
    assert "invalid line" not in carbon.log()
    adapter.close()


@pytest.mark.parametrize("protocol", ["plaintext", "pickle"])
def test_more_than_a_receiver_takes_at_once_arrives_in_parts(carbon, protocol):
    """Carbon closes the connection on a pickle of 1 MiB: ours stay below, and all is stored."""
    text = "x" * 190
    entries = [(gauge(f"big.n{n}", v=text, w=text), n) for n in range(1, 3001)]
    outcomes, _ = deliver(graphite(carbon, protocol, prefix="p"), *entries)
    assert len(outcomes) > 2
    assert set(outcomes) == {DELIVERED}
    last = f"p.big.n3000.v-{text}.w-{text}"
    wait_for(lambda: len(carbon.paths()) == len(entries), limit=60, what="3000 files")
    assert list(stored(carbon, last).values()) == [3000]
    assert "too long" not in carbon.log().lower()


def test_a_number_is_seen_in_carbons_files_as_the_page_says(carbon_session):
    """By the line of docs/operators/adapters.md."""
    if shutil.which("whisper-fetch") is None:
        pytest.skip("no whisper-fetch here: it comes with carbon (Debian: python3-whisper)")
    page = (ROOT / "docs/operators/adapters.md").read_text("utf-8")
    (line,) = re.findall(r"^whisper-fetch .*$", page, re.MULTILINE)
    adapter = graphite(carbon_session, prefix="shop.seen.one")
    deliver(adapter, (gauge("process.memory.usage"), 4242))
    stored(carbon_session, "shop.seen.one.process.memory.usage")
    line = line.replace("/var/lib/graphite/whisper", str(carbon_session.whisper))
    words = ["bash", "-c", line.replace("HOST/INSTANCE", "seen/one")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == "4242.000000"
    adapter.close()


def test_deltas_add_up_to_the_total(carbon_session):
    """Each pull stores the increase since the last one; the baseline stores nothing."""
    tables = {
        "graphite": {
            "port": carbon_session.line_port,
            "prefix": "deltas",
            "counters": "deltas",
            "quantiles": [0.5],
        }
    }
    agent = Agent(parse({"interval": 1.0, "adapters": tables}), registry := _registry())
    agent.start()
    deltas: dict[int, float] = {}

    def enough():
        deltas.update(carbon_session.series("deltas.work.done"))
        return len(deltas) >= 4

    wait_for(enough, limit=30, what="four points")
    agent.stop()
    last = registry.done
    wait_for(
        lambda: sum(carbon_session.series("deltas.work.done").values()) == last - registry.first,
        limit=15,
        what="the deltas to add up",
    )
    assert sum(carbon_session.series("deltas.work.wait.count").values()) == last - registry.first
    medians = carbon_session.series("deltas.work.wait.p50")
    assert medians
    assert all(0 < value <= 1 for value in medians.values())
    balance = agent.balances()["graphite"]
    assert balance.holds
    assert balance.collected == balance.delivered


def _registry():
    class Work(Registry):
        """A registry whose sampler moves by 3 at every pull."""

        first = 100
        done = 97

        def sample(self):
            self.done += 3
            yield "done", self.done
            yield (
                "wait",
                {"count": self.done, "sum": float(self.done), "buckets": {1.0: self.done}},
            )

    work = Work()
    work.register(
        {
            "name": "work",
            "sample": work.sample,
            "metrics": {"done": {"kind": "counter"}, "wait": {"kind": "histogram"}},
        }
    )
    return work


def test_templates_are_paths_on_disk(carbon_session):
    """A template moves its metrics, and no others."""
    adapter = graphite(carbon_session, prefix="tpl", paths={"http.*": "{name}.{route}.{labels}"})
    deliver(
        adapter,
        (counter("http.requests", route="buy", status="200"), 7),
        (gauge("db.size", pool="a"), 3),
    )
    assert list(stored(carbon_session, "tpl.http.requests.buy.status-200").values()) == [7]
    assert list(stored(carbon_session, "tpl.db.size.pool-a").values()) == [3]


def test_a_point_read_long_ago_is_stored_in_its_own_time(carbon_session):
    """So an outage leaves no gap; within the store's retention."""
    before = int(time.time()) - 300
    _, when = deliver(graphite(carbon_session, prefix="old"), (gauge("a.b"), 5), when=before)
    assert stored(carbon_session, "old.a.b") == {when: 5}


def test_the_same_point_sent_twice_is_one(carbon_session):
    """A resend does no harm, so a batch that may have arrived is sent again."""
    adapter = graphite(carbon_session, "pickle", prefix="twice")
    _, when = deliver(adapter, (counter("a.b"), 5))
    deliver(adapter, (counter("a.b"), 5), when=when)
    assert stored(carbon_session, "twice.a.b") == {when: 5}


LOST = Graphite.unsupported


def test_every_loss_is_declared():
    """No more, no less than what the tests below show."""
    assert set(LOST) == {"unit", "help", "kind", "precision", "timestamps", "histograms"}


@pytest.mark.parametrize("tags", [False, True])
def test_unit_help_and_kind_leave_no_trace(carbon_session, tags):
    """Two series that differ in nothing else are stored at paths of one shape, numbers only."""
    prefix = f"loss{tags:d}"
    adapter = graphite(carbon_session, prefix=prefix, tags=tags)
    deliver(adapter, (counter("a.one", "By", "Help."), 1), (gauge("a.two"), 2))
    assert list(stored(carbon_session, f"{prefix}.a.one").values()) == [1]
    assert list(stored(carbon_session, f"{prefix}.a.two").values()) == [2]
    one, two = (carbon_session.file(f"{prefix}.a.{word}") for word in ("one", "two"))
    assert {each.name for each in one.parent.iterdir()} == {"one.wsp", "two.wsp"}
    assert one.stat().st_size == two.stat().st_size


def test_large_integers_lose_their_last_digits(carbon_session):
    """They are doubles on disk."""
    deliver(graphite(carbon_session, "pickle", prefix="round"), (counter("a.b"), 2**53 + 1))
    assert list(stored(carbon_session, "round.a.b").values()) == [float(2**53)]


def test_times_are_whole_seconds(carbon_session):
    """Cut, not rounded."""
    when = int(time.time())
    adapter = graphite(carbon_session, prefix="cut")
    deliver(adapter, (gauge("a.b"), 1), when=when + 0.9)
    assert list(stored(carbon_session, "cut.a.b")) == [when]


def test_of_a_histogram_count_sum_and_quantiles_are_stored(carbon_session):
    """Its buckets are not."""
    wait = histogram("a.wait", "s")
    value = HistogramValue(4, 2.0, ((0.5, 2), (1.0, 4)))
    deliver(graphite(carbon_session, prefix="hist", quantiles=(0.5, 0.999)), (wait, value))
    found = {
        name: list(stored(carbon_session, f"hist.a.wait.{name}").values())
        for name in ("count", "sum", "p50", "p99_9")
    }
    assert found == {"count": [4], "sum": [2], "p50": [0.5], "p99_9": [0.999]}
    folder = carbon_session.file("hist.a.wait.count").parent
    assert len(list(folder.iterdir())) == 4


def test_udp_to_nobody_is_noticed():
    """The kernel knows on one host, so nothing is lost silently."""
    adapter = Graphite(host=HOST, protocol="udp", port=free_port())
    with pytest.raises(Unavailable, match="refused"):
        deliver(adapter, (gauge("a.b"), 1))
    adapter.close()


@pytest.mark.parametrize("tags", [False, True])
@pytest.mark.parametrize("protocol", ["plaintext", "pickle"])
def test_the_longest_paths_there_are_end_no_connection(carbon, protocol, tags):
    """Carbon closes it on a line of 16 384 bytes; what follows ours is stored."""
    adapter = graphite(carbon, protocol, prefix="p", tags=tags, quantiles=())
    entries = []
    for size in (10, 14, 70, 77, 78):
        labels = {f"k{n:03}": "v" * 200 for n in range(size)}
        entries += [(gauge(f"long.n{size}", **labels), size), (gauge(f"after.n{size}"), size)]
    when = int(time.time())
    batches = list(adapter.encode(snapshot_of(block(*entries, time=when)), {}))
    carried = sum(batch.samples for batch in batches)
    refused = sum(batch.refused.get("too_long", 0) for batch in batches)
    assert (carried, refused) == ((9, 1) if tags else (7, 3))
    for batch in batches:
        assert adapter.send(batch, 10.0) is DELIVERED
    wait_for(lambda: len(carbon.paths()) == carried, limit=20, what="every path")
    assert list(stored(carbon, "p.after.n78").values()) == [78]
    assert "too long" not in carbon.log().lower()
