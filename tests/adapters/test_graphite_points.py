"""What the ``graphite`` adapter writes by choice: protocols, deltas, quantiles, other paths."""

from __future__ import annotations

import pickle
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampler.agent import ABSENT, Batch, HistogramValue, Series
from sampler_graphite import Graphite
from sampler_graphite._formats import Pickle
from tests.adapters.shapes import NOW, counter, gauge, histogram, snapshot, snapshot_of, snapshots
from tests.adapters.test_graphite_lines import read


def bodies(adapter, shot, since=None):
    """Return the frames of a snapshot's batches."""
    return [frame for batch in adapter.encode(shot, since or {}) for frame in batch.frames]


def lines(adapter, shot, since=None):
    """Return {path: value} of what carbon reads."""
    return {
        path: value for path, (value, _) in read(b"".join(bodies(adapter, shot, since))).items()
    }


def unpickled(frame):
    """Return {path: (value, time)} as carbon's pickle receiver finds it."""
    (length,) = struct.unpack_from("!L", frame)
    assert length == len(frame) - 4 < 2**20
    assert frame[4:6] == b"\x80\x02"
    points = pickle.loads(frame[4:])
    assert len({path for path, _ in points}) == len(points)
    return {path: (float(value), time) for path, (time, value) in points}


@given(snapshots(), st.booleans())
def test_a_pickle_says_what_the_lines_say(shot, tags):
    """Point for point."""
    options = {"tags": tags, "quantiles": (0.5,)}
    found = {}
    for frame in bodies(Graphite(protocol="pickle", **options), shot):
        found |= unpickled(frame)
    text = read(b"".join(bodies(Graphite(**options), shot)))
    assert found == text


def test_a_pickle_stays_below_512_kib():
    """Carbon closes the connection on one of 1 MiB, and all after it is lost."""
    entries = [(Series(f"m.n{i}", {"v": "x" * 200}), i / 3) for i in range(5000)]
    batches = list(Graphite(protocol="pickle").encode(snapshot(*entries), {}))
    assert len(batches) > 1
    assert all(batch.size <= 512 * 1024 for batch in batches)
    frames = [frame for batch in batches for frame in batch.frames]
    assert sum(len(unpickled(frame)) for frame in frames) == len(entries)


@given(st.one_of(st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False)))
def test_any_number_is_pickled_as_it_is(value):
    """Of the same type, at any size."""
    form = Pickle()
    (frame,) = form.frames([(4_200_000_000, [form.item(form.head("a.b"), value)])])
    ((path, (time, number)),) = pickle.loads(frame[4:])
    assert (path, time, number, type(number)) == ("a.b", 4_200_000_000, value, type(value))


@given(snapshots(), st.booleans())
def test_a_datagram_has_whole_lines_and_at_most_1400_bytes(shot, tags):
    """Carbon stores a line that is cut, so an entry that does not fit is refused."""
    batches = list(Graphite(protocol="udp", tags=tags).encode(shot, {}))
    assert sum(batch.entries for batch in batches) == len(shot)
    for batch in batches:
        for frame in batch.frames:
            assert len(frame) <= 1400
            assert frame.endswith(b"\n")
            read(frame)


def test_a_datagram_never_splits_an_entry():
    """A histogram's lines are of one datagram, or refused together."""
    labels = {f"k{i}": "v" * 100 for i in range(4)}
    shot = snapshot(
        (histogram("db.wait", **labels), HistogramValue(1, 1.0)),
        (gauge("db.up", **labels), 1),
        (histogram("db.age"), HistogramValue(1, 1.0)),
    )
    batches = list(Graphite(protocol="udp", prefix="").encode(shot, {}))
    assert sum((batch.refused.get("too_long", 0) for batch in batches), 0) == 1
    assert sum(batch.samples for batch in batches) == 2


def test_totals_are_what_a_counter_says():
    """Whatever was handed over before."""
    series = counter("db.hits")
    assert lines(Graphite(prefix=""), snapshot((series, 7)), {series: 5}) == {"db.hits": 7}


