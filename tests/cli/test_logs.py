"""``--log-format json``: whatever is said on standard error is one object a line."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys

import pytest

from sampler.cli.logs import JSONFormatter
from tests.support.command import environment, sampler

PROGRAM = """\
import logging, sys, threading, warnings
from sampler.cli.logs import log_to_stderr

log_to_stderr(0, "json")
log = logging.getLogger("acme")
log.warning("one\\ntwo\\u2028three\\ud800 %s", 4)
log.warning("%d apples", "no", extra={"colour": "red"})
try:
    raise OSError("away\\nfrom here")
except OSError:
    log.exception("failed")
log.warning("here", stack_info=True)
warnings.warn("old\\nhat")
def fail():
    raise KeyError("thread")
thread = threading.Thread(target=fail, name="worker")
thread.start()
thread.join()
raise SystemError("the end")
"""


def records(text: str) -> list[dict]:
    """Return the objects on the lines of a text; every line is one."""
    return [json.loads(line) for line in text.splitlines()]


def test_every_record_is_one_line_whatever_it_holds() -> None:
    """Line ends, tracebacks, stacks, wrong arguments, warnings, uncaught exceptions."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    first, wrong, failed, stack, warned, thread, end = records(done.stderr)
    assert first["message"] == "one\ntwo\u2028three\ud800 4"
    assert first["logger"] == "acme"
    assert wrong["message"] == "%d apples ('no',)"
    assert "OSError: away\nfrom here" in failed["exception"]
    assert "log.warning" in stack["stack"] or "<module>" in stack["stack"]
    assert (warned["logger"], warned["level"]) == ("py.warnings", "warning")
    assert thread["message"] == "uncaught exception in thread worker"
    assert "KeyError: 'thread'" in thread["exception"]
    assert (end["level"], end["message"]) == ("critical", "uncaught exception")
    assert "SystemError: the end" in end["exception"]


def test_the_time_is_utc_with_milliseconds(monkeypatch) -> None:
    """Whatever the machine's time zone; as RFC 3339 writes it."""
    record = logging.LogRecord("a", logging.INFO, "", 1, "x", (), None)
    record.created, record.msecs = 1_700_000_000.0785, 78.5
    assert json.loads(JSONFormatter().format(record)) == {
        "time": "2023-11-14T22:13:20.078Z",
        "level": "info",
        "logger": "a",
        "message": "x",
    }


@pytest.mark.parametrize("verb", [["run"], ["run", "--once"], ["check"]])
def test_problems_of_a_configuration_are_records(tmp_path, verb) -> None:
    """One for each, with the same status as in text."""
    (tmp_path / "sampler.toml").write_text('intervall = 1\n[adapters.graphite]\nport = "x"\n')
    done = sampler(*verb, "--log-format", "json", cwd=tmp_path)
    assert done.returncode == 78
    found = records(done.stderr)
    assert [record["level"] for record in found] == ["error", "error"]
    assert "did you mean 'interval'?" in found[0]["message"]


def test_text_stays_as_it_is(tmp_path) -> None:
    """Problems without a prefix, records with time and level."""
    (tmp_path / "sampler.toml").write_text("intervall = 1\n")
    assert sampler("check", cwd=tmp_path).stderr.startswith("sampler.toml: intervall")
    (tmp_path / "sampler.toml").write_text("[adapters.graphite]\nport = 1\n")
    done = sampler("run", "--once", "--log-format", "text", cwd=tmp_path)
    assert re.search(
        r"^\d{4}-\d\d-\d\d [\d:,]+ WARNING .*at the end [0-9]+ entries are dropped: .*refused",
        done.stderr,
        re.MULTILINE,
    )


def test_another_format_is_a_wrong_argument() -> None:
    """Exit 2."""
    done = sampler("run", "--log-format", "xml")
    assert done.returncode == 2
    assert "'xml'" in done.stderr
