"""A program that is killed again and again: what it had on disk arrives."""

from __future__ import annotations

import json
import random
import re
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import pytest

from tests.chaos.ledger import check
from tests.support.command import environment
from tests.support.doubles import LineSink
from tests.support.spools import segments
from tests.support.waiting import wait_for

ROOT = Path(__file__).parents[2]
LINE = re.compile(rb"p\.(count\.n|sampler\.[a-z0-9_.-]+) (-?[0-9.e+-]+) (\d{10})")


class Program:
    """`tests.chaos.spooling`, with what it promised."""

    def __init__(self, port: int, spool: Path, first: int) -> None:
        self.promised: list[int] = []
        self.starts: list[float] = []
        self.balance: dict = {}
        self._rest = b""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.spooling", str(port), str(spool), str(first)],
            cwd=ROOT,
            env=environment(),
            stdout=subprocess.PIPE,
        )
        import os

        os.set_blocking(self._process.stdout.fileno(), False)

    def listen(self) -> bool:
        """Take what it has said; return whether it has said something of what is safe."""
        self._rest += self._process.stdout.read() or b""
        *lines, self._rest = self._rest.split(b"\n")
        for line in lines:
            word, said = line.decode().split(" ", 1)
            if word == "n":
                self.promised.append(int(said))
            elif word == "recovered":
                self.starts.append(float(said))
            else:
                self.balance = json.loads(said)
        return bool(self.promised)

    def tell(self, number: int) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it as the kernel does when memory is short."""
        self._process.kill()
        self._process.wait()
        self.listen()
        self._process.stdout.close()

    def stop(self) -> None:
        """Let it stop cleanly."""
        self.tell(signal.SIGTERM)
        assert self._process.wait(20) == 0
        self.listen()
        self._process.stdout.close()


def kills(rounds: int, execs: int, parent: Path, seed: int) -> list[float]:
    """Kill a program at random moments, the endpoint coming and going; look at what arrives.

    Returns the seconds that each start took.
    """
    chance = random.Random(seed)
    promised: set[int] = set()
    starts: list[float] = []
    first = 0
    with LineSink() as sink:
        sink.refuse()
        for turn in range(rounds):
            program = Program(sink.port, parent, first)
            try:
                wait_for(program.listen, limit=30, what="the program to say what is safe")
                if turn % 3 == 1:
                    sink.listen()
                elif turn % 3 == 2:
                    sink.refuse()
                if turn < execs:
                    seen = len(program.starts)
                    program.tell(signal.SIGUSR1)
                    wait_for(
                        lambda p=program, seen=seen: p.listen() and len(p.starts) > seen,
                        limit=30,
                        what="the program that took its place",
                    )
                time.sleep(chance.uniform(0.0, 0.3))  # the moment of the kill, no wait
            finally:
                program.kill()
            promised.update(program.promised)
            starts += program.starts
            first = max(promised) + 1_000  # every life counts on in a range of its own
        sink.listen()
        program = Program(sink.port, parent, first)
        try:
            wait_for(program.listen, limit=30, what="the last life")
            wait_for(lambda: not segments(parent), limit=60, what="the spool to be empty")
        finally:
            program.stop()
        starts += program.starts
        lines = sink.lines
        torn = sink.torn
    assert program.balance["holds"]
    assert program.balance["queued"] == program.balance["dropped"] == 0
    values = defaultdict(set)
    for line in lines:
        found = LINE.fullmatch(line)
        assert found, f"a foreign line: {line!r}"
        values[found[1], found[3]].add(found[2])
    assert not torn
    arrived = {int(float(v)) for (name, _), vs in values.items() if name == b"count.n" for v in vs}
    assert promised <= arrived, f"lost: {sorted(promised - arrived)}"
    assert len(promised) >= rounds
    return starts


@pytest.mark.scenario(26)
def test_killed_five_times(tmp_path) -> None:
    """By SIGKILL and by exec, endpoint up and down: nothing that was on the disk is lost."""
    kills(5, 2, tmp_path, seed=26)


@pytest.mark.scenario(26)
@pytest.mark.long
@pytest.mark.timeout(600)
def test_killed_a_hundred_times(tmp_path) -> None:
    """As five times; every start takes less than a second."""
    starts = kills(100, 10, tmp_path, seed=2600)
    print(f"starts: at most {max(starts):.3f} s, of {len(starts)}")
    assert max(starts) < 1.0


@pytest.mark.scenario(26)
@pytest.mark.long
def test_a_full_spool_does_not_hold_the_start(tmp_path) -> None:
    """64 MiB of batches that wait are recovered within a second."""
    from tests.support.spools import abandon, batch, outbox

    box = outbox(tmp_path, max_bytes=8 * 2**20, spool_bytes=64 * 2**20)
    for n in range(1_200):
        box.add([batch(n, 50_000)])
        box.spool._round()
    abandon(box)
    begun = time.monotonic()
    again = outbox(tmp_path, max_bytes=8 * 2**20, spool_bytes=64 * 2**20)
    took = time.monotonic() - begun
    print(f"recovered {again.ledger.balance().recovered} batches in {took:.3f} s")
    assert again.ledger.balance().recovered == 1_200
    assert took < 1.0
    again.close()


@pytest.mark.scenario(26)
def test_a_killed_program_s_account_goes_on(tmp_path) -> None:
    """What it left is `recovered` by the next process, and arrives: ledger and sink agree."""
    with LineSink() as sink:
        sink.refuse()
        program = Program(sink.port, tmp_path, 0)
        wait_for(lambda: program.listen() and len(program.promised) > 3, limit=30)
        program.kill()
        sink.listen()
        last = Program(sink.port, tmp_path, 1_000)
        try:
            wait_for(lambda: last.listen() and not segments(tmp_path), limit=30)
        finally:
            last.stop()
        assert last.balance["recovered"] > 0
        assert last.balance["holds"]
        assert last.balance["collected"] + last.balance["recovered"] == last.balance["delivered"]
        from sampler.agent import Balance

        found = last.balance
        balance = Balance(
            found["collected"],
            found["recovered"],
            found["delivered"],
            found["unconfirmed"],
            {},
            found["queued"],
        )
        check(balance, len(sink.lines))