def test_deltas_are_what_came_since_the_last_pull():
    """Of counters and of a histogram's count and sum; a gauge is what it is."""
    hits, wait, size = counter("db.hits"), histogram("db.wait"), gauge("db.size")
    since = {hits: 5, wait: HistogramValue(2, 1.0, ((1.0, 2),))}
    shot = snapshot((hits, 7), (wait, HistogramValue(5, 2.5, ((1.0, 4),))), (size, 3))
    adapter = Graphite(prefix="", counters="deltas", quantiles=())
    assert lines(adapter, shot, since) == {
        "db.hits": 2,
        "db.wait.count": 3,
        "db.wait.sum": 1.5,
        "db.size": 3,
    }


def test_a_new_series_counts_whole_in_deltas():
    """Nothing was handed over before it."""
    adapter = Graphite(prefix="", counters="deltas", quantiles=())
    assert lines(adapter, snapshot((counter("db.hits"), 7))) == {"db.hits": 7}


def test_quantiles_are_of_what_was_observed_since_the_last_pull():
    """Earlier observations do not count."""
    wait = histogram("db.wait", "s")
    before = HistogramValue(100, 1000.0, ((1.0, 0), (10.0, 100)))
    after = HistogramValue(104, 1002.0, ((1.0, 4), (10.0, 104)))
    adapter = Graphite(prefix="", quantiles=(0.5, 0.999))
    found = lines(adapter, snapshot((wait, after)), {wait: before})
    assert found == {
        "db.wait.count": 104,
        "db.wait.sum": 1002,
        "db.wait.p50": 0.5,
        "db.wait.p99_9": 0.999,
    }


def test_without_an_observation_there_is_no_quantile():
    """The store keeps a gap rather than an old number."""
    wait = histogram("db.wait", "s")
    same = HistogramValue(3, 1.0, ((1.0, 3),))
    found = lines(Graphite(prefix=""), snapshot((wait, same)), {wait: same})
    assert found == {"db.wait.count": 3, "db.wait.sum": 1}


def test_a_reading_used_again_makes_no_second_point():
    """With deltas, a second point of the same time would overwrite the first with 0."""
    series = counter("db.hits")
    adapter = Graphite(prefix="", counters="deltas")
    shot = snapshot((series, 7), (gauge("db.up"), ABSENT))
    assert lines(adapter, shot) == {"db.hits": 7}
    again = snapshot_of(*shot.blocks)
    assert list(adapter.encode(again, {series: 7})) == [Batch((), 1)]


def test_only_an_adapter_that_needs_differences_asks_for_them():
    """For differences the agent keeps a table of every cumulative series."""
    assert Graphite().relative
    assert Graphite(quantiles=(), counters="deltas").relative
    assert not Graphite(quantiles=()).relative


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("{name}.{route}.{status}", "p.http.requests.buy.200"),
        ("web.{status}.{labels}", "p.web.200.route-buy"),
        ("{labels}.{name}", "p.route-buy.status-200.http.requests"),
        ("{name}", "p.http.requests"),
        ("{name}.{nowhere}.{route}-{status}", "p.http.requests.none.buy-200"),
    ],
)
def test_a_template_lays_a_path_out(template, path):
    """After the prefix; a label that the series lacks becomes ``none``."""
    adapter = Graphite(prefix="p", paths={"http.*": template})
    series = counter("http.requests", route="buy", status="200")
    assert lines(adapter, snapshot((series, 1))) == {path: 1}


def test_the_first_pattern_that_matches_stands():
    """In the order of the file; a name that matches no pattern has the common path."""
    adapter = Graphite(prefix="", paths={"db.hits": "one", "db.*": "two.{name}"})
    shot = snapshot((counter("db.hits"), 1), (counter("db.miss"), 2), (gauge("up.x", k="v"), 3))
    assert lines(adapter, shot) == {"one": 1, "two.db.miss": 2, "up.x.k-v": 3}


