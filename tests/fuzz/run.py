"""A program, attacked for as long as one likes, beside a control run with well-formed bytes."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from random import Random
from typing import Any, Self, TextIO

import attrs

from tests.fuzz.peers import Clients, Gateway

MIB = 2**20
GROWTH = 8 * MIB
"""Bytes that the allocator may keep."""
WARM = 500
"""Requests and pushes before memory is looked at."""


@attrs.frozen
class Result:
    """What became of the program.

    Attributes:
        requests: requests that were sent.
        replies: pushes that were answered.
        seconds: how long the attack took.
        statuses: what the page answered, and how often.
        pushes: what became of pushes.
        pause: seconds that a thread of the program stood still at most.
        control: the same with well-formed bytes.
        beside: the same of a program that nobody attacks, during the attack: the machine's own.
        grown: bytes of memory, from the beginning of the attack to its end.
        faults: what should not be.
    """

    requests: int
    replies: int
    seconds: float
    statuses: dict[str, int]
    pushes: dict[str, int]
    pause: float
    control: float
    beside: float
    grown: int
    faults: list[str]


class Program:
    """The program, in a process of its own; a context manager.

    Args:
        gateway: the URL of its gateway.
        errors: gets its standard error.

    Attributes:
        address: of its page.
    """

    def __init__(self, gateway: str, errors: TextIO) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-X", "dev", "-m", "tests.fuzz.program", gateway],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        host, _, port = self._answer().rpartition(":")
        self.address: tuple[str, int] = host, int(port)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        for end in (self._process.stdin, self._process.stdout):
            if end is not None:
                end.close()

    def told(self, word: str) -> Any:
        """Say a word to it; return how it is."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        return self._answer()

    def end(self) -> int:
        """Let it end by itself; return its exit status."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        return self._process.wait(30)

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())


def attack(requests: int, replies: int, seed: int) -> Result:
    """Start the program, and attack it; return what became of it."""
    random = Random(seed)
    with (
        Gateway(random) as gateway,
        tempfile.TemporaryFile("w+") as errors,
        Program(gateway.url, errors) as program,
        Program(gateway.url, errors) as beside,
    ):
        Clients(program.address, None).send(min(WARM, requests))
        program.told(f"push {min(WARM, replies)}")
        program.told("anew")
        Clients(program.address, None).send(requests)
        control = program.told(f"push {replies}")["pause"]
        Clients(program.address, Random(seed + 1)).send(min(WARM, requests))
        beside.told("anew")
        before = program.told("anew")
        clients, began = Clients(program.address, random), time.monotonic()
        clients.send(requests)
        gateway.fine = False
        pushes = program.told(f"push {replies}")["pushes"]
        seconds = time.monotonic() - began
        after = program.told("how")
        machine = beside.told("how")["pause"]
        last = Clients(program.address, None)
        last.send(10)
        faults = _faults(before, after, pushes, last.statuses["200"])
        codes = program.end(), beside.end()
        if any(codes):
            faults.append(f"they ended with {codes}")
        faults += _said(errors)
    return Result(
        requests,
        replies,
        seconds,
        dict(clients.statuses.most_common()),
        pushes,
        after["pause"],
        control,
        machine,
        after["memory"] - before["memory"],
        faults,
    )


def _faults(before: Any, after: Any, pushes: dict[str, int], good: int) -> list[str]:
    faults = [f"threads {before['threads']} became {after['threads']}"]
    faults = faults if before["threads"] != after["threads"] else []
    if not after["alive"]:
        faults.append("the agent says that it is not alive")
    if not after["holds"]:
        faults.append("the law does not hold")
    if good != 10:
        faults.append(f"of 10 scrapes afterwards {good} were answered")
    if after["memory"] - before["memory"] > GROWTH:
        faults.append("memory has grown")
    known = ("delivered", "Unavailable", "Rejected")
    return faults + [f"a push {outcome}" for outcome in pushes if outcome not in known]


def _said(errors: TextIO) -> list[str]:
    """Return the lines of standard error that tell of a fault."""
    errors.seek(0)
    text = errors.read()
    return [f"standard error: {text[:2000]}"] if "Traceback" in text or "Error" in text else []
