"""What the seams of `sampler.contrib` cost: `python -m tests.bench.seams` prints it, as ratios."""

from __future__ import annotations

import gc
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from typing import TYPE_CHECKING, Any

from sampler.contrib._seams import Noted

if TYPE_CHECKING:
    from collections.abc import Callable


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        pass


def _best(call: Callable[[], object], times: int) -> float:
    """Return the seconds of one call, in the best of nine runs."""
    found = []
    for _ in range(9):
        began = time.perf_counter()
        for _ in range(times):
            call()
        found.append((time.perf_counter() - began) / times)
    return min(found)


def _of_a_request() -> tuple[float, float]:
    """Return the seconds that the frame takes of a request, and those of the request."""
    pools: Any = import_module("urllib3").HTTPConnectionPool
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        pool = pools("127.0.0.1", server.server_port)
        request = _best(lambda: pool.request("GET", "/"), 200)
        server.shutdown()
    answer = type("Answer", (), {"status": 200})()
    pools._make_request = lambda *_, **__: answer  # the frame goes around it

    def bare() -> float:
        return _best(lambda: pool._make_request(None, "GET", "/"), 10_000)

    before = bare()
    import_module("sampler.contrib.urllib3")
    return bare() - before, request


def main() -> None:
    """Print all."""
    frame, request = _of_a_request()
    print(f"urllib3: {frame * 1e6:.1f} us of {request * 1e6:.0f}: {frame / request:.1%} a request")

    class Pool:
        def __init__(self) -> None:
            pass

    before = _best(Pool, 10_000)
    Noted(Pool, bool)
    print(f"noting an object: {(_best(Pool, 10_000) - before) * 1e6:.1f} us")
    held = [[number] for number in range(1_000_000)]
    walk = _best(lambda: gc.get_referrers(Pool), 1)
    print(f"the walk over {len(held):,} objects: {walk * 1e3:.0f} ms")


if __name__ == "__main__":
    main()
