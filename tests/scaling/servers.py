"""The real servers of the simulation, and the processes that stand for many."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import ProxyHandler, build_opener

import attrs

from tests.support.carbon_relay import CarbonCRelay
from tests.support.ports import HOST
from tests.support.prometheus import Prometheus

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

_OPENER = build_opener(ProxyHandler({}))


@attrs.frozen
class Used:
    """What a process has used.

    Attributes:
        cpu: seconds.
        megabytes: resident now.
    """

    cpu: float
    megabytes: float


def used(pid: int) -> Used:
    """Return what a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return Used(cpu, int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 2**20)


class Endpoint:
    """A process of :mod:`tests.scaling.endpoint`.

    Attributes:
        ports: where it listens.
    """

    def __init__(self, what: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.scaling.endpoint", what],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout
        self.ports: list[int] = [int(port) for port in self._process.stdout.readline().split()]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(30)
        assert self._process.stdout
        self._process.stdout.close()

    def told(self, interval: float) -> dict[str, Any]:
        """Return what has come since the last time."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{interval}\n")
        self._process.stdin.flush()
        told: dict[str, Any] = json.loads(self._process.stdout.readline())
        return told


@attrs.frozen
class _End:
    line_port: int


class Ring(CarbonCRelay):
    """A carbon-c-relay before a ring of ends that only count."""

    def __init__(self, directory: Path, ports: Sequence[int]) -> None:
        super().__init__(directory, [_End(port) for port in ports])  # type: ignore[misc]


class Store(Prometheus):
    """A Prometheus whose targets are paths of one process, one for each host."""

    def __init__(self, directory: Path, port: int, hosts: int) -> None:
        super().__init__(directory)
        targets = [
            {
                "targets": [f"{HOST}:{port}"],
                "labels": {"__metrics_path__": f"/{number}", "instance": f"host-{number}"},
            }
            for number in range(hosts)
        ]
        self._targets = directory / "targets.json"
        self._targets.write_text(json.dumps(targets))
        self.scrape_every(60)

    def scrape_every(self, interval: float) -> None:
        """Scrape each host so often from now on."""
        every = f"{interval:g}s"
        discovered = [{"files": [str(self._targets)]}]
        self._configuration.write_text(
            json.dumps(
                {
                    "global": {"scrape_interval": every, "scrape_timeout": every},
                    "scrape_configs": [{"job_name": "hosts", "file_sd_configs": discovered}],
                }
            )
        )
        if self.running:
            os.kill(self.pid, signal.SIGHUP)

    def value(self, expression: str) -> float:
        """Return the one value of an instant query."""
        (found,) = self.query(expression)
        return float(found["value"][1])

    def metrics(self) -> dict[str, float]:
        """Return what it says of itself, the series of each name added up."""
        with _OPENER.open(f"{self.url}/metrics", timeout=30) as answer:
            text = answer.read().decode()
        found = re.findall(r"^(\w+)(?:\{.*\})? (\S+)$", text, re.MULTILINE)
        sums: dict[str, float] = {}
        for name, value in found:
            sums[name] = sums.get(name, 0.0) + float(value)
        return sums