def test_a_histogram_keeps_its_parts_apart_in_any_template():
    """After the name, or at the end if the template has no name."""
    shot = snapshot((histogram("db.wait", pool="a"), HistogramValue(2, 1.0, ((1.0, 2),))))
    for template, wanted in [
        ("{pool}.{name}", ["a.db.wait.count", "a.db.wait.sum", "a.db.wait.p50"]),
        ("wait.{pool}", ["wait.a.count", "wait.a.sum", "wait.a.p50"]),
    ]:
        adapter = Graphite(prefix="", quantiles=(0.5,), paths={"db.wait": template})
        assert list(lines(adapter, shot)) == wanted


def test_a_template_that_would_merge_two_series_costs_the_second():
    """Refused as a collision, never summed up."""
    adapter = Graphite(prefix="", paths={"http.requests": "{name}.{route}"})
    shot = snapshot(
        (counter("http.requests", route="buy", status="200"), 1),
        (counter("http.requests", route="buy", status="500"), 2),
    )
    (batch,) = adapter.encode(shot, {})
    assert (batch.samples, batch.refused) == (1, {"collision": 1})


def test_with_tags_a_template_takes_labels_out_of_the_tags():
    """A label that the template does not use stays a tag."""
    adapter = Graphite(prefix="", tags=True, paths={"http.requests": "{name}.{status}"})
    series = counter("http.requests", route="buy", status="200")
    assert lines(adapter, snapshot((series, 1))) == {"http.requests.200;route=buy": 1}


def test_labels_called_name_and_labels_have_a_trailing_underscore():
    """In templates, where the plain words are taken."""
    adapter = Graphite(prefix="", paths={"a.b": "{name}.{name_}.{labels_}"})
    assert lines(adapter, snapshot((gauge("a.b", name="n", labels="l"), 1))) == {"a.b.n.l": 1}


@given(snapshots(), st.sampled_from(["{name}.{labels}", "{labels}.{name}", "x.{k}.{name}"]))
def test_every_entry_of_a_template_is_accounted_for(shot, template):
    """Carried or refused, with legal paths only."""
    adapter = Graphite(prefix="", paths={"*": template})
    batches = list(adapter.encode(shot, {}))
    assert sum(batch.entries for batch in batches) == len(shot)
    read(b"".join(frame for batch in batches for frame in batch.frames))


@pytest.mark.parametrize(
    ("setting", "value", "word"),
    [
        ("paths", {"a.*": "{name"}, "brace"),
        ("paths", {"a.*": "a..b"}, "empty segment"),
        ("paths", {"a.*": "a b"}, "' '"),
        ("paths", {"a.*": ""}, "empty segment"),
        ("paths", {"a.*": "{name:>3}"}, "placeholder"),
        ("paths", {"a.*": 1}, "table of strings"),
        ("protocol", "tcp", "'plaintext', 'pickle', 'udp'"),
        ("counters", "rates", "'totals', 'deltas'"),
        ("quantiles", [99], "at most 1"),
        ("quantiles", ["p99"], "list of numbers"),
    ],
)
def test_a_bad_setting_says_what_is_wrong(setting, value, word):
    """And names itself."""
    with pytest.raises(ValueError, match=setting) as caught:
        Graphite(**{setting: value})
    assert word in str(caught.value)


def test_the_port_follows_the_protocol():
    """Unless it is given."""
    assert str(Graphite(protocol="pickle")._endpoint).endswith(":2004")
    assert str(Graphite(protocol="udp")._endpoint).endswith(":2003")
    assert str(Graphite(protocol="pickle", port=99)._endpoint).endswith(":99")


def test_points_carry_the_seconds_of_their_block():
    """Also in pickles."""
    (frame,) = bodies(Graphite(protocol="pickle", prefix=""), snapshot((gauge("a.b"), 1)))
    assert unpickled(frame) == {"a.b": (1, int(NOW))}
