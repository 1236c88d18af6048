"""Runs the load, makes the faults, and judges."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from tests.chaos.soak import faults, vitals
from tests.chaos.soak.ledger import Lines, Packets, gateway_faults
from tests.chaos.soak.load import INTERVAL, PREFIX, SAMPLERS, SERIES
from tests.support.ports import HOST
from tests.support.proxy import Proxy
from tests.support.servers import Carbon, Pushgateway, StatsD
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Self

EVERY = 5.0
"""Seconds from one fault to the next."""
KEPT = tuple(f"{PREFIX}.load{number:02}.hits.i-{number}" for number in range(0, SAMPLERS, 9))
"""Paths that are looked up on disk."""
_UPDATES = 1000
"""Points that carbon may store a second: enough, and it leaves the machine to the others."""


def soak(
    launch: Callable[..., Any],
    folder: Path,
    seconds: float,
    seed: int,
    say: Callable[[str], None] = print,
) -> list[str]:
    """Run for some seconds; return what did not hold.

    Args:
        launch: starts a server: its class and its options in, the ready server out.
        folder: where files may be.
        seconds: of load.
        seed: of the faults.
        say: takes a line of progress.
    """
    dice = random.Random(seed)
    with ExitStack() as running:
        carbon = launch(Carbon, retention="1s:1h", updates=_UPDATES)
        # It flushes seldom: a flush records ten thousand counters.
        statsd, gateway = launch(StatsD, flush_interval=5.0), launch(Pushgateway)
        lines, packets = Lines(int(time.time()), KEPT), Packets(statsd.record)
        graphite = running.enter_context(Proxy((HOST, carbon.line_port), tap=lines.tap))
        counts = running.enter_context(Proxy((HOST, statsd.port)))
        pushes = running.enter_context(Proxy((HOST, gateway.port)))
        program = running.enter_context(Program(folder, graphite.port, counts.port, pushes.port))
        watch = vitals.Watch(program.pid)

        def choice() -> faults.Fault:
            groups = [
                faults.of_server("carbon", carbon, graphite, dice),
                faults.of_server("statsd", statsd, counts, dice),
                faults.of_server("the gateway", gateway, pushes, dice),
                faults.of_program(program.pid, program.order),
            ]
            return dice.choice(dice.choice(groups))

        began = time.monotonic()
        made = 0
        while (passed := time.monotonic() - began) < seconds:
            fault, lasts = choice(), dice.uniform(0.3, EVERY - 0.7)
            say(f"{passed:6.1f} s  {fault.name}, {lasts:.1f} s;  {watch.latest}")
            fault.begin()
            try:
                watch.until(time.monotonic() + lasts)
            finally:
                fault.end()
            made += 1
            packets.read()
            watch.until(began + made * EVERY)
        say(f"{seconds:g} s and {made} faults are over; the rest is sent")
        watch.until(time.monotonic() + 5)  # the longest pause that these outages lead to
        said = program.stop()
        packets.read()
        for name, balance in said["balances"].items():
            say(f"{name}: {balance}")
        say(f"entries in carbon: {lines.entries()}; lines of children: {lines.children}")
        return [
            *judged(said, lines, packets),
            *gateway_faults(gateway, said["pulls"]),
            *stored(carbon, lines),
            *watch.faults(say),
        ]


def judged(said: dict[str, Any], lines: Lines, packets: Packets) -> list[str]:
    """Say what is wrong with the balances, on their own and beside what arrived."""
    balances, wrong = said["balances"], list(lines.faults[:5])
    for name, balance in balances.items():
        if not balance["holds"] or balance["queued"]:
            wrong.append(f"{name}: the law is broken, or not everything has an outcome: {balance}")
    carbon = balances["carbon"]
    least, most = lines.entries()
    known = carbon["delivered"] + carbon["unconfirmed"]
    # What was given up may have arrived, where only the answer was lost.
    known += sum(carbon["dropped"].values())
    if carbon["delivered"] > most or least > known:
        arrived = f"carbon has {least} to {most} entries"
        wrong.append(f"{arrived}, not {carbon['delivered']} to {known}")
    if carbon["collected"] < SAMPLERS * SERIES * min(said["pulls"].values()):
        wrong.append("fewer entries were collected than the load has")
    ends = said["children"]
    if ends["badly"] or ends["hung"]:
        wrong.append(f"children: {ends}")
    if ends["well"] and not lines.children:
        wrong.append("no child has delivered its own")
    return wrong + packets.against(said["pulls"], balances["statsd"]["unconfirmed"])


def stored(carbon: Carbon, lines: Lines) -> list[str]:
    """Say what carbon has read since its last start and does not have on disk: of some paths."""
    wrong = []
    for path in KEPT:
        points = lines.points[path.encode()].items()
        # Resent after a restart, an older point is there, too; it is not looked for.
        due = {second: value for second, value in points if second > carbon.started + 1}

        def lacking(path: str = path, due: dict[int, int] = due) -> list[int]:
            have = carbon.series(path)
            return [second for second, value in due.items() if have.get(second) != value]

        try:
            wait_for(lambda: not lacking(), limit=60)
        except AssertionError:
            wrong.append(f"{path}: of {len(due)} points carbon lacks {lacking()[:3]} ...")
    return wrong


class Program:
    """The program under test, as a process."""

    def __init__(self, folder: Path, carbon: int, statsd: int, gateway: int) -> None:
        graphite = f'type = "graphite"\nport = {carbon}\n'
        mine, childs = folder / "sampler.toml", folder / "child.toml"
        mine.write_text(
            f'interval = {INTERVAL}\nservice = "soak"\nflush_timeout = 20\n'
            f'[adapters.carbon]\n{graphite}prefix = "{PREFIX}"\ntimeout = 2\n'
            f'[adapters.statsd]\ntransport = "tcp"\nport = {statsd}\n'
            f'prefix = "{PREFIX}"\ntimeout = 2\n'
            f'[adapters.gateway]\ntype = "pushgateway"\nurl = "http://127.0.0.1:{gateway}"\n'
            "delete_on_stop = false\ntimeout = 2\n"
        )
        childs.write_text(f'flush_timeout = 1\n[adapters.carbon]\n{graphite}prefix = "child"\n')
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.soak.subject", str(mine), str(childs)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid

    def order(self, line: str) -> None:
        """Tell it something."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def stop(self) -> dict[str, Any]:
        """Let it end; return what it says of itself."""
        assert self._process.stdout is not None
        self.order("stop")
        said: dict[str, Any] = json.loads(self._process.stdout.readline())
        assert self._process.wait(30) == 0
        return said

    def __enter__(self) -> Self:
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "started\n"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
