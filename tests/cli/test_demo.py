"""The demo: what a newcomer sees, and that its judge can say no."""

from __future__ import annotations

import os
import pty
import re
import signal
import socket
import subprocess
import sys

from sampler import HistogramValue
from sampler.agent import Balance, Series
from sampler.cli.demo import verdict
from sampler.cli.demo.receivers import GraphiteReceiver, StatsDReceiver
from tests.support.command import environment, sampler
from tests.support.waiting import wait_for

LAW = re.compile(
    r"(\w+) +(\d+) collected = (\d+) delivered \+ (\d+) unconfirmed \+ 0 dropped \+ 0 queued"
)


def test_the_demo_ends_with_the_law_beside_what_was_received() -> None:
    """Piped, it exits 0, loses nothing, says so within 80 columns and without control codes."""
    done = sampler("demo", "--seconds", "3")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    laws = {m[1]: tuple(map(int, m.groups()[1:])) for m in LAW.finditer(done.stdout)}
    assert laws.keys() == {"graphite", "prometheus", "statsd"}
    for collected, delivered, unconfirmed in laws.values():
        assert collected == delivered + unconfirmed > 0
    assert f"received {laws['graphite'][1]} entries" in done.stdout
    assert f"received {laws['prometheus'][1]} entries" in done.stdout
    assert re.search(r"Its page, while this runs: http://127\.0\.0\.1:\d+/live/", done.stdout)
    assert "Every number arrived." in done.stdout
    assert done.stderr == ""


def test_ctrl_c_ends_the_demo_early_with_its_final_table() -> None:
    """On a terminal, in colour; interrupted, it still flushes and judges."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "sampler", "demo", "--seconds", "600"],
        stdout=slave,
        stderr=slave,
        env=environment(TERM="xterm-256color", COLUMNS="80", LINES="24"),
    )
    os.close(slave)
    shown = b""
    try:
        while b"the adapters" not in shown:
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
        assert process.wait(20) == 0, shown
    finally:
        process.kill()
        process.wait()
        os.close(master)
    assert b"\x1b[" in shown
    assert b"Every number arrived." in shown
    assert b"Traceback" not in shown


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
