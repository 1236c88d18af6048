"""What becomes of the peers when what is around them fails: readers, handlers, ports, values.

Each measurement takes a peer's name, and returns a sentence; it has a process of its own.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from tests.chaos.peers.rigs import BRIDGE, HOST, Rig, push
from tests.chaos.peers.scraped import SAME
from tests.support.ports import free_port

READERS = 20
SERIES = 100_000
AWAY = 2.0
"""Seconds of a fault."""


def readers(peer: str) -> str:
    """Scenario 45: twenty ask for a page of some 8 MB, and read none of it."""
    if peer != BRIDGE:
        return SAME
    from prometheus_client import CollectorRegistry, Gauge, start_http_server

    registry = CollectorRegistry()
    gauge = Gauge("level", "Level.", ["number"], registry=registry)
    for number in range(SERIES):
        gauge.labels(f"{number:050}").set(1)
    server, _ = start_http_server(0, HOST, registry)
    before = _memory()
    held = []
    for _ in range(READERS):
        client = socket.create_connection((HOST, server.server_address[1]))
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        held.append(client)
    time.sleep(60)
    return f"{READERS} readers: {_memory() - before:.0f} MiB, {threading.active_count()} threads"


def handler(peer: str) -> str:
    """Scenario 47: a handler of the root logger does not return."""

    class Hangs(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            time.sleep(3600)

    logging.getLogger().addHandler(Hangs())
    rig = Rig(peer).begun()
    rig.proxy.refuse()
    time.sleep(AWAY)
    rig.heal()
    came = rig.within(3.0)
    return f"after an outage that is logged to a handler that hangs, {came} of 15 pulls arrive"


def taken(peer: str) -> str:
    """Scenario 54."""
    if peer != BRIDGE:
        return SAME
    from prometheus_client import start_http_server

    with socket.create_server((HOST, 0)) as other:
        try:
            start_http_server(other.getsockname()[1], HOST)
        except OSError as error:
            return f"the program gets {type(error).__name__}: {error.strerror}"
    return "it listens beside the other one"


def away(peer: str) -> str:
    """Scenario 55: stopped while nobody listens."""
    if peer == BRIDGE:
        return "- its bridge cannot be stopped"
    said: list[str] = []

    class Keeps(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    logging.getLogger().addHandler(Keeps())
    provider = push(peer, {"ticks": lambda: [(1, {})]}, HOST, free_port(), 3600.0)
    began = time.monotonic()
    raised = "nothing raised"
    try:
        provider.shutdown(5000)
    except Exception as error:
        raised = f"{type(error).__name__} raised"
    return f"shutdown(5 s): {time.monotonic() - began:.1f} s, {raised}, {len(said)} lines of log"


def converted(peer: str) -> str:
    """Scenario 58: one of two values cannot be converted."""

    class Evil:
        def __float__(self) -> float:
            raise KeyboardInterrupt

    def sample() -> Any:
        yield Evil(), {"at": "x"}

    rig = Rig(peer)
    rig.begun()
    bad = Rig(peer, {"bad": sample})
    came = bad.within(2.0)
    return f"a value that raises KeyboardInterrupt: {came} of 10 pulls of its neighbour arrive"


def closed(peer: str) -> str:
    """Scenario 60: the program closes every descriptor but the standard ones."""
    if peer != BRIDGE:
        return SAME
    from prometheus_client import start_http_server

    server, thread = start_http_server(0, HOST)
    port = server.server_address[1]
    for file in Path("/proc/self/fd").iterdir():
        if int(file.name) > 2:
            with suppress(OSError):
                os.close(int(file.name))
    time.sleep(1)
    try:
        socket.create_connection((HOST, port), timeout=1).close()
        there = "its port answers"
    except OSError as error:
        there = f"its port: {type(error).__name__}"
    return f"{there}; its thread {'runs' if thread.is_alive() else 'has ended'}; nothing tells"


def _memory() -> float:
    return float(psutil.Process().memory_info().rss) / 2**20
