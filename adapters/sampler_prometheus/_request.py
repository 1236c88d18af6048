"""HTTP/1.1 as far as a scrape needs it: a request's head in, a reply's bytes out."""

from __future__ import annotations

import hmac
import re
from hashlib import sha256

import attrs

from sampler_prometheus._negotiate import content_type

MAX_HEAD = 8192
"""Bytes of request line and headers."""
MAX_LINE = 4096
"""Bytes of the request line."""
PLAIN = "text/plain; charset=utf-8"

_PHRASES = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    414: "URI Too Long",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
    505: "HTTP Version Not Supported",
}
_INDEX = b"""<!doctype html>
<title>sampler</title>
<p>Metrics are at <a href="/metrics">/metrics</a>.</p>
"""
_PATHS = ("/", "/metrics", "/-/healthy", "/-/ready")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\0\r\n]*?)[ \t]*\Z")
_ORIGIN = re.compile(r"(?i)http://[^/?#]*")


@attrs.frozen
class Request:
    """A request that wants the metrics.

    Attributes:
        accept: its ``Accept`` header, or None.
        accept_encoding: its ``Accept-Encoding`` header, or None.
    """

    accept: str | None
    accept_encoding: str | None


def head(
    status: int,
    kind: str = PLAIN,
    length: int | None = None,
    fields: tuple[tuple[str, str], ...] = (),
) -> bytes:
    """Return the head of a reply, after which the connection ends.

    Args:
        status: the status code.
        kind: the body's content type.
        length: its bytes; None: unknown.
        fields: further header fields.
    """
    lines = [f"HTTP/1.1 {status} {_PHRASES[status]}", f"Content-Type: {kind}"]
    lines += [f"{name}: {value}" for name, value in fields]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    lines.append("Connection: close\r\n\r\n")
    return "\r\n".join(lines).encode("ascii")


def reply(
    status: int,
    body: bytes = b"",
    kind: str = PLAIN,
    *,
    head_only: bool = False,
    fields: tuple[tuple[str, str], ...] = (),
) -> bytes:
    """Return a whole reply.

    Args:
        status: the status code.
        body: the content; default: what the status says.
        kind: its content type.
        head_only: a reply to HEAD.
        fields: further header fields.
    """
    if head_only:
        return head(status, kind, fields=fields)
    body = body or f"{status} {_PHRASES[status]}\n".encode()
    return head(status, kind, len(body), fields) + body


def vary() -> tuple[tuple[str, str], ...]:
    """Return the field that says what a page depends on."""
    return (("Vary", "Accept, Accept-Encoding"),)


def read(
    received: bytes, *, ready: bool, authorization: str | None = None
) -> Request | bytes | None:
    """Judge what has been received of one request.

    Args:
        received: every byte so far; what follows the head is ignored.
        ready: what ``/-/ready`` says.
        authorization: the header of that name that every request needs; None: none.

    Returns:
        None while the head is incomplete, the request when it is a GET of ``/metrics``, else
        the reply that settles it. No file is ever touched: four paths are known.
    """
    line, newline, _ = received.partition(b"\n")
    if len(line) > MAX_LINE:
        return reply(414)
    text, complete = _head(received)
    if len(text) > MAX_HEAD:
        return reply(431)
    if not newline or not complete:
        return None
    words = line.rstrip(b"\r").split(b" ")
    if len(words) != 3 or not words[0].isalpha() or not words[2].startswith(b"HTTP/"):
        return reply(400)
    if not words[2].startswith(b"HTTP/1."):
        return reply(505)
    fields = _fields(text)
    if fields is None:
        return reply(400)
    if authorization is not None and not _same(fields.get("authorization", ""), authorization):
        return reply(401, fields=(("WWW-Authenticate", 'Basic realm="sampler"'),))
    return _answer(words[0].decode("ascii"), words[1], fields, ready=ready)


def _answer(method: str, target: bytes, fields: dict[str, str], *, ready: bool) -> Request | bytes:
    head_only = method == "HEAD"
    path = _ORIGIN.sub("", target.decode("latin-1"), 1).partition("?")[0]
    if path not in _PATHS:
        return reply(404, head_only=head_only)
    if method not in ("GET", "HEAD"):
        return reply(405, fields=(("Allow", "GET, HEAD"),))
    if path == "/":
        return reply(200, _INDEX, "text/html; charset=utf-8", head_only=head_only)
    if path == "/-/healthy":
        return reply(200, head_only=head_only)
    if path == "/-/ready":
        return reply(200 if ready else 503, head_only=head_only)
    accept, accept_encoding = fields.get("accept"), fields.get("accept-encoding")
    if head_only:
        return reply(200, kind=content_type(accept), head_only=True, fields=vary())
    return Request(accept, accept_encoding)


def _same(given: str, wanted: str) -> bool:
    """Compare two headers in a time that tells nothing, not even a length."""
    scheme, _, rest = given.partition(" ")
    both = (f"{scheme.capitalize()} {rest.strip()}", wanted)
    one, other = (sha256(text.encode("latin-1")).digest() for text in both)
    return hmac.compare_digest(one, other)


def _fields(text: bytes) -> dict[str, str] | None:
    """Return header fields by name in lower case, or None when a line is none."""
    fields: dict[str, str] = {}
    for line in text.split(b"\n")[1:]:
        match = _FIELD.match(line.rstrip(b"\r"))
        if match is None:
            return None
        name, value = (each.decode("latin-1") for each in match.groups())
        name = name.lower()
        fields[name] = f"{fields[name]},{value}" if name in fields else value
    return fields


def _head(received: bytes) -> tuple[bytes, bool]:
    ends = [at for mark in (b"\r\n\r\n", b"\n\n") if (at := received.find(mark)) >= 0]
    return (received[: min(ends)], True) if ends else (received, False)
