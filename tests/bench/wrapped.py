"""What ``sampler run -- COMMAND`` adds: to a command's start, and to a request.

The start is by the clock: from ``exec`` to the first line of the command's own code, with and
without us; beside it ``sampler run`` alone, until its page answers. A request is CPU of a server,
uvicorn, which tells it in each answer; all servers are asked in turns: one without us, one with an
agent and the application left alone (``--no-wrap``), and one whose application is wrapped, too.
"""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from tests.support.command import environment
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Sequence

STARTS, ROUNDS, REQUESTS = 11, 60, 100
_APP = """
import time
async def app(scope, receive, send):
    while scope["type"] == "lifespan":
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return
    body = b"%.9f" % time.process_time()
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
"""
_SAY = "import time; print(time.monotonic())"


def wrapped() -> dict[str, float]:
    """Milliseconds of a start, and microseconds of a request, with and without us."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "app.py").write_text(_APP)
        return {**_starts(folder), **_requests(folder)}


def _configured(folder: str) -> tuple[Sequence[str], int]:
    """Return a command that begins as ``sampler run`` does, and the port of its page."""
    port = free_port()
    file = Path(folder, f"{port}.toml")
    file.write_text(
        f'interval = 60\ninstance = "i{port}"\n'
        f'[adapters.prometheus]\nlisten = "127.0.0.1:{port}"\n'
    )
    return [sys.executable, "-m", "sampler", "run", "-q", "-c", str(file)], port


def _starts(folder: str) -> dict[str, float]:
    run, port = _configured(folder)
    say = [sys.executable, "-c", _SAY]
    taken: dict[str, list[float]] = {"plain": [], "with us": [], "sampler run": []}
    for _ in range(STARTS):
        taken["plain"].append(_said(say))
        taken["with us"].append(_said([*run, "--", *say]))
        taken["sampler run"].append(_answering(run, port))
    middle = {name: median(each) * 1e3 for name, each in taken.items()}
    return {
        "own start": middle["sampler run"],
        "added start": middle["with us"] - middle["plain"],
    }


def _said(command: Sequence[str]) -> float:
    """Return after how many seconds a command's own code begins."""
    began = time.monotonic()
    done = subprocess.run(command, check=True, env=environment(), stdout=subprocess.PIPE)
    return float(done.stdout) - began


def _answering(command: Sequence[str], port: int) -> float:
    """Return after how many seconds a page answers; end the command then."""
    began = time.monotonic()
    process = subprocess.Popen(command, env=environment())
    try:
        _wait(port)
        return time.monotonic() - began
    finally:
        process.terminate()
        process.wait(30)


def _wait(port: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.001)
    raise AssertionError(f"nobody listens on port {port}")


def _requests(folder: str) -> dict[str, float]:
    run, _ = _configured(folder)
    servers = {}
    processes = []
    try:
        for name, before in (
            ("plain", []),
            ("with us", [*run, "--no-wrap", "--"]),
            ("wrapped", [*_configured(folder)[0], "--"]),
        ):
            port = free_port()
            uvicorn = [
                sys.executable,
                "-m",
                "uvicorn",
                "--log-level",
                "error",
                "--port",
                str(port),
            ]
            command = [*before, *uvicorn, "--no-access-log", "app:app"]
            processes.append(subprocess.Popen(command, cwd=folder, env=environment()))
            _wait(port)
            servers[name] = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        taken: dict[str, list[float]] = {name: [] for name in servers}
        for _ in range(ROUNDS):
            for name, server in servers.items():
                taken[name].append(_asked(server))
    finally:
        for process in processes:
            os.kill(process.pid, signal.SIGTERM)
        for process in processes:
            process.wait(30)
    middle = {name: median(each) * 1e6 for name, each in taken.items()}
    return {
        "request": middle["plain"],
        "request with us": middle["with us"],
        "request wrapped": middle["wrapped"],
    }


def _asked(server: http.client.HTTPConnection) -> float:
    """Return the CPU seconds of a request."""
    told = []
    for _ in range(REQUESTS + 1):
        server.request("GET", "/")
        told.append(float(server.getresponse().read()))
    return (told[-1] - told[0]) / REQUESTS
