"""A relay and workers as processes of their own, and what the relay's endpoint has received."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.command import environment
from tests.support.doubles import LineSink
from tests.support.ports import free_port
from tests.support.waiting import stop_child, wait_for

if TYPE_CHECKING:
    from typing import Self

ROOT = Path(__file__).parents[2]
INTERVAL = 0.2

_WORKER = """
import faulthandler; faulthandler.dump_traceback_later(180, exit=True)
import logging, os, sys
logging.basicConfig(level=logging.INFO)
import sampler, sampler.agent
import sampler._pull.fork_baseline
sampler._pull.fork_baseline.LONGEST = 20.0  # a busy machine may need more than 50 ms
group = sampler.Instruments("shop")
orders = group.counter("orders")
seconds = group.histogram("seconds", unit="s", buckets=(0.1, 1.0))
pool = {"given": 1000}
sampler.register({
    "name": "pool",
    "sample": lambda: [("given", pool["given"]), ("size", 5)],
    "metrics": {"given": {"kind": "counter"}, "size": {"merge": "sum"}},
})
host = {
    "name": "machine", "start": 1.0, "sample": lambda: [("jobs", len(open(sys.argv[1]).read()))],
    "metrics": {"jobs": {"kind": "counter", "scope": "host"}},
}
sampler.register(host)
def count(number):
    for _ in range(number):
        orders.inc()
        seconds.observe(0.5)
        pool["given"] += 1
sampler.agent.start("no-such-file.toml")
print("ready", flush=True)
for line in sys.stdin:
    word, _, number = line.strip().partition(" ")
    if word == "fork":
        child = os.fork()
        if not child:
            count(int(number))
            sampler.agent.stop()
            os._exit(0)
        os.waitpid(child, 0)
    elif word == "become":
        faulthandler.cancel_dump_traceback_later()  # a child would wait for its thread
        if child := os.fork():
            status = os.waitpid(child, 0)[1]
            assert sampler.agent.stop()["relay"].holds
            os._exit(os.waitstatus_to_exitcode(status))
    else:
        count(int(number or 0))
    if word == "end":
        break
    print("done", flush=True)
