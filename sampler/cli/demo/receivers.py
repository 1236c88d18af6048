"""The demo's receivers: they count by each protocol's rules and share no code with adapters."""

from __future__ import annotations

import re
import socketserver
import threading
import urllib.request
from typing import Any

_SAMPLE = re.compile(r"([a-z][a-z0-9_]*)(\{.*\})? (\S+)")


class Receiver:
    """Listens on a free loopback port, on threads of its own.

    Attributes:
        port: where it listens.
        bad: lines that could not be read.
    """

    def __init__(self, server: Any, handler: type[socketserver.BaseRequestHandler]) -> None:
        self._server: Any = server(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._server.receiver = self
        self._lock = threading.Lock()
        self.port: int = self._server.server_address[1]
        self.bad: int = 0
        threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="demo-receiver", daemon=True
        ).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def take(self, text: str) -> None:
        """Count the lines of a text that arrived."""
        with self._lock:
            for line in text.splitlines():
                try:
                    self._line(line)
                except ValueError:
                    self.bad += 1

    def _line(self, line: str) -> None:
        raise NotImplementedError


class _Stream(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        # Only whole lines count; the end of the stream, seen by the sender, confirms them.
        text = self.rfile.read().decode()
        self.server.receiver.take(text)  # type: ignore[attr-defined]


class _Datagram(socketserver.DatagramRequestHandler):
    def handle(self) -> None:
        self.server.receiver.take(self.rfile.read().decode())  # type: ignore[attr-defined]


_HISTOGRAM_PART = re.compile(r"\.(duration|size)\.(sum|p\d+)\Z")
"""Paths of a histogram other than its count."""


class GraphiteReceiver(Receiver):
    """Receives carbon's plaintext protocol: ``path value seconds`` lines over TCP.

    Attributes:
        lines: lines received.
        parts: lines of them that are parts of a histogram other than its count.
        last: each path's newest value.
    """

    def __init__(self) -> None:
        self.lines: int = 0
        self.parts: int = 0
        self.last: dict[str, float] = {}
        super().__init__(socketserver.ThreadingTCPServer, _Stream)

    @property
    def entries(self) -> int:
        """Entries received: a histogram's ``count``, ``sum`` and quantiles are one."""
        return self.lines - self.parts

    def _line(self, line: str) -> None:
        path, value, seconds = line.split(" ")
        int(seconds)
        self.last[path] = float(value)
        self.lines += 1
        self.parts += _HISTOGRAM_PART.search(path) is not None


class StatsDReceiver(Receiver):
    """Receives StatsD datagrams: adds counters up; a gauge with a sign is added to its last value.

    Attributes:
        lines: lines received.
        sums: the sum of each counter's differences.
        gauges: each gauge's value.
    """

    def __init__(self) -> None:
        self.lines: int = 0
        self.sums: dict[str, float] = {}
        self.gauges: dict[str, float] = {}
        super().__init__(socketserver.UDPServer, _Datagram)

    def _line(self, line: str) -> None:
        if not line:
            return
        name, _, rest = line.partition(":")
        text, _, kind = rest.partition("|")
        value = float(text)
        if kind == "c":
            self.sums[name] = self.sums.get(name, 0) + value
        elif kind == "g":
            signed = text[0] in "+-" and self.gauges.get(name)
            self.gauges[name] = self.gauges[name] + value if signed else value
        else:
            raise ValueError(line)
        self.lines += 1


class Scraper:
    """Reads ``/metrics`` as Prometheus does.

    Attributes:
        scrapes: pages read.
        entries: entries on them: the lines of a histogram are one entry.
        bad: lines that could not be read.
        last: the newest value by name and labels.
    """

    def __init__(self) -> None:
        self.scrapes: int = 0
        self.entries: int = 0
        self.bad: int = 0
        self.last: dict[str, float] = {}

    def scrape(self, address: str) -> None:
        """Read one page.

        Raises:
            OSError: the page cannot be read.
        """
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=5) as answer:
            page = answer.read().decode()
        for line in page.splitlines():
            if line.startswith("#"):
                continue
            found = _SAMPLE.fullmatch(line)
            if found is None:
                self.bad += 1
                continue
            name, labels, value = found.groups()
            self.last[name + (labels or "")] = float(value)
            self.entries += not name.endswith(("_bucket", "_sum"))
        self.scrapes += 1
