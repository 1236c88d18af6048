"""A web application on two workers, and a program with an event loop, both in trouble."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tests.deploy.shop import load
from tests.support.command import environment
from tests.support.ports import HOST, accepts, hold_ports
from tests.support.unique import service
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.carbon import Carbon

ROOT = Path(__file__).parents[2]
LIMIT = 30.0

_COMMON = """
interval = 1
service = "{service}"
flush_timeout = 2
[samplers]
enable = ["*"]
[adapters.prometheus]
listen = "{host}:{page}"
[adapters.graphite]
port = {carbon}
self_metrics = "all"  # of what has not happened there are paths, too
spool = "{spool}"
"""
_APPLICATION = """
[web]
slow = 0.25
stale = 0.1
[adapters.datagrams]  # which nobody confirms
type = "graphite"
protocol = "udp"
port = {udp}
prefix = "datagrams"
[adapters.gone]  # its outbox is full soon
type = "graphite"
port = {gone}
outbox = 65536
"""


class Stack:
    """What runs; both deliver to carbon, and each has a page. It ends with the block.

    Args:
        folder: where its files are.
        carbon: where they deliver.

    Attributes:
        pages: where the pages are, as Prometheus' targets: the application's, the program's.
        services: what their paths in Graphite begin with, in the same order.
    """

    def __init__(self, folder: Path, carbon: Carbon) -> None:
        self._folder = folder
        self._held = hold_ports(4)
        port, page, other, gone = (each.getsockname()[1] for each in self._held)
        self._port = port
        self.pages = (f"{HOST}:{page}", f"{HOST}:{other}")
        name = service(folder)
        self.services = (name, f"{name}-loop")
        known = {"host": HOST, "gone": gone, "spool": folder / "spool"}
        known |= {"carbon": carbon.line_port, "udp": carbon.udp_port}
        first = _COMMON.format(**known, service=self.services[0], page=page)
        (folder / "shop.toml").write_text(first + _APPLICATION.format(**known))
        second = _COMMON.format(**known, service=self.services[1], page=other)
        (folder / "loop.toml").write_text(second)
        self._processes: list[subprocess.Popen[bytes]] = []
        self._ended = threading.Event()
        self._clients: list[threading.Thread] = []
        self._answered: list[str] = []
        self._mark = f"{folder}-{os.getpid()}"

    def __enter__(self) -> Stack:
        try:
            served = ("gunicorn", "-b", f"{HOST}:{self._port}", "-w", "2", "--threads", "4")
            ours = ("-m", "sampler", "run", "-c", "shop.toml", "--")
            self._run(*ours, *served, "tests.deploy.shop")
            self._run("-m", "tests.deploy.shop", "loop.toml")
            wait_for(lambda: accepts(self._port), LIMIT, "the application")
            url = f"http://{HOST}:{self._port}"
            for _ in range(3):
                self._clients.append(
                    threading.Thread(target=load, args=(url, self._ended, self._answered))
                )
                self._clients[-1].start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def killed(self) -> None:
        """Kill one of two workers that report, as the kernel does for want of memory."""
        wait_for(lambda: "\nserver_process_current 2\n" in self._page(), LIMIT, "two workers")
        servers = [pid for pid, words in self._left() if "gunicorn" in words]
        parents = set(map(_parent, servers))
        os.kill(next(pid for pid in servers if pid not in parents), signal.SIGKILL)

    def orders(self) -> int:
        """End the load; return how many orders its clients were thanked for."""
        self._ended.set()
        for each in self._clients:
            each.join(LIMIT)
        return len(self._answered)

    def _page(self) -> str:
        try:
            with urllib.request.urlopen(f"http://{self.pages[0]}/metrics", timeout=10) as answer:
                return str(answer.read(), "utf-8")
        except OSError:
            return ""

    def close(self) -> None:
        """End all of it, by id."""
        self._ended.set()
        for each in self._processes:
            each.terminate()
        for each in self._processes:
            with suppress(subprocess.TimeoutExpired):
                each.wait(10)
        for pid, _ in self._left():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for each in self._processes:
            each.wait(10)
        for held in self._held:
            held.close()

    def _run(self, *words: str) -> None:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        with (self._folder / "output.log").open("ab") as output:
            self._processes.append(
                subprocess.Popen(
                    [sys.executable, *words],
                    cwd=self._folder,
                    env=environment(PYTHONPATH=str(ROOT), PATH=path, DEPLOY_TEST=self._mark),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                )
            )

    def _left(self) -> list[tuple[int, str]]:
        return list(_marked(self._mark))


def _marked(mark: str) -> Iterator[tuple[int, str]]:
    """Yield the processes with a mark in their environment, and their command lines."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                if mark.encode() in (folder / "environ").read_bytes():
                    yield int(folder.name), (folder / "cmdline").read_text()


def _parent(pid: int) -> int:
    with suppress(OSError):
        found = re.search(r"^PPid:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
        return int(found[1]) if found else 0
    return 0
