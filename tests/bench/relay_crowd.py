"""A relay and 200 processes of 1,000 series each, for five minutes, every ten seconds.

``uv run --group bench python -m tests.bench.relay_crowd`` takes eleven minutes: five with
histograms of ten bounds, and five with exponential ones. In the middle 100 processes are killed
and 100 others begin. It prints verdicts, and with ``--write`` puts the numbers where the tables of
the documentation are made from. All processes are its children, on this machine only.
"""

from __future__ import annotations

import argparse
import mmap
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bench import __main__ as bench
from tests.bench import report
from tests.bench.mix import BOUNDS, CHANGED, Mix
from tests.support.command import environment
from tests.support.machine import machine
from tests.support.ports import free_port
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

PROCESSES, DEAD, SECONDS, INTERVAL = 200, 100, 300.0, 10.0
OBSERVATIONS = 10
CONTENDERS = {"ours": BOUNDS, "ours, exponential": None}
_FIELDS = ("counted", "observed", "collected", "delivered", "dropped", "ended")
_WAVE = 10
_TICKS = os.sysconf("SC_CLK_TCK")


class Crowd:
    """A relay, its processes, and what each has counted.

    Args:
        folder: for files.
        buckets: of their histograms; None: exponential ones.
        most: processes, at most.
        share: of 1,000 series, those of each.
    """

    def __init__(
        self,
        folder: Path,
        buckets: tuple[float, ...] | None,
        most: int,
        share: float = 1.0,
    ) -> None:
        self._share = share
        self.address = f"@crowd-{os.urandom(8).hex()}"
        self.port = free_port()
        self._buckets = buckets
        self._told = memoryview(mmap.mmap(-1, 8 * len(_FIELDS) * most)).cast("d")
        self._pids: list[int] = []
        self._ended: set[int] = set()
        self.killed: set[int] = set()
        file = folder / "relay.toml"
        self._sink = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.receiver"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._sink.stdout
        file.write_text(
            f'interval = {INTERVAL}\nservice = "crowd"\nhost = "here"\n'
            f'[relay]\nsocket = "{self.address}"\n[samplers]\nenable = ["shop"]\n'
            f"[adapters.graphite]\nport = {int(self._sink.stdout.readline())}\n"
            f'[adapters.prometheus]\nlisten = "127.0.0.1:{self.port}"\n'
        )
        reading, writing = os.pipe()
        command = ["-m", "sampler", "relay", "-c", str(file), "--ready-fd", str(writing)]
        self.relay = subprocess.Popen(
            [sys.executable, *command], pass_fds=[writing], env=environment()
        )
        os.close(writing)
        with os.fdopen(reading) as ready:
            assert ready.read().startswith("ready ")

    def grow(self, processes: int) -> None:
        """Fork so many more processes, some at a time: all at once are too many for two cores."""
        for count in range(processes):
            if count % _WAVE == 0:
                wait_for(lambda: self.processes() == len(self._pids) - len(self.killed), 120)
            number = len(self._pids)
            if pid := os.fork():
                self._pids.append(pid)
                continue
            try:
                self._live(number)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(0)

    def kill(self, processes: int) -> None:
        """Kill every second one, up to so many."""
        for number in range(0, 2 * processes, 2):
            os.kill(self._pids[number], signal.SIGKILL)
            os.waitpid(self._pids[number], 0)
            self.killed.add(number)
            self._ended.add(number)

    def stop(self) -> None:
        """Let all that live end, each with its last report."""
        living = [n for n in range(len(self._pids)) if n not in self.killed]
        for number in living:
            os.kill(self._pids[number], signal.SIGTERM)
        for number in living:
            os.waitpid(self._pids[number], 0)
            self._ended.add(number)

    def close(self) -> None:
        """End what lives: processes that were not asked to end, the relay, what it sends to."""
        for number, pid in enumerate(self._pids):
            if number not in self._ended:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
        self.relay.terminate()
        self.relay.wait(60)
        self._sink.terminate()
        self._sink.communicate(timeout=60)

    def said(self, field: str, numbers: set[int] | None = None) -> float:
        """Return the sum of what processes have told of a field; default: of those that ended."""
        wanted = set(range(len(self._pids))) - self.killed if numbers is None else numbers
        at = _FIELDS.index(field)
        return sum(self._told[number * len(_FIELDS) + at] for number in wanted)

    def page(self) -> dict[str, float]:
        """Return the sums of the page's families, its lines and its bytes."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=60) as answer:
            text = answer.read().decode()
        sums: dict[str, float] = {}
        for name, value in re.findall(r"^(\w+)(?:\{.*\})? (\S+)", text, re.MULTILINE):
            sums[name] = sums.get(name, 0.0) + float(value)
        sums |= {"lines": text.count("\n"), "bytes": len(text)}
        return sums

    def processes(self) -> float:
        """Return how many processes the relay says there are."""
        return self.page()["server_process_current"]

    def cpu(self) -> float:
        """Return the CPU seconds of the relay."""
        fields = Path(f"/proc/{self.relay.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def resident(self) -> float:
        """Return the megabytes of the relay."""
        pages = Path(f"/proc/{self.relay.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE") / 2**20

    def files(self) -> int:
        """Return how many files the relay has open."""
        return len(list(Path(f"/proc/{self.relay.pid}/fd").iterdir()))

    def _live(self, number: int) -> None:
        """Be a process: count every ten seconds until told to end."""
        ended = False

        def end(*_: Any) -> None:
            nonlocal ended
            ended = True

        signal.signal(signal.SIGTERM, end)
        os.environ["SAMPLER_RELAY"] = self.address
        import sampler
        import sampler.agent

        mix = Mix(sampler.registry, self._buckets, OBSERVATIONS, number, self._share)
        tell = self._told[number * len(_FIELDS) : (number + 1) * len(_FIELDS)]
        sampler.agent.start()
        # Counting is spread evenly over the interval, as requests are.
        due = time.monotonic() + INTERVAL * (number % 97) / 97
        while not ended:
            while not ended and (left := due - time.monotonic()) > 0:
                time.sleep(min(left, 0.5))
            due += INTERVAL
            mix.work()
            tell[0], tell[1] = mix.counted, mix.observed
        balance = sampler.agent.stop(30.0)["relay"]
        tell[2], tell[3] = balance.collected, balance.delivered
        tell[4], tell[5] = sum(balance.dropped.values()), float(balance.holds)


def crowd(
    buckets: tuple[float, ...] | None, processes: int, dead: int, seconds: float
) -> dict[str, float]:
    """Return what the relay of a crowd takes, and what is missing at its end."""
    with tempfile.TemporaryDirectory() as folder:
        here = Crowd(Path(folder), buckets, processes + dead)
        try:
            return dict(_life(here, processes, dead, seconds))
        finally:
            here.close()


def _life(here: Crowd, processes: int, dead: int, seconds: float) -> Iterator[tuple[str, float]]:
    here.page()
    alone = here.files()
    here.grow(processes)
    wait_for(lambda: here.processes() == processes, 300, pause=1.0)
    time.sleep(2 * INTERVAL)
    busy, began = here.cpu(), time.monotonic()
    early = _sample(here, began, seconds / 2, skip=seconds / 5)
    before = here.cpu()
    here.kill(dead)
    wait_for(lambda: here.processes() == processes - dead, 60, pause=1.0)
    time.sleep(0.5)
    left = here.files() - alone - 2 * (processes - dead)
    here.grow(dead)
    late = _sample(here, time.monotonic(), seconds / 2, skip=seconds / 5)
    taken, lasted = here.cpu() - busy, time.monotonic() - began
    yield "% of a core", taken / lasted * 100
    yield "% of a core, steady", (before - busy) / (seconds / 2) * 100
    yield "page lines", here.page()["lines"]
    here.stop()
    wait_for(lambda: here.processes() == 0, 60, pause=1.0)
    page = here.page()
    yield "left by deaths", left + here.files() - alone
    yield "MB", late
    yield "memory growth", (late / early - 1) * 100
    yield "entries lost", here.said("dropped")
    yield "processes without an account", processes - here.said("ended")
    # Of a process that was killed at most what came after its last report is missing.
    for name, field, each in (
        ("shop_orders_total", "counted", CHANGED),
        ("shop_wait_seconds_count", "observed", OBSERVATIONS * 100),
    ):
        missing = here.said(field) + here.said(field, here.killed) - page[name]
        yield f"{field}, missing of the killed", missing
        yield f"{field}, beyond an interval", max(0.0, missing - 2 * dead * each, -missing)


def _sample(here: Crowd, began: float, until: float, skip: float) -> float:
    """Scrape every interval until so long after the beginning; return the middle megabytes."""
    found = []
    while (now := time.monotonic() - began) < until:
        here.page()
        if now >= skip:
            found.append(here.resident())
        time.sleep(min(INTERVAL, max(0.0, until - now)))
    found.append(here.resident())
    return sorted(found)[len(found) // 2]


def main() -> int:
    """Run; return 1 if a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.relay_crowd", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write to docs/bench/")
    parser.add_argument("--only", default="", help=f"one of {', '.join(CONTENDERS)}")
    parser.add_argument("--processes", type=int, default=PROCESSES)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # its processes end with it
    dead = DEAD * options.processes // PROCESSES
    numbers: dict[str, float] = {}
    for contender, buckets in CONTENDERS.items():
        if options.only in ("", contender):
            found = crowd(buckets, options.processes, dead, options.seconds)
            for name, value in found.items():
                numbers[f"crowd/{contender}/{name}"] = value
                print(f"crowd/{contender}/{name}: {value:.4g}", file=sys.stderr)
    results = report.results(numbers)
    print(report.table(results))
    if options.write:
        about = f"CPython {platform.python_version()}, {machine()}"
        bench.write(about, numbers, "crowd/")
    return 0 if all(each.met for each in results) else 1


if __name__ == "__main__":
    sys.exit(main())
