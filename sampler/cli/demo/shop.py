"""The demo's web application: a shop that publishes its numbers, as a program of yours would."""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING, Any

import sampler
import sampler.web

if TYPE_CHECKING:
    from collections.abc import Iterator

_CONNECTIONS = 3


class Pool:
    """A library's pool of connections; it imports nothing to publish its numbers."""

    def __init__(self, size: int) -> None:
        self.size: int = size
        self.used: int = 0
        self._free = threading.Semaphore(size)

    def __enter__(self) -> None:
        self._free.acquire()
        self.used += 1

    def __exit__(self, *_: object) -> None:
        self.used -= 1
        self._free.release()


pool = Pool(_CONNECTIONS)


def sample() -> Iterator[tuple[Any, ...]]:
    """Say what the pool knows, when it is asked."""
    yield "connections", pool.used, {"state": "used"}
    yield "connections", pool.size - pool.used, {"state": "idle"}


SAMPLER = {
    "name": "pool",
    "sample": sample,
    "metrics": {"connections": {"unit": "{connection}", "help": "Connections by state."}},
}

shop = sampler.Instruments("shop")
orders = shop.counter("orders", labels=("outcome",), help="Orders by outcome.")


def serve(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Answer a request: some read, some order, and that takes a connection for a while."""
    if environ["PATH_INFO"] == "/order":
        with pool:
            _work(0.03, 0.1)
        orders.inc(outcome="declined" if random.random() < 0.1 else "paid")  # noqa: S311
    else:
        _work(0.002, 0.03)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "3")])
    return [b"ok\n"]


def _work(least: float, most: float) -> None:
    time.sleep(random.uniform(least, most))  # noqa: S311


application = sampler.web.WSGI(serve)
