"""HTTP/1.1 as far as a scrape needs it: a request's head in, a reply's bytes out."""

from __future__ import annotations

import attrs

MAX_HEAD = 8192
"""Bytes of request line and headers."""
MAX_LINE = 4096
"""Bytes of the request line."""

_PHRASES = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    414: "URI Too Long",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
_INDEX = b"""<!doctype html>
<title>sampler</title>
<p>Metrics are at <a href="/metrics">/metrics</a>.</p>
"""


@attrs.frozen
class Request:
    """A request that wants the metrics."""

    method: str


def reply(
    status: int,
    body: bytes = b"",
    kind: str = "text/plain; charset=utf-8",
    *,
    head_only: bool = False,
    allow: str = "",
) -> bytes:
    """Return a whole reply, after which the connection ends."""
    body = body or f"{status} {_PHRASES[status]}\n".encode()
    head = [f"HTTP/1.1 {status} {_PHRASES[status]}", f"Content-Type: {kind}"]
    if allow:
        head.append(f"Allow: {allow}")
    if not head_only:
        head.append(f"Content-Length: {len(body)}")
    head.append("Connection: close\r\n\r\n")
    return "\r\n".join(head).encode("ascii") + (b"" if head_only else body)


def read(received: bytes, metrics_type: str) -> Request | bytes | None:
    """Judge what has been received of one request.

    Args:
        received: every byte so far; what follows the head is ignored.
        metrics_type: content type of the metrics.

    Returns:
        None while the head is incomplete, the request when it is a GET of ``/metrics``, else
        the reply that settles it. No file is ever touched: two paths are known.
    """
    line, newline, _ = received.partition(b"\n")
    if len(line) > MAX_LINE:
        return reply(414)
    head, complete = _head(received)
    if len(head) > MAX_HEAD:
        return reply(431)
    if not newline or not complete:
        return None
    words = line.rstrip(b"\r").split(b" ")
    if len(words) != 3 or not words[2].startswith(b"HTTP/1.") or not words[0].isalpha():
        return reply(400)
    method = words[0].decode("ascii")
    path = words[1].partition(b"?")[0]
    head_only = method == "HEAD"
    if path not in (b"/metrics", b"/"):
        return reply(404, head_only=head_only)
    if method not in ("GET", "HEAD"):
        return reply(405, allow="GET, HEAD")
    if path == b"/":
        return reply(200, _INDEX, "text/html; charset=utf-8", head_only=head_only)
    if head_only:
        return reply(200, kind=metrics_type, head_only=True)
    return Request(method)


def _head(received: bytes) -> tuple[bytes, bool]:
    ends = [at for mark in (b"\r\n\r\n", b"\n\n") if (at := received.find(mark)) >= 0]
    return (received[: min(ends)], True) if ends else (received, False)
