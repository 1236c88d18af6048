"""What a request costs more with middleware: ours, two readings of the clock, and peers.

Applications are called as a server calls them, without one: its own time would hide what is
compared. Each request has a proxy's stamp. All of one kind are timed in turns, in one process.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.bench import web_peers
from tests.web.rig import environ, scope

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS, BURST = 400, 0.0005
HEADERS = [("Content-Type", "text/plain"), ("Content-Length", "2")]
_FAST = 20
"""Of so many rounds the machine is fast in one."""
_ENVIRON = {**environ(), "HTTP_HOST": "localhost", "HTTP_USER_AGENT": "bench"}
_SCOPE = scope(headers=[(b"host", b"localhost"), (b"user-agent", b"bench"), (b"accept", b"*/*")])


def null(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Do nothing, over WSGI."""
    start_response("200 OK", HEADERS)
    return [b"ok"]


async def anull(scope: Any, receive: Any, send: Any) -> None:
    """Do nothing, over ASGI."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


class Floor:
    """The least: two readings of the clock, and additions."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self.seconds, self.count = 0.0, 0

    def __call__(self, environ: Any, start_response: Any) -> Any:
        began = time.perf_counter()
        try:
            return self._application(environ, start_response)
        finally:
            self.seconds += time.perf_counter() - began
            self.count += 1


class AFloor(Floor):
    """The same over ASGI."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # type: ignore[override]
        began = time.perf_counter()
        try:
            await self._application(scope, receive, send)
        finally:
            self.seconds += time.perf_counter() - began
            self.count += 1


def ours(application: Any) -> Any:
    """Return an application with our middleware, all of it on."""
    import sampler
    from sampler.web import WSGI

    return WSGI(application, registry=sampler.Registry())


def aours(application: Any) -> Any:
    """Return the same over ASGI."""
    import sampler
    from sampler.web import ASGI

    return ASGI(application, registry=sampler.Registry())


def web(kind: str) -> dict[str, float]:
    """Return nanoseconds that are added to a request, by who adds them."""
    serve = _serve_asgi if kind in ("asgi", "starlette") else _serve
    applications = _APPLICATIONS[kind]()
    calls = {who: partial(serve, application) for who, application in applications.items()}
    for call in calls.values():
        for _ in range(300):
            call(_stamp())
    loops = {who: max(1, round(BURST / _burst(call, 50))) for who, call in calls.items()}
    taken: dict[str, list[float]] = {who: [] for who in calls}
    for _ in range(ROUNDS):
        for who, call in calls.items():
            taken[who].append(_burst(call, loops[who]) * 1e9)
    fast = {who: sorted(each)[ROUNDS // _FAST] for who, each in taken.items()}
    bare = fast.pop("bare")
    return {**{who: number - bare for who, number in fast.items()}, "bare": bare}


def _stamp() -> str:
    return f"t={time.time():.3f}"


def _burst(call: Callable[[str], None], loops: int) -> float:
    """Return the CPU seconds of a call, as a mean of so many."""
    stamp = _stamp()
    began = time.thread_time()
    for _ in range(loops):
        call(stamp)
    return (time.thread_time() - began) / loops


def _serve(application: Any, stamp: str) -> None:
    about = _ENVIRON.copy()
    about["HTTP_X_REQUEST_START"] = stamp
    body = application(about, _start_response)
    for _ in body:
        pass
    close = getattr(body, "close", None)
    if close is not None:
        close()


def _start_response(status: str, headers: Any, exc_info: Any = None) -> None:
    assert status[0] == "2"


def _serve_asgi(application: Any, stamp: str) -> None:
    about = _SCOPE.copy()
    about["headers"] = [*_SCOPE["headers"], (b"x-request-start", stamp.encode())]
    coroutine = application(about, _receive, _send)
    try:
        while True:
            coroutine.send(None)
    except StopIteration:
        return


async def _receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _send(message: Any) -> None:
    assert message


def _wsgi() -> dict[str, Any]:
    return {
        "bare": null,
        "floor": Floor(null),
        "ours": ours(null),
        "opentelemetry": web_peers.opentelemetry_wsgi(null),
        "gunicorn statsd": web_peers.gunicorn_statsd(null),
    }


def _asgi() -> dict[str, Any]:
    return {
        "bare": anull,
        "floor": AFloor(anull),
        "ours": aours(anull),
        "opentelemetry": web_peers.opentelemetry_asgi(anull),
    }


def _flask() -> dict[str, Any]:
    return {
        "bare": web_peers.flask_application(),
        "ours": ours(web_peers.flask_application()),
        "prometheus-flask-exporter": web_peers.flask_exporter(),
    }


def _starlette() -> dict[str, Any]:
    return {
        "bare": web_peers.starlette_application(),
        "ours": aours(web_peers.starlette_application()),
        "starlette_exporter": web_peers.starlette_exporter(),
    }


def _django() -> dict[str, Any]:
    bare, exporter, plain = web_peers.django_applications()
    return {"bare": bare, "ours": ours(plain), "django-prometheus": exporter}


_APPLICATIONS: dict[str, Callable[[], dict[str, Any]]] = {
    "wsgi": _wsgi,
    "asgi": _asgi,
    "flask": _flask,
    "starlette": _starlette,
    "django": _django,
}
KINDS = tuple(_APPLICATIONS)
"""What is measured, each in a process of its own."""
