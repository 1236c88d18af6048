"""What adapters cannot carry is declared, listed, and said for the samplers in use."""

from __future__ import annotations

import io

import attrs

from sampler.agent import Batch, Block, HistogramValue, Series, Snapshot
from sampler.agent.console import Console
from sampler.cli.unsupported import affected, unsupported
from tests.support.command import sampler


@attrs.define
class Lossy:
    """Declares what it is told to."""

    unsupported: object


SERIES = (
    Series("db.hits", {}, "counter", "", "Help."),
    Series("db.size", {}, "gauge", "By"),
    Series("db.wait", {}, "histogram", "s"),
    Series("sampler.ticks", {}, "counter", "{tick}", "Reserved."),
)
VALUES = [2**53 + 1, 0.5, HistogramValue(1, 1.0), 2**60]


def found(declared, *, late=False) -> dict[str, list[str]]:
    """Return what concerns a snapshot, by word."""
    block = Block("db", SERIES, VALUES, 100.0 - late)
    shot = Snapshot((block,), 100.0, 0.0, {})
    return {word: metrics for word, metrics, _ in affected(Lossy(declared), shot)}


def test_each_loss_concerns_the_entries_that_have_what_is_lost() -> None:
    """Those of the agent's own account are nobody's question."""
    every = dict.fromkeys(["histograms", "unit", "help", "kind", "precision", "timestamps"], "x")
    assert found(every, late=True) == {
        "unit": ["db.size", "db.wait"],
        "help": ["db.hits"],
        "kind": ["db.hits"],
        "precision": ["db.hits"],
        "timestamps": ["db.hits", "db.size", "db.wait"],
        "histograms": ["db.wait"],
    }
    assert "timestamps" not in found(every)


def test_zeros_are_totals_that_have_counted_nothing() -> None:
    """No gauge of 0: it is a value."""
    series = (
        Series("a.n", {}, "counter"),
        Series("a.w", {}, "histogram"),
        Series("a.g", {}, "gauge"),
    )
    shot = Snapshot((Block("a", series, [0, HistogramValue(0, 0.0), 0], 1.0),), 1.0, 0.0, {})
    found = [metrics for _, metrics, _ in affected(Lossy({"zeros": "x"}), shot)]
    assert found == [["a.n", "a.w"]]


@attrs.define
class Exact(Lossy):
    """Says of which entries it loses something."""

    def loses(self, word: str, series: Series, value: object) -> bool:
        if word == "kind":
            raise RuntimeError
        return series.unit == "s"


def test_an_adapter_may_say_which_entries_lose() -> None:
    """If it fails at that, all do."""
    block = Block("db", SERIES, VALUES, 100.0)
    shot = Snapshot((block,), 100.0, 0.0, {})
    every = dict.fromkeys(["unit", "help", "kind"], "x")
    said = {word: metrics for word, metrics, _ in affected(Exact(every), shot)}
    assert said == {"unit": ["db.wait"], "kind": ["db.hits"]}


def test_what_is_carried_is_no_warning() -> None:
    """Nor is what an adapter declares in words nobody knows."""
    assert found({}) == {}
    assert found({"smell": "x"}) == {}
    for wrong in (None, 7, "unit"):
        assert unsupported(Lossy(wrong)) == {}


def test_check_tells_what_the_samplers_in_use_lose(tmp_path) -> None:
    """It is no warning: one line an adapter, how many metrics, which, and where to read more."""
    (tmp_path / "sampler.toml").write_text(
        '[samplers]\nenable = ["process"]\n[adapters.shown]\ntype = "console"\n'
    )
    done = sampler("check", "--no-network", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stderr == ""
    (line,) = [line for line in done.stdout.splitlines() if "does not carry" in line]
    assert line.startswith("adapter 'shown': for information, it does not carry ")
    assert "kind (2 metrics: process.context_" in line
    assert line.endswith(": 'sampler explain console' says what happens instead")


def test_the_console_shows_what_it_declares(monkeypatch) -> None:
    """No help, no kind, few digits, the time of the pull, a histogram's count and mean."""
    out = io.StringIO()
    monkeypatch.setattr("sys.stdout", out)
    series = (
        Series("db.hits", {}, "counter", "", "Help."),
        Series("db.hats", {}, "gauge"),
        Series("db.part", {}, "gauge"),
        Series("db.size", {}, "gauge", "By"),
        Series("db.wait", {}, "histogram", "s"),
    )
    values = [7, 7, 0.123456789, 2**30 + 1, HistogramValue(4, 2.0, ((1.0, 4),))]
    shot = Snapshot((Block("db", series, values, 50.0),), 100.0, 0.0, {})
    console = Console()
    (batch,) = console.encode(shot, {})
    assert isinstance(batch, Batch)
    console.send(batch, 1.0)
    head, *lines = out.getvalue().splitlines()
    columns = [line.split() for line in lines]
    assert columns[0][0] == columns[1][0] == "7"
    assert len(columns[0]) == len(columns[1])
    assert columns[2][0] == "0.123457"
    assert columns[3][:2] == ["1.0", "GiB"]
    assert "4 observations, mean 0.5 s" in " ".join(columns[4])
    assert "Help" not in out.getvalue()
    import time

    assert time.strftime("%H:%M:%S", time.localtime(100.0)) in head
    assert set(Console.unsupported) == {"help", "kind", "precision", "timestamps", "histograms"}
