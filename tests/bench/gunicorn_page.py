"""One page with the totals of eight real gunicorn workers of 1,000 series, and what it costs.

Ours is the relay's, under ``sampler run --``; prometheus_client's multiprocess mode serves it from
a worker, out of the workers' files. Before each scrape every worker has counted, as within an
interval. What is taken is the processor time of all processes during the scrape.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.workers import FEW
from tests.support.command import environment
from tests.support.ports import HOST, free_port
from tests.support.unique import service
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Mapping

INTERVAL = 0.5
ROUNDS = 20
OURS = """
import os

import sampler
from tests.bench.mix import Mix

mix = Mix(sampler.registry)


def app(environ, start_response):
    mix.work()
    start_response("200 OK", [])
    return [str(os.getpid()).encode()]
"""
THEIRS = """
import os

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from tests.bench.workers import counted, their_metrics

metrics = their_metrics()


def app(environ, start_response):
    start_response("200 OK", [])
    if environ["PATH_INFO"] == "/metrics":
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
        return [generate_latest(registry)]
    counted(*metrics)
    return [str(os.getpid()).encode()]
"""
TOML = """
service = "{service}"
interval = {interval}
[adapters.prometheus]
listen = "{host}:{port}"
"""


def page(contender: str) -> dict[str, float]:
    """Return milliseconds of processor time of a scrape, the page's series, and its workers."""
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        gunicorn = [sys.executable, "-m", "gunicorn", "-w", str(FEW), "-b", f"{HOST}:{port}"]
        command = [*gunicorn, "--log-level", "warning", "app:app"]
        if contender == "ours":
            (folder / "app.py").write_text(OURS)
            scraped = free_port()
            toml = TOML.format(service=service(folder), interval=INTERVAL, host=HOST, port=scraped)
            (folder / "sampler.toml").write_text(toml)
            command = [sys.executable, "-m", "sampler", "run", "-q", "--no-wrap", "--", *command]
            return _scraped(folder, command, port, scraped, {})
        (folder / "app.py").write_text(THEIRS)
        (folder / "files").mkdir()
        files = {"PROMETHEUS_MULTIPROC_DIR": str(folder / "files")}
        return _scraped(folder, command, port, port, files)


def _scraped(
    folder: Path, command: list[str], port: int, scraped: int, changes: Mapping[str, str]
) -> dict[str, float]:
    paths = os.pathsep.join([str(Path(__file__).parents[2]), str(folder)])
    env = environment(PYTHONPATH=paths, **changes)
    with subprocess.Popen(command, cwd=folder, env=env, start_new_session=True) as process:
        try:
            wait_for(lambda: _answers(port), 30.0, "gunicorn")
            _count(port)
            time.sleep(2 * INTERVAL)
            taken, text = [], b""
            for _ in range(ROUNDS):
                _count(port)
                time.sleep(2 * INTERVAL)  # until all workers have reported
                before = _processor_time(process.pid)
                text = _get(scraped, "/metrics")
                taken.append(_processor_time(process.pid) - before)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30.0)
    series = len(re.findall(rb"^shop_orders_total\{", text, re.MULTILINE))
    return {"page ms": sorted(taken)[ROUNDS // 2] * 1e3, "counters": float(series)}


def _count(port: int) -> None:
    """Let every worker count."""
    answered: set[bytes] = set()
    while len(answered) < FEW:
        answered.add(_get(port, "/"))


def _processor_time(session: int) -> float:
    """Return the seconds of processor that the live threads of a session have taken."""
    total = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            of = (folder / "stat").read_text().rpartition(")")[2].split()[3]
            if int(of) == session or _relay_of(folder, session):
                for task in folder.glob("task/*/schedstat"):
                    total += int(task.read_text().split()[0])
        except (FileNotFoundError, ProcessLookupError):  # it has ended
            continue
    return total / 1e9


def _relay_of(folder: Path, session: int) -> bool:
    """Tell whether it is a child of the first process in a session of its own, as the relay is."""
    return (folder / "stat").read_text().rpartition(")")[2].split()[1] == str(session)


def _answers(port: int) -> bool:
    try:
        return bool(_get(port, "/"))
    except OSError:
        return False


def _get(port: int, path: str) -> bytes:
    with urllib.request.urlopen(f"http://{HOST}:{port}{path}", timeout=30) as answer:
        body: bytes = answer.read()
        return body
