"""Processes that stand for many: the pages of all hosts, or the ends of a ring of carbons.

``python -m tests.scaling.endpoint pages`` serves a page at each path; ``sinks`` reads lines. The
ports are printed first. Each line of standard input, with an interval in seconds, is answered by
what has come since the line before: how much, and when within the interval, in ten parts.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from typing import Any

from tests.scaling.population import page

HOST = "127.0.0.1"
PARTS = 10
_OURS = b".relay.shop."
"""Stands once in each line of a host."""
_moments: list[float] = []
_lines: list[int] = []


class Pages(asyncio.Protocol):
    """Answers each request with the page of the present second."""

    _body: bytes = b""
    _second: float = -1.0

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        self._transport = transport
        self._data = b""

    def data_received(self, data: bytes) -> None:
        """Answer each whole request."""
        self._data += data
        *whole, self._data = self._data.split(b"\r\n\r\n")
        for _ in whole:
            _moments.append(time.time())
            self._transport.write(self._answer())

    @classmethod
    def _answer(cls) -> bytes:
        if (second := time.time() // 1) != cls._second:
            body = page()
            head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}"
            cls._body, cls._second = head.encode() + b"\r\n\r\n" + body, second
        return cls._body


class Sink(asyncio.Protocol):
    """Counts lines of hosts; a carbon-c-relay sends some about itself, too."""

    _rest = b""

    def data_received(self, data: bytes) -> None:
        """Count."""
        data = self._rest + data
        _lines.append(data.count(_OURS))
        self._rest = data[1 - len(_OURS) :]


async def _serve(what: str) -> None:
    loop = asyncio.get_running_loop()
    kinds = {"pages": [Pages], "sinks": [Sink, Sink]}[what]
    servers = [await loop.create_server(kind, HOST, 0, backlog=4096) for kind in kinds]
    print(*(server.sockets[0].getsockname()[1] for server in servers), flush=True)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        print(json.dumps(_told(float(line))), flush=True)


def _told(interval: float) -> dict[str, Any]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    told = {
        "requests": len(_moments),
        "parts": parts(_moments, interval),
        "lines": sum(_lines),
        "cpu": usage.ru_utime + usage.ru_stime,
    }
    _moments.clear()
    _lines.clear()
    return told


def parts(moments: list[float], interval: float) -> list[int]:
    """Return how many moments fall into each tenth of an interval."""
    found = [0] * PARTS
    for moment in moments:
        found[int(moment % interval / interval * PARTS)] += 1
    return found


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
