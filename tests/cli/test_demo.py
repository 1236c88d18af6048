"""The demo: what a newcomer sees, and that its judge can say no."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import socket
import struct
import subprocess
import sys
import termios
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from sampler import HistogramValue
from sampler.agent import Balance, Series
from sampler.cli import demo
from sampler.cli.demo import verdict
from sampler.cli.demo.figures import CONNECTIONS, figures
from sampler.cli.demo.receivers import GraphiteReceiver, StatsDReceiver
from sampler.cli.demo.screen import CODE, Screen
from tests.page.rig import Viewer
from tests.support.command import environment, running, sampler
from tests.support.waiting import wait_for

ARRIVED = re.compile(
    r"every number arrived: graphite (\d+), prometheus (\d+), statsd (\d+) entries"
)


def test_the_demo_shows_the_application_and_ends_with_one_line_on_delivery() -> None:
    """Piped, it exits 0, loses nothing, says so within 80 columns and without control codes."""
    done = sampler("demo", "--seconds", "4")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\x1b" not in done.stdout
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert re.fullmatch(r"Look inside: http://127\.0\.0\.1:\d+/live/", lines[1])
    ticks = [line for line in lines if " s  requests" in line]
    assert ticks[-1].startswith("  ")
    assert re.search(r"requests [1-9]\d* /s, active_requests \d of 4, queue\.", ticks[-1]), ticks
    (arrived,) = (found for line in lines if (found := ARRIVED.search(line)))
    assert min(map(int, arrived.groups())) > 100
    assert done.stderr == ""


def test_a_browser_gets_the_page_that_is_printed_and_it_has_the_numbers(tmp_path) -> None:
    """With --open: whatever $BROWSER names is called once, with that address."""
    told, browser = tmp_path / "told", tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$@" >> {told}\n')
    browser.chmod(0o755)
    with running("demo", "--open", "--seconds", "600", BROWSER=str(browser)) as process:
        assert process.stdout is not None
        _, printed = process.stdout.readline(), process.stdout.readline()
        url = printed.partition(": ")[2].strip()
        asked = wait_for(lambda: told.exists() and told.read_text(), 30, "a browser")
        assert asked.splitlines() == [url]
        viewer = Viewer(url.split("/")[2])
        status, body, fields = viewer.ask("/live/")
        assert (status, fields["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert b"<html" in body

        def orders() -> list[float]:
            """Return how many orders a second there were."""
            series = viewer.get("series.json")["series"]
            ids = {str(each["id"]) for each in series if each["name"] == "shop.orders"}
            values = viewer.get("values.json?points=5")["values"]
            return [n for number, points in values.items() if number in ids for n in points if n]

        assert wait_for(orders, 30, "orders on the page")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        assert process.returncode == 0


def test_ctrl_c_ends_the_demo_early_with_its_last_line() -> None:
    """On a terminal, in colour; interrupted, it still flushes and judges."""
    shown, status = on_a_terminal(80, 24, until=b"process.cpu.time")
    assert status == 0, shown
    assert b"\x1b[" in shown
    assert b"every number arrived" in shown
    assert b"Traceback" not in shown


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (120, 30)])
def test_the_screen_fits_a_terminal_of(columns: int, rows: int) -> None:
    """Code, metrics and what is left: beside each other where there is room."""
    drawn = page(columns)
    assert max(map(len, drawn)) <= columns
    assert len(drawn) + len(["title", "page"]) < rows
    both = [line for line in drawn if "what it says" in line and "what it shows" in line]
    assert bool(both) == (columns == 120)
    for each in figures():
        assert any(each.name in line for line in drawn)


def test_what_the_screen_says_stands_in_the_shop() -> None:
    """Line by line, but for annotations."""
    text = re.sub(
        r" -> .*(?=:$)|: (Pool|dict\[str, Any\])(?= = )",
        "",
        Path(demo.__file__).with_name("shop.py").read_text("utf-8"),
        flags=re.MULTILINE,
    )
    written = re.sub(r"\s+", "", text)
    assert f"Pool({CONNECTIONS})" in written
    for line in filter(None, CODE.splitlines()):
        assert re.sub(r"\s+", "", line).rstrip("})") in written, line


def on_a_terminal(columns: int, lines: int, until: bytes) -> tuple[bytes, int]:
    """Run the demo, interrupt it once it has shown something; return all of it, and its status."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "sampler", "demo", "--seconds", "600"],
        stdout=slave,
        stderr=slave,
        env=environment(TERM="xterm-256color", COLUMNS=str(columns), LINES=str(lines)),
    )
    os.close(slave)
    shown = b""
    try:
        while until not in shown:
            shown += os.read(master, 65536)
        process.send_signal(signal.SIGINT)
        while True:
            try:
                more = os.read(master, 65536)
            except OSError:  # Linux: the other side is closed
                break
            if not more:
                break
            shown += more
        return shown, process.wait(20)
    finally:
        process.kill()
        process.wait()
        os.close(master)


def page(columns: int) -> list[str]:
    """Return the lines that a terminal of some columns shows, with a long past."""
    shown = figures()
    for each in shown:
        each.past.extend(float(number) for number in range(100))
    console = Console(width=columns, file=StringIO(), force_terminal=True, color_system=None)
    screen = Screen(15.0, "http://127.0.0.1:9464/live/", console)
    with console.capture() as capture:
        console.print(screen.page(1.0, shown))
    return capture.get().splitlines()


def test_a_missing_package_is_one_clear_line(tmp_path) -> None:
    """Without rich the demo names the remedy and exits 69."""
    (tmp_path / "rich.py").write_text("raise ModuleNotFoundError(name='rich')")
    done = sampler("demo", PYTHONPATH=str(tmp_path))
    assert done.returncode == 69
    assert done.stderr == (
        "sampler demo needs 'rich', which is not installed: pip install 'sampler-api[demo]'\n"
    )


def balance(collected: int, delivered: int) -> Balance:
    return Balance(collected, 0, delivered, 0, {}, collected - delivered)


def recorder(*values: tuple[Series, float | HistogramValue]) -> verdict.Recorder:
    made = verdict.Recorder()
    made.last.update(values)
    made.first.update(values)
    return made


def test_the_judge_finds_what_is_missing_wrong_or_queued() -> None:
    """A receiver that lacks an entry, holds another value or counts less is told of."""
    series = Series("a.b", {}, "gauge")
    receiver = GraphiteReceiver()
    try:
        receiver.take("demo.a.b 3 1\n")
        good = verdict.graphite(balance(1, 1), receiver, recorder((series, 3)))
        assert good.faults == ()
        assert verdict.graphite(balance(2, 2), receiver, recorder((series, 3))).faults
        assert verdict.graphite(balance(1, 1), receiver, recorder((series, 4))).faults
        assert verdict.graphite(balance(2, 1), receiver, recorder((series, 3))).faults
        receiver.take("three fields only one\n")
        assert verdict.graphite(balance(1, 1), receiver, recorder((series, 3))).faults
    finally:
        receiver.close()


def test_the_receivers_speak_the_protocols() -> None:
    """Counters add up, a signed gauge is a change unless it is zero or new, lines are whole."""
    receiver = StatsDReceiver()
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.connect(("127.0.0.1", receiver.port))
            for text in ("c:2|c\nc:3|c", "g:5|g\ng:-2|g", "h:0|g\nh:-7|g", "nonsense"):
                sender.send(text.encode())
        wait_for(lambda: receiver.bad == 1, what="the last datagram")
        assert receiver.sums == {"c": 5}
        assert receiver.gauges == {"g": 3, "h": -7}
    finally:
        receiver.close()
