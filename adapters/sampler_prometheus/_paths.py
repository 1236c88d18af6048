"""What the page's server answers without a pull: everything but GET of ``/metrics``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampler.adapterkit.http_server import Answer, plain
from sampler.adapterkit.threads import unhealthy
from sampler.agent.config.secrets import shown
from sampler_prometheus._negotiate import content_type

if TYPE_CHECKING:
    from sampler.adapterkit.http_server import Request

_INDEX = b"""<!doctype html>
<title>sampler</title>
<p>Metrics are at <a href="/metrics">/metrics</a>.</p>
"""
_PATHS = ("/", "/metrics", "/-/healthy", "/-/ready")


def vary() -> tuple[tuple[str, str], ...]:
    """Return the field that says what a page depends on."""
    return (("Vary", "Accept, Accept-Encoding"),)


def at_once(request: Request, *, ready: bool) -> Answer | None:
    """Return the answer to a request, or None to one that wants the metrics.

    No file is ever touched: four paths are known.

    Args:
        request: what is asked.
        ready: what ``/-/ready`` says.
    """
    if request.path not in _PATHS:
        return plain(404)
    if request.method not in ("GET", "HEAD"):
        return plain(405, fields=(("Allow", "GET, HEAD"),))
    if request.path == "/":
        return Answer(200, _INDEX, "text/html; charset=utf-8")
    if request.path == "/-/healthy":
        return _healthy()
    if request.path == "/-/ready":
        return plain(200 if ready else 503)
    if request.method == "HEAD":
        return Answer(200, b"", content_type(request.fields.get("accept")), vary())
    return None


def _healthy() -> Answer:
    """Say whether every thread of this process that ought to serve does."""
    ill = unhealthy()
    if not ill:
        return plain(200)
    return plain(503, f"does not serve: {', '.join(map(shown, sorted(ill)))}; the log says why")
