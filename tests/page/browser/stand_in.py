"""A server of the page whose answers a test writes: for what a real agent would never say.

It speaks the contract of ``live/`` and serves the page's own files, under the same policy.
"""

from __future__ import annotations

import json
import math
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import sampler

if TYPE_CHECKING:
    from collections.abc import Callable

STATIC = Path(sampler.__file__).parent / "page" / "static"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}

SERIES_PAGE = "#/series/shop0.queue.depth?queue=q0&region=eu"
"""Of the first of `many`."""
WEB = {
    "requests_per_second": 127.3,
    "active": 6,
    "utilization": 0.82,
    "busy": 3.28,
    "queue_time": {"p50": 0.0021, "p95": 0.043},
    "duration": {"p50": 0.012, "p95": 0.18, "p99": 0.41},
    "errors_per_second": 0.31,
}
ADVICE = {"cause": "Too few workers", "confidence": "likely", "says": "Two more would do."}
TROUBLE: dict[str, Any] = {
    "what": "StatsD refuses",
    "where": "adapter statsd",
    "remedy": "Start it.",
    "since": 1_795_797_581.0,
}


def a_series(
    number: int, name: str, kind: str = "gauge", unit: str = "", **more: Any
) -> dict[str, Any]:
    """Return a series as ``series.json`` has it."""
    described = {"help": "", "labels": {}, "scope": "process", "sampler": name.rpartition(".")[0]}
    return {"id": number, "name": name, "kind": kind, "unit": unit, "rank": 0, **described, **more}


def many(count: int) -> list[dict[str, Any]]:
    """Return that many series of some samplers, each sampler's own in a row."""
    return [
        a_series(
            n,
            f"shop{n // 100}.queue.depth",
            ("gauge", "counter", "histogram")[n % 3],
            ("{item}", "By", "s")[n % 3],
            labels={"queue": f"q{n % 100}", "region": ("eu", "us")[n % 2]},
            help=f"How many wait in queue {n % 100}.",
        )
        for n in range(count)
    ]


class StandIn:
    """Answers for ``live/`` at a port of its own, from `series` and what stands in `now`.

    Attributes:
        asked: the paths that were asked for, without those of files.
        clock: the server's.
        refuse: a status to answer everything under ``*.json`` with; none: as usual.
        silent: whether it hangs up on who asks for these.
    """

    def __init__(self, series: list[dict[str, Any]], port: int = 0, **now: Any) -> None:
        self.series = series
        self.clock: Callable[[], float] = time.time
        self.asked: list[str] = []
        self.refuse = 0
        self.silent = False
        self.began = time.time()
        self.now = now
        answers = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                split = urlsplit(self.path)
                name = split.path.removeprefix("/live/")
                if name.endswith(".json") and answers.silent:
                    self.close_connection = True
                    return
                if name.endswith(".json"):
                    answers.asked.append(self.path)
                    query = {key: values[-1] for key, values in parse_qs(split.query).items()}
                    code, body = answers.answer(name, query)
                    self._send(code, "application/json", json.dumps(body).encode())
                    return
                file = STATIC / (name or "index.html")
                if file.parent != STATIC or not file.is_file():
                    self._send(404, "application/json", b'{"error": "no such page"}')
                    return
                self._send(200, KINDS[file.suffix], file.read_bytes())

            def _send(self, code: int, kind: str, body: bytes) -> None:
                self.send_response(code)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Content-Security-Policy", POLICY)
                self.send_header("X-Content-Type-Options", "nosniff")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, *_: Any) -> None:
                pass  # a browser that leaves breaks its connections

        self._server = Server(("127.0.0.1", port), Handler)
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/live/"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def __enter__(self) -> StandIn:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, name: str, query: dict[str, str]) -> tuple[int, Any]:
        """Return the status and what to say of a path and its query."""
        if self.refuse:
            return self.refuse, {"error": "not now"}
        if name == "one.json":
            return 200, self._one(int(query["id"]))
        found = {"now.json": self._now, "series.json": self._series}.get(name)
        if found:
            return 200, found()
        ids = [int(each) for each in query["ids"].split(",")]
        points = int(query["points"]) if "points" in query else int(float(query["seconds"]))
        return 200, self._values(ids, min(points, 600))

    def _now(self) -> dict[str, Any]:
        samplers = sorted({each["sampler"] for each in self.series})
        return {
            "version": 1,
            "time": self.clock(),
            "zone": "+05:30",
            "identity": {"service": "shop", "host": "vm", "instance": "0", "pid": os.getpid(),
                         "start": self.began, "role": "standalone"},
            "interval": 1.0,
            "uptime": time.time() - self.began,
            "catalogue": 1,
            "series_count": len(self.series),
            "omitted": 0,
            "trouble": [],
            "adapters": [an_adapter()],
            "samplers": [
                {"name": name, "duration": 0.0004, "series": 3, "yielded": 30, "refused": {},
                 "failures": 0, "failing": False, "paused": False, "paused_for": None,
                 "last_failure": None}
                for name in samplers[:20]
            ],
            "processes": [
                {"instance": "0", "pid": os.getpid(), "role": "standalone", "start": self.began,
                 "last_report": time.time(), "state": "reports"}
            ],
            "web": None,
            "advice": [],
            **self.now,
        }  # fmt: skip

    def _series(self) -> dict[str, Any]:
        return {"catalogue": self.now.get("catalogue", 1), "series": self.series, "omitted": 0}

    def _values(self, ids: list[int], points: int) -> dict[str, Any]:
        now = int(self.clock())
        times = list(range(now - points + 1, now + 1))
        kinds = {each["id"]: each["kind"] for each in self.series}
        return {
            "time": now,
            "catalogue": self.now.get("catalogue", 1),
            "times": times,
            "values": {
                str(each): _points(each, kinds[each], times) for each in ids if each in kinds
            },
        }

    def _one(self, number: int) -> dict[str, Any]:
        series = next(each for each in self.series if each["id"] == number)
        now = int(time.time())
        name = series["name"]
        return {
            "series": series,
            "declaration": {"kind": series["kind"], "unit": series["unit"], "labels": ["queue"]},
            "last": [[now - 9 + n, 100 + n] for n in range(10)],
            "called": {"graphite": name, "prometheus": name.replace(".", "_"), "statsd": name},
        }


def an_adapter(**more: Any) -> dict[str, Any]:
    """Return an adapter that delivers, as ``now.json`` has it, with what differs."""
    return {
        "name": "graphite", "kind": "graphite", "endpoint": "127.0.0.1:2003",
        "collected": 1200, "recovered": 0, "delivered": 1100, "unconfirmed": 0, "dropped": {},
        "queued": 100, "last_error": None, "last_error_time": None,
        "last_delivery_time": time.time(), **more,
    }  # fmt: skip


def _points(number: int, kind: str, times: list[int]) -> Any:
    line = [
        round(50 + 40 * math.sin((at + 37 * number) / 60) + at * number % 7, 3) for at in times
    ]
    if number % 11 == 5:
        line[: len(line) // 3] = [None] * (len(line) // 3)  # type: ignore[list-item]
    if kind != "histogram":
        return line
    return {
        "p50": [each and each / 1000 for each in line],
        "p95": [each and each / 600 for each in line],
        "p99": [each and each / 400 for each in line],
    }
