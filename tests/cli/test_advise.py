"""``sampler advise`` and ``sampler record``, at a page that serves what it is given."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from sampler.advise import read_recording
from tests.support.command import running, sampler
from tests.support.ports import free_port, hold_ports
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RISE = {
    'http_server_requests_total{http_response_status_class="2xx"}': 366.0,
    "http_server_busy_time_seconds_total": 7.7,
    "http_server_thread_cpu_time_seconds_total": 0.1,
    "http_server_queue_duration_seconds_count": 366.0,
    "http_server_queue_duration_seconds_sum": 366 * 0.0885,
    'process_cpu_time_seconds_total{cpu_mode="user"}': 0.15,
    "process_uptime_seconds": 1.0,
    'system_cpu_time_seconds_total{cpu_mode="user"}': 0.2,
    'system_cpu_time_seconds_total{cpu_mode="idle"}': 1.8,
}
STAY = {"system_cpu_logical_current": 2.0, "gunicorn_thread_limit": 8.0}


class Page(BaseHTTPRequestHandler):
    """An overload of too few threads, or whatever the test puts in the place of its text."""

    text: str | None = None
    status = 200
    asked: list[str | None]

    def do_GET(self) -> None:
        """Answer with what has risen since the epoch."""
        now = time.monotonic()
        body = self.text
        if body is None:
            values = {name: rise * now for name, rise in RISE.items()} | STAY
            body = "".join(f"{name} {value!r}\n" for name, value in values.items())
        self.asked.append(self.headers.get("Authorization"))
        data = body.encode()
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Served:
    """A page that is served."""

    def __init__(self) -> None:
        self.handler = type("Mine", (Page,), {"asked": []})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self.handler)
        self.port: int = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/metrics"


@pytest.fixture
def served() -> Iterator[Served]:
    """A page."""
    page = Served()
    thread = threading.Thread(target=page.server.serve_forever, args=(0.01,))
    thread.start()
    yield page
    page.server.shutdown()
    thread.join(10)
    page.server.server_close()


def statements(*arguments: str, cwd: Path) -> dict[str, dict[str, object]]:
    """Return what is said, as JSON."""
    done = sampler("advise", *arguments, "--json", cwd=cwd)
    assert done.returncode == 0, done.stderr
    return {each["about"]: each for each in json.loads(done.stdout)["statements"]}


def test_a_page_is_watched(served, tmp_path) -> None:
    """For as long as is asked; every statement has numbers, and the metrics they come from."""
    done = sampler("advise", served.url, "--seconds", "1", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith(served.url)
    assert "5 scrapes in " in lines[0]
    assert "processes and threads: 2 processes with 27 threads each" in lines
    assert "  requests at once in the application: 7.7 (http.server.busy.time)" in lines
    assert max(map(len, lines)) <= 80
    assert len(served.handler.asked) == 5


def test_the_page_of_a_configuration_with_its_password(served, tmp_path) -> None:
    """Nothing has to be named where a file is at hand."""
    (tmp_path / "sampler.toml").write_text(
        f'[adapters.prometheus]\nlisten = "0.0.0.0:{served.port}"\n'
        'username = "me"\npassword = "secret"\n'
    )
    (tmp_path / "sampler.toml").chmod(0o600)
    found = statements("--seconds", "1", cwd=tmp_path)
    assert found["queue"]["verdict"] == "requests wait"
    assert set(served.handler.asked) == {"Basic bWU6c2VjcmV0"}


def test_windows_are_recorded_and_read(served, tmp_path) -> None:
    """The last one is advised on, or the one that is named; nothing is written over."""
    done = sampler(
        "record", "seen.jsonl", served.url, "--seconds", "1", "--windows", "2", cwd=tmp_path
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "seen.jsonl: 2 windows of 1 s\n"
    file = tmp_path / "seen.jsonl"
    assert {
        n: len(w) for n, w in read_recording(file.read_text().splitlines()).windows.items()
    } == {1: 5, 2: 5}
    for arguments in ([], ["--window", "1"]):
        found = statements("seen.jsonl", *arguments, cwd=tmp_path)
        assert found["processes and threads"]["verdict"] == "2 processes with 27 threads each"
    missing = sampler("advise", "seen.jsonl", "--window", "3", cwd=tmp_path)
    assert missing.returncode == 2
    assert "no window 3: it has 1, 2" in missing.stderr
    before = file.read_bytes()
    again = sampler("record", "seen.jsonl", served.url, "--seconds", "1", cwd=tmp_path)
    assert again.returncode == 2
    assert "name another file" in again.stderr
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "the file is empty"),
        ("hello\n", "line 1 is torn"),
        ('{"sampler.record": 9}\n', "version 9"),
        ('{"sampler.record": 1, "source": "x"}\n{"window": 1, "at"', "line 2 is torn"),
        ("\0\x1b[31m\xff", "line 1"),
    ],
)
def test_a_file_that_says_nothing(tmp_path, text, why) -> None:
    """It is said that nothing is decided, and why; that is no error."""
    (tmp_path / "bad.jsonl").write_bytes(text.encode("latin-1"))
    done = sampler("advise", "bad.jsonl", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert why in " ".join(done.stdout.split())
    assert ": not decided" in done.stdout.replace("\n    ", " ")
    assert "\x1b" not in done.stdout
    found = statements("bad.jsonl", cwd=tmp_path)
    assert {each["verdict"] for each in found.values()} == {"not decided"}


def test_a_page_of_something_else(served, tmp_path) -> None:
    """A page without our metrics decides nothing."""
    served.handler.text = "<html>\nhello\n"
    found = statements(served.url, "--seconds", "1", cwd=tmp_path)
    assert {each["decided"] for each in found.values()} == {False}


@pytest.mark.parametrize(
    ("text", "status", "why"), [("process_up", 200, "torn"), ("x\n", 503, "answered 503")]
)
def test_a_page_that_cannot_be_read(served, tmp_path, text, status, why) -> None:
    """It is said in one line, and no file is begun."""
    served.handler.text, served.handler.status = text, status
    for verb in (["advise"], ["record", "new.jsonl"]):
        done = sampler(*verb, served.url, "--seconds", "1", cwd=tmp_path)
        assert done.returncode == 69
        assert why in done.stderr
        assert done.stderr.count("\n") == 1
    assert not (tmp_path / "new.jsonl").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "why"),
    [
        (["ftp://127.0.0.1/"], 69, "expected a URL"),
        (["http://me:secret@127.0.0.1/"], 69, "username and password"),
        (["missing.jsonl"], 2, "No such file"),
        (["."], 2, "Is a directory"),
        (["--seconds", "0"], 2, "out of range"),
        (["-c", "no-page.toml"], 69, "add a table [adapters.prometheus]"),
        (["-c", "any-port.toml"], 69, "give its URL"),
        (["-c", "missing.toml"], 78, "missing.toml"),
    ],
)
def test_what_is_asked_cannot_be_done(tmp_path, arguments, status, why) -> None:
    """One line says what is wrong, and what to do."""
    (tmp_path / "no-page.toml").write_text("[adapters.console]\n")
    (tmp_path / "any-port.toml").write_text('[adapters.prometheus]\nlisten = "127.0.0.1:0"\n')
    done = sampler("advise", *arguments, cwd=tmp_path)
    assert done.returncode == status
    assert why in done.stderr
    assert "secret" not in done.stderr
    assert "Traceback" not in done.stderr


def test_nobody_answers(tmp_path) -> None:
    """The port is held, and nobody listens."""
    (held,) = hold_ports(1)
    with held:
        url = f"http://127.0.0.1:{held.getsockname()[1]}/metrics"
        done = sampler("advise", url, cwd=tmp_path)
    assert done.returncode == 69
    assert "does not answer" in done.stderr


@pytest.mark.parametrize("windows", ["0", "-1", "x", "99999"])
def test_windows_are_a_number(tmp_path, windows) -> None:
    """From 1 to 1000."""
    done = sampler("record", "f", "http://127.0.0.1:1/", "--windows", windows, cwd=tmp_path)
    assert done.returncode == 2
    assert "1 to 1000" in done.stderr


def test_our_own_page_is_read(tmp_path) -> None:
    """Names, labels and format are those that the adapter writes."""
    port = free_port()
    (tmp_path / "sampler.toml").write_text(
        f'interval = 1\n[samplers]\nenable = ["process", "system", "memory", "cpython"]\n'
        f'[adapters.prometheus]\nlisten = "127.0.0.1:{port}"\n'
    )
    with running("run", cwd=tmp_path):
        wait_for(
            lambda: sampler("record", "one.jsonl", "--seconds", "1", cwd=tmp_path).returncode == 0,
            what="the page",
        )
    one = (tmp_path / "one.jsonl").read_text()
    (scrapes,) = read_recording(one.splitlines()).windows.values()
    names = set(scrapes[-1].values)
    assert {"process.cpu.time", "process.uptime", "system.cpu.time", "memory.pss"} <= names
    assert {"cpython.wakeup.delay.sum", "system.cpu.logical.count"} <= names
    assert scrapes[0].host is not None
    found = statements("one.jsonl", cwd=tmp_path)
    assert found["interpreter (GIL)"]["decided"] or found["interpreter (GIL)"]["decides"]
    assert found["memory if grown"]["verdict"] == "enough"