balance = sampler.agent.stop()["relay"]
assert balance.holds
print(balance.delivered, flush=True)
"""


class Host:
    """A relay, its workers, and a scripted Graphite.

    Attributes:
        sink: the endpoint.
        counted: what workers have counted, each by instrument, library and histogram.
        jobs: a file whose length every worker reports as the host's.
    """

    def __init__(self, folder: Path, *, address: str = "", more: str = "") -> None:
        self.folder = folder
        self.service = f"s{os.urandom(8).hex()}"
        self.address = address or f"@{self.service}"
        self.sink = LineSink()
        self.port = free_port()
        self.counted = 0
        self.jobs = folder / "jobs"
        self.jobs.touch()
        self.relay: subprocess.Popen[str] | None = None
        self.workers: list[Worker] = []
        self.file = folder / "relay.toml"
        self.program = folder / "worker.py"
        self.program.write_text(_WORKER)
        self.file.write_text(
            f'interval = {INTERVAL}\nservice = "{self.service}"\nhost = "here"\n'
            f'[relay]\nsocket = "{self.address}"\n{more}'
            f"[adapters.graphite]\nport = {self.sink.port}\n"
            f'[adapters.prometheus]\nlisten = "127.0.0.1:{self.port}"\n'
        )

    def __enter__(self) -> Self:
        self.sink.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        for each in (self.relay, *(worker.process for worker in self.workers)):
            if each is not None and each.poll() is None:
                each.kill()
                each.wait()
        for worker in self.workers:
            worker.process.communicate()
        self.sink.__exit__(None, None, None)

    def start_relay(self, *arguments: str, inherit: int | None = None, first: str = "") -> None:
        """Start the relay, and wait until it is ready; ``first`` is run before it begins."""
        reading, writing = os.pipe()
        text = f"{first}\nimport sys; from sampler.cli import main; sys.exit(main())"
        program = ["-c", text] if first else ["-m", "sampler"]
        command = [sys.executable, *program, "relay", "-c", self.file]
        with (self.folder / "relay.log").open("ab") as log:
            self.relay = subprocess.Popen(
                [*command, "--ready-fd", str(writing), *arguments],
                pass_fds=[writing] if inherit is None else [writing, inherit],
                env=environment(PYTHONPATH=str(ROOT)),
                stdout=log,
                stderr=log,
                text=True,
            )
        os.close(writing)
        with os.fdopen(reading) as ready:
            assert ready.read().startswith("ready "), self.log()

    def log(self) -> str:
        """Return what the relay has logged."""
        return (self.folder / "relay.log").read_text()

    def workers_log(self) -> str:
        """Return what workers have logged."""
        return (self.folder / "workers.log").read_text()

    def signal_relay(self, number: int) -> None:
        """Send a signal to the relay; if it ends by it, wait until it has."""
        assert self.relay is not None
        if number == signal.SIGSTOP:
            stop_child(self.relay.pid)
            return
        self.relay.send_signal(number)
        if number in (signal.SIGKILL, signal.SIGTERM):
            self.relay.wait(30)

    def start_worker(self) -> Worker:
        """Start a worker that reports to the relay, and wait until it runs."""
        worker = Worker(self)
        self.workers.append(worker)
        return worker

    def received(self, name: str) -> float:
        """Return how much a counter has grown at the endpoint, each fall a new beginning."""
        total = before = 0.0
        for line in self.sink.lines:
            path, text, _ = line.split()
            if path == f"{self.service}.here.relay.{name}".encode():
                value = float(text)
                total += value - before if value >= before else value
                before = value
        return total

    def received_from_all(self, name: str) -> float:
        """Return how much a counter has grown, whichever process has pushed it."""
        start, end = f"{self.service}.here.".encode(), f".{name}".encode()
        total, before = 0.0, dict[bytes, float]()
        for line in self.sink.lines:
            path, text, _ = line.split()
            if path.startswith(start) and path.endswith(end):
                value, known = float(text), before.get(path, 0.0)
                total += value - known if value >= known else value
                before[path] = value
        return total

    def last(self, name: str) -> float | None:
        """Return the last value of a path's end."""
        found = [line for line in self.sink.lines if line.split()[0].endswith(name.encode())]
        return float(found[-1].split()[1]) if found else None

    def everything_arrives(self, *, by_anybody: bool = False) -> None:
        """Wait until the endpoint has what was counted: no more, no less.

        Args:
            by_anybody: by whichever process; else by the relay.
        """
        names = ("shop.orders", "pool.given", "shop.seconds.count")
        read = self.received_from_all if by_anybody else self.received

        def totals() -> dict[str, float]:
            return {name: read(name) for name in names}

        wanted = dict.fromkeys(names, float(self.counted))
        try:
            wait_for(lambda: totals() == wanted, 60.0)
        except AssertionError:
            said = f"{self.log()}{self.workers_log()}"
            raise AssertionError(f"{totals()}, not {wanted}: {said}") from None
        assert totals() == wanted

    def page(self) -> dict[str, float]:
        """Return the relay's page: samples by name and labels."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=30) as answer:
            text = answer.read().decode()
        rows = re.findall(r"^([^#\s]\S*) (\S+)", text, re.MULTILINE)
        return {name: float(value) for name, value in rows}


class Worker:
    """A process that counts when it is told to."""

    def __init__(self, host: Host) -> None:
        self.host = host
        joined = {"PYTHONPATH": str(ROOT), "SAMPLER_RELAY": host.address}
        with (host.folder / "workers.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, host.program, host.jobs],
                env=environment(**joined),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._read("ready")

    def count(self, much: int) -> None:
        """Let it count."""
        self.tell(f"count {much}")
        self.host.counted += much

    def fork(self, much: int) -> None:
        """Let a child of it count, deliver and end."""
        self.tell(f"fork {much}")
        self.host.counted += much

    def become_a_child(self) -> None:
        """Let it fork: the child is told from now on, and the parent counts no more."""
        self.tell("become")

    def tell(self, words: str) -> None:
        """Let it do something, and wait until that is done."""
        self._pipe.write(f"{words}\n")
        self._pipe.flush()
        self._read("done")

    def end(self, much: int = 0) -> int:
        """Let it count a last time, and end by itself; return how many entries it delivered."""
        self.host.counted += much
        self._pipe.write(f"end {much}\n")
        self._pipe.flush()
        assert self.process.stdout is not None
        delivered = int(self.process.stdout.readline())
        assert self.process.wait(60) == 0
        return delivered

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()

    def _read(self, wanted: str) -> None:
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        assert said == f"{wanted}\n", (said, self.host.workers_log())

    @property
    def _pipe(self) -> Any:
        return self.process.stdin
