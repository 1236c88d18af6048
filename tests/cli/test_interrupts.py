"""Ctrl-C at commands: the first one ends them, or their flush begins; another one ends that."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from tests.support.command import environment, running
from tests.support.doubles import LineSink
from tests.support.waiting import timely, wait_for

AT_IMPORT = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from sampler.cli import main

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Finder())
sys.exit(main(sys.argv[2:]))
"""


@pytest.fixture
def hole(tmp_path):
    """A configuration whose endpoint never answers, and a flush that nobody waits for."""
    with LineSink() as sink:
        sink.blackhole()
        (tmp_path / "sampler.toml").write_text(
            f"flush_timeout = 120\n[adapters.graphite]\nport = {sink.port}\ntimeout = 120\n"
        )
        yield tmp_path


def interrupted(process, line=""):
    """Interrupt a command once it has said a line; return the seconds until its end."""
    seen = ""
    while line not in seen:
        seen = process.stdout.readline()
        assert seen, "it has ended"
    process.send_signal(signal.SIGINT)
    return time.monotonic()


@pytest.mark.parametrize("command", [("run",), ("relay",)])
def test_another_ctrl_c_ends_the_flush_at_once(hole, command):
    """What was not delivered is counted and said; no traceback."""
    with running(*command, cwd=hole) as process:
        interrupted(process, "adapter 'graphite'")
        seen = ""
        while "stopping" not in seen:
            seen = process.stdout.readline()

        def ended():
            process.send_signal(signal.SIGINT)
            return process.poll() is not None

        begun = time.monotonic()
        wait_for(ended, 5.0, "the end of the flush", pause=0.7)
        timely(time.monotonic() - begun, 5.0, "the end")
        output, _ = process.communicate(timeout=30)
        assert process.returncode == 0, output
        assert "Traceback" not in output
        assert "= 0 delivered" in output


@pytest.mark.parametrize(
    "command",
    [("run", "--once"), ("check",), ("run", "--test"), ("validate", "process", "--seconds", "99")],
)
def test_ctrl_c_ends_what_waits(hole, command):
    """With a shell's status for it, and no traceback, wherever it is."""
    with running(*command, cwd=hole) as process:
        begun = time.monotonic()
        while process.poll() is None and time.monotonic() < begun + 60:
            if time.monotonic() > begun + 2:  # it is up and waits, or still comes up
                process.send_signal(signal.SIGINT)
            time.sleep(0.1)
        output, _ = process.communicate(timeout=30)
        assert process.returncode in (130, -signal.SIGINT), output
        assert "Traceback" not in output


@pytest.mark.parametrize(
    "module", ["sampler.cli.main", "argparse", "sampler.agent", "tomllib", "sampler.cli.run"]
)
def test_ctrl_c_while_a_command_comes_up_is_no_traceback(hole, module):
    """Whichever import it meets."""
    done = subprocess.run(
        [sys.executable, "-c", AT_IMPORT, module, "run"],
        cwd=hole,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
