"""What the scenarios are judged by: windows, verdicts, charts, pages, clients."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from examples.talk import __main__ as command
from examples.talk.frame import pages, stage
from examples.talk.frame.chart import chart
from examples.talk.frame.load import GAVE_UP, Answer, Closed, Open, SlowSenders, drive
from examples.talk.frame.scenario import (
    MISLEADS,
    RISES,
    SEEN,
    Claim,
    Scenario,
    Signal,
    judged,
    shown,
)
from examples.talk.frame.timeline import Phase, Timeline, Window
from examples.talk.frame.watch import Scrape
from tests.support.ports import free_port, hold_ports
from tests.wiring.rig import need


def scrape(second, run=1, **values):
    """Return a look that saw some values, of series without labels."""
    return Scrape(float(second), run, {(name, ()): value for name, value in values.items()})


def scenario(*signals, claims=()):
    """Return one that is never played."""
    return Scenario("none", "None", lambda _: None, signals, tuple(claims))


def test_a_window_has_rates_means_and_highest_values():
    """A counter that fell began anew; what was not seen is None."""
    seen = [scrape(0, done=10, depth=1), scrape(2, done=30, depth=5), scrape(4, done=4, depth=3)]
    window = Window(seen, [])
    assert window.increase("done") == 24
    assert window.rate("done") == 6
    assert (window.mean("depth"), window.highest("depth"), window.last("depth")) == (3, 5, 3)
    assert window.rate("other") is window.mean("other") is window.highest("other") is None
    assert Window(seen[:1], []).rate("done") is None


def test_series_of_one_metric_are_added_up_by_labels():
    """All of them, or those that have a label."""
    values = {("n", (("a", "x"),)): 1.0, ("n", (("a", "y"), ("b", "z"))): 2.0}
    window = Window([Scrape(0.0, 1, values)], [])
    assert window.last("n") == 3
    assert window.last("n", a="y") == 2
    assert window.last("n", a="z") is None


def test_a_histogram_has_a_mean_and_a_median():
    """Of what was observed between the first look and the last."""

    def look(second, below, all_, total):
        buckets = {"1.0": below, "2.0": all_, "+Inf": all_}
        values = {("h_bucket", (("le", bound),)): float(n) for bound, n in buckets.items()}
        values |= {("h_sum", ()): total, ("h_count", ()): float(all_)}
        return Scrape(float(second), 1, values)

    window = Window([look(0, 10, 10, 5.0), look(1, 12, 18, 17.0)], [])
    assert window.each("h") == 12 / 8
    assert window.middle("h") == pytest.approx(1 + 2 / 6)  # the fourth of eight, the second of six
    assert Window([look(0, 10, 10, 5.0)] * 2, []).each("h") is None
    assert Window([look(0, 10, 10, 5.0)] * 2, []).middle("h") is None


def test_a_phase_leaves_its_beginning_and_other_servers_out():
    """Unless all of it counts; answers are of the phase in which they were asked for."""
    timeline = Timeline()
    timeline.phases = [Phase("one", 0.0, 10.0, False), Phase("two", 10.0, 20.0, True)]
    timeline.scrapes = [scrape(n, run=1 + (n >= 12), done=n) for n in range(21)]
    timeline.heard = [Answer("clients", n, 8.0 + n, 200) for n in (1.0, 4.0)]
    timeline.heard.append(Answer("clients", 11.0, 4.0, GAVE_UP))
    one, two = map(timeline.window, timeline.phases)
    assert one.increase("done") == 7
    assert two.increase("done") == 8
    assert (one.answers(), two.answers(), two.answers(status=200)) == (1, 1, 0)
    assert (one.waited(), two.waited(part=1.0), one.waited("others")) == (12.0, 4.0, None)


def test_claims_are_judged_with_their_figures_and_without_them_do_not_hold():
    """A figure that was not seen is no reason to be content."""
    depth = Signal("depth", "Depth", RISES, lambda w: w.highest("depth"), "s")
    claims = (
        Claim("It is {depth[one]}.", lambda f: f["depth"]["one"] > 1),
        Claim("Not {depth[one]}.", lambda f: f["depth"]["one"] > 3),
        Claim("What was {depth[two]}?", lambda f: True),
    )
    windows = {"one": Window([scrape(0, depth=2)], []), "two": Window([], [])}
    outcome = judged(scenario(depth, claims=claims), windows)
    assert [holds for _, holds in outcome.verdicts] == [True, False, False]
    assert outcome.verdicts[0][0] == "It is 2.00 s."
    assert not outcome.held


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0123, "s", "12.3 ms"),
        (2.5, "s", "2.50 s"),
        (0.034, "%", "3 %"),
        (3 * 2**20, "By", "3 MiB"),
        (7.04, "", "7"),
        (1.96, "", "2"),
        (1234.0, "", "1234"),
    ],
)
def test_figures_are_readable(value, unit, text):
    """With their unit."""
    assert shown(value, unit) == text


def test_a_chart_has_a_panel_for_each_signal_and_a_line_where_something_was_seen():
    """Lines end where nobody looked, and where a server did; text cannot become markup."""
    timeline = Timeline()
    timeline.phases = [Phase("a < b", 0.0, 5.0, False), Phase("c", 5.0, 10.0, False)]
    timeline.scrapes = [scrape(n, run=1 + (n > 7), depth=n) for n in (1, 2, 3, 6, 7, 8, 9)]
    signals = [
        Signal("depth", "Depth & more", RISES, lambda w: w.last("depth"), limit=20.0),
        Signal("other", "Other", SEEN, lambda w: w.last("other")),
    ]
    found = ET.fromstring(chart(scenario(*signals), timeline))
    space = "{http://www.w3.org/2000/svg}"
    words = [each.text for each in found.iter(f"{space}text")]
    assert {"Depth & more", "Other", "a < b", "c", "0 s", "10 s", "20"} <= set(words)
    (line,) = [p.get("d") for p in found.iter(f"{space}path") if p.get("stroke-width")]
    assert (line.count("M"), line.count("L")) == (3, 4)


def test_a_page_is_filled_between_its_comments(tmp_path):
    """A second time, too; one without them is named."""
    page = tmp_path / "page.md"
    page.write_text(f"# Title\n\n{pages.BEGIN}{pages.END}\nMore.\n")
    for text in ("figures\n", "others\n"):
        pages.fill(page, text)
        assert page.read_text() == f"# Title\n\n{pages.BEGIN}{text}{pages.END}\nMore.\n"
    page.write_text("# Title\n")
    with pytest.raises(ValueError, match=r"page\.md: expected one line '<!-- made by"):
        pages.fill(page, "figures\n")


def test_the_essay_keeps_the_lines_of_what_was_not_played_again(tmp_path, monkeypatch):
    """In the order of the scenarios; those that are none any more go."""
    essay = tmp_path / "README.md"
    old = "".join(f"| [old](pages/{name}.md) | held |\n" for name in ("two", "gone", "one"))
    essay.write_text(f"{pages.BEGIN}{old}{pages.END}")
    monkeypatch.setattr(pages, "ESSAY", essay)
    new = ["| [new](pages/two.md) | held |", "| [new](pages/three.md) | held |"]
    _, _, *lines = pages.table(new, ["one", "two", "three", "four"]).splitlines()
    assert lines == ["| [old](pages/one.md) | held |", *new]


def test_a_line_of_the_essay_compares_two_phases():
    """The first two, or those that the scenario names; signals by their role."""
    one = Signal("one", "One, mean", RISES, lambda w: w.last("one"), "s")
    two = Signal("two", "Two", MISLEADS, lambda w: w.last("two"))
    windows = {
        name: Window([scrape(0, one=n, two=7)], []) for n, name in enumerate("abc", start=1)
    }
    played = scenario(one, two)
    named = replace(played, told=("c", "a"))
    outcome = judged(played, windows)
    line = "| [None](pages/none.md) | held | a → b | One 1.00 s → 2.00 s | Two 7 → 7 |"
    assert pages.row(played, outcome) == line
    assert "| c → a | One 3.00 s → 1.00 s |" in pages.row(named, outcome)


def test_clients_who_find_nobody_have_given_up():
    """All kinds of them end in time, and say so."""
    heard, port = [], free_port()
    drive(port, 0.2, Open(50, "/"), note=heard.append)
    assert heard
    assert {each.status for each in heard} == {GAVE_UP}


def test_clients_go_on_until_enough_was_seen():
    """Where a busy machine was late; not for ever."""
    heard = []
    drive(free_port(), 0.0, Closed(1, "/"), note=heard.append, enough=lambda: len(heard) >= 300)
    assert len(heard) == 300


def test_clients_leave_when_their_patience_ends_and_count_once():
    """A server that accepts and never answers has each of them until then."""
    (held,) = hold_ports(1)
    held.listen(64)
    port, heard = held.getsockname()[1], []
    drive(port, 0.3, Open(20, "/", patience=0.2), note=heard.append)
    held.close()
    assert heard
    assert all(each.status == GAVE_UP and each.seconds >= 0.2 for each in heard)


def test_closed_load_never_has_more_requests_than_clients():
    """Each asks again once it has its answer; slow senders come to an end, too."""
    (held,) = hold_ports(1)
    held.listen(64)
    most, now, lock = 0, 0, threading.Lock()

    def answer():
        nonlocal most, now
        while True:
            try:
                connection, _ = held.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    def serve(connection):
        nonlocal most, now
        with connection:
            got = connection.recv(65536)
            with lock:
                now += 1
                most = max(most, now)
            while b"POST" in got and not got.endswith(b"x" * 1000):
                got += connection.recv(65536)
            time.sleep(0.01)
            with lock:
                now -= 1
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nfine")

    threading.Thread(target=answer, daemon=True).start()
    heard = []
    port = held.getsockname()[1]
    drive(port, 0.3, Closed(3, "/"), note=heard.append)
    assert 1 <= most <= 3
    assert {each.status for each in heard} == {200}
    heard.clear()
    drive(port, 0.3, SlowSenders(2), SlowSenders(1, body=True), note=heard.append)
    held.shutdown(2)
    held.close()
    assert [each.status for each in heard] == [200] * 3


def test_a_scenario_about_cpu_is_skipped_aloud_on_a_busy_host(monkeypatch, capsys):
    """The command says so, writes nothing, and its exit status tells."""
    played = scenario()
    alone = replace(played, name="alone", alone=True)
    monkeypatch.setattr(stage, "busy", lambda: 0.8)
    monkeypatch.setattr(command, "busy", lambda: 0.9)
    monkeypatch.setattr(command, "SCENARIOS", {"alone": alone})
    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert command.main([]) == 2
    assert "SKIPPED: it is about CPU, and 90% of this host's is in use" in capsys.readouterr().out
    with pytest.raises(stage.BusyError, match="80% of this"):
        stage.play(alone)
    monkeypatch.setattr(stage, "_all", iter((0.0, 1000.0)).__next__)
    with pytest.raises(stage.BusyError, match=r"others used \d+% of this host's meanwhile"):
        stage.play(replace(alone, play=lambda _: time.sleep(0.1)), others=0.0)


def test_a_run_writes_figures_charts_and_verdicts_and_leaves_the_prose(
    request, tmp_path, monkeypatch
):
    """And says by its exit status that a claim did not hold."""
    need(request, "gunicorn")  # whose version the page names
    depth = Signal("depth", "Depth", RISES, lambda w: w.last("depth"), metric="pool.depth")
    claims = (Claim("It is {depth[a]}.", lambda f: True), Claim("It is more.", lambda f: False))
    timeline = Timeline()
    timeline.phases = [Phase("a", 0.0, 5.0, True), Phase("b", 5.0, 10.0, True)]
    timeline.scrapes = [scrape(n, depth=n) for n in range(10)]
    played = replace(scenario(depth, claims=claims), programs=())
    outcome = judged(played, {each.name: timeline.window(each) for each in timeline.phases})
    page, essay = tmp_path / "none.md", tmp_path / "README.md"
    for file in (page, essay):
        file.write_text(f"# Before\n{pages.BEGIN}old\n{pages.END}After\n")
    monkeypatch.setattr(pages, "PAGES", tmp_path)
    monkeypatch.setattr(pages, "ESSAY", essay)
    monkeypatch.setattr(command, "SCENARIOS", {"none": played})
    monkeypatch.setattr(command, "busy", lambda: 0.5)
    monkeypatch.setattr(command, "play", lambda _, others: (timeline, outcome))
    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert command.main(["--dry"]) == 1
    assert pages.made(page) == "old\n"
    assert command.main([]) == 1
    assert page.read_text().startswith("# Before\n")
    assert page.read_text().endswith("After\n")
    said = pages.made(page)
    assert "| rises | Depth, `pool.depth` | 5 | 9 |" in said
    assert "* **Held.** It is 5.\n* **Did not hold.** It is more.\n" in said
    assert "others used 50% of the host's CPU (so times" in said
    assert "**did not hold** | a → b | Depth 5 → 9 |" in pages.made(essay)
    assert (tmp_path / "none.svg").read_text().startswith("<svg")


def test_a_name_that_is_none_is_told_with_those_there_are(capsys):
    """Before anything is played."""
    with pytest.raises(SystemExit):
        command.main(["starved"])
    assert "no scenario starved; there are starved_threads," in capsys.readouterr().err
