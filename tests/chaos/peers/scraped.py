"""What ``prometheus_client`` does with scrapes; OpenTelemetry's exporter uses the same server.

Each measurement takes a peer's name, and returns a sentence; it has a process of its own.
"""

from __future__ import annotations

import http.client
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from tests.chaos.peers.rigs import BRIDGE, HOST

CLIENTS = 200
SAME = "- its exporter uses prometheus_client's server"


def slow_clients(peer: str) -> str:
    """Scenario 35: half a request each, and then nothing."""
    if peer != BRIDGE:
        return SAME
    server, port, _ = _server()
    del server
    before = threading.active_count()
    held = []
    for _ in range(CLIENTS):
        client = socket.create_connection((HOST, port))
        client.send(b"GET /metrics HTTP/1.1\r\nHost:")
        held.append(client)
    time.sleep(7)
    began = time.monotonic()
    _get(port, "/metrics")
    took = time.monotonic() - began
    threads = threading.active_count() - before
    return (
        f"{CLIENTS} clients hold {threads} threads, after 7 s still; a scrape takes {took:.2f} s"
    )


def any_bytes(peer: str) -> str:
    """Scenario 42: a head of spaces with a NUL, and how long a thread of the program stands."""
    if peer != BRIDGE:
        return SAME
    _, port, _ = _server()
    longest = [0.0]

    def tick() -> None:
        last = time.monotonic()
        while True:
            time.sleep(0.005)
            now = time.monotonic()
            longest[0], last = max(longest[0], now - last), now

    threading.Thread(target=tick, daemon=True).start()
    for spaces in (1_400, 8_000, 60_000):
        with socket.create_connection((HOST, port)) as client, suppress(OSError):
            client.settimeout(10)
            client.sendall(b"GET /metrics HTTP/1.1\r\nA:" + b" " * spaces + b"\0\r\n\r\n")
            client.recv(100)
    status, *_ = _get(port, "/metrics")
    return (
        "spaces by the thousand, and a NUL: a thread that ticks every 5 ms stands for "
        f"{longest[0] * 1e3:.0f} ms at most; a scrape afterwards: {status}"
    )


def other_host(peer: str) -> str:
    """Scenario 46."""
    if peer != BRIDGE:
        return SAME
    _, port, _ = _server()
    with socket.create_connection((HOST, port)) as client:
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n")
        said = client.recv(100).split(b"\r\n")[0].decode()
    return f"Host: evil.example: {said}"


def at_once(peer: str) -> str:
    """Scenario 36."""
    if peer != BRIDGE:
        return SAME
    _, port, calls = _server(0.1)
    calls.clear()

    def ask(_: int) -> bool:
        try:
            return _get(port, "/metrics")[0] == 200
        except OSError:
            return False

    with ThreadPoolExecutor(CLIENTS) as clients:
        answered = sum(clients.map(ask, range(CLIENTS)))
    return f"{CLIENTS} scrapes: {answered} are answered, with {len(calls)} pulls"


def hostile(peer: str) -> str:
    """Scenario 37."""
    if peer != BRIDGE:
        return SAME
    _, port, _ = _server()
    path = _get(port, "/../../etc/passwd")[0]
    method = _get(port, "/metrics", "DELETE")[0]
    with socket.create_connection((HOST, port), timeout=5) as client:
        with suppress(OSError):  # it may answer before all of it is sent
            client.sendall(b"GET / HTTP/1.1\r\nX: " + b"a" * 10 * 2**20 + b"\r\n\r\n")
        try:
            answer = client.recv(100).partition(b"\r\n")[0].decode() or "an end"
        except OSError as error:
            answer = type(error).__name__
    return f"any path: {path}; DELETE: {method}; a header of 10 MiB: {answer}"


def bound(peer: str) -> str:
    """Scenario 38."""
    if peer != BRIDGE:
        return SAME
    from prometheus_client import start_http_server

    server, _ = start_http_server(0)
    return f"listens on {server.server_address[0]}"


def raising(peer: str) -> str:
    """Scenario 15, scraped: one collector of two raises."""
    if peer != BRIDGE:
        return SAME
    from prometheus_client import CollectorRegistry, Gauge, generate_latest

    registry = CollectorRegistry()
    Gauge("good", "Good.", registry=registry).set(1)
    Gauge("bad", "Bad.", registry=registry).set_function(lambda: 1 / 0)
    try:
        page = generate_latest(registry)
    except ZeroDivisionError:
        page = b""
    return f"a scrape has {page.count(b'good 1')} of 1 healthy samples"


def _server(seconds: float = 0.0) -> tuple[Any, int, list[float]]:
    """Return a server on loopback, its port, and when its collector was called."""
    from prometheus_client import CollectorRegistry, start_http_server
    from prometheus_client.core import GaugeMetricFamily

    calls: list[float] = []

    class Collector:
        def collect(self) -> Any:
            calls.append(time.monotonic())
            time.sleep(seconds)
            yield GaugeMetricFamily("level", "Level.", value=1)

    registry = CollectorRegistry()
    registry.register(Collector())
    server, _ = start_http_server(0, HOST, registry)
    return server, server.server_address[1], calls


def _get(port: int, path: str, method: str = "GET") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(HOST, port, timeout=30)
    connection.request(method, path)
    answer = connection.getresponse()
    return answer.status, answer.read()
