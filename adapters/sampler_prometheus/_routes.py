"""The paths of the page's server, and every answer that needs no pull."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampler.adapterkit.http_server import Answer, plain_answer
from sampler.adapterkit.threads import unhealthy
from sampler.agent import masked_line
from sampler_prometheus._negotiate import content_type

if TYPE_CHECKING:
    from sampler.adapterkit.http_server import Request

_INDEX = b"""<!doctype html>
<title>sampler</title>
<p>Metrics are at <a href="/metrics">/metrics</a>.</p>
"""
READY = "/-/ready"
_PATHS = ("/", "/metrics", "/-/healthy", READY)


def vary() -> tuple[tuple[str, str], ...]:
    """Return the header that says which request headers a page depends on."""
    return (("Vary", "Accept, Accept-Encoding"),)


def answer_without_pull(request: Request, *, ready: bool | None) -> Answer | None:
    """Return the answer to a request, or None if it takes a pull.

    Only the four known paths are answered, with a slash at their end or without; no path is ever
    looked up in the file system.

    Args:
        request: the request.
        ready: whether ``/-/ready`` answers 200, else 503; None: a pull has to tell.
    """
    path = request.path.removesuffix("/") or "/"
    if path not in _PATHS:
        return plain_answer(404)
    if request.method not in ("GET", "HEAD"):
        return plain_answer(405, fields=(("Allow", "GET, HEAD"),))
    if path == "/":
        return Answer(200, _INDEX, "text/html; charset=utf-8")
    if path == "/-/healthy":
        return _healthy()
    if path == READY:
        return None if ready is None else plain_answer(200 if ready else 503)
    if request.method == "HEAD":
        return Answer(200, b"", content_type(request.fields.get("accept")), vary())
    return None


def asks_if_ready(request: Request) -> bool:
    """Tell whether a request that takes a pull wants to know no more than whether it succeeds."""
    return request.path.removesuffix("/") == READY


def _healthy() -> Answer:
    """Answer 200 if every thread of this process works that should, else 503 with their names."""
    failing = unhealthy()
    if not failing:
        return plain_answer(200)
    names = ", ".join(map(masked_line, sorted(failing)))
    return plain_answer(503, f"these threads do not work: {names}; the log says why")
