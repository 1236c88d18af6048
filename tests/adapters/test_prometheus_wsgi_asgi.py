"""The page inside a web application, WSGI and ASGI, on real servers."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import threading
from contextlib import contextmanager
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.validate import validator

import pytest
import uvicorn

from sampler import Registry
from sampler_prometheus import ASGIApp, WSGIApp
from sampler_prometheus._text import OPENMETRICS, TEXT
from tests.adapters.test_prometheus_bridge import POOL, WANTED
from tests.adapters.test_prometheus_openmetrics import samples
from tests.support.ports import HOST
from tests.support.waiting import wait_for


class Quiet(WSGIRequestHandler):
    """Says nothing."""

    def log_message(self, *_):
        pass


def wsgi(app):
    """Serve a WSGI application that the standard library's validator watches; yield its port."""
    return served(validator(app))


@contextmanager
def served(app):
    """Serve a WSGI application that no validator watches; yield its port."""
    server = make_server(HOST, 0, app, WSGIServer, Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


@contextmanager
def asgi(app):
    """Serve an ASGI application on uvicorn, lifespan included; yield its port."""
    config = uvicorn.Config(app, host=HOST, port=0, log_level="error", lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_for(lambda: server.started, what="uvicorn")
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(20)
    assert not thread.is_alive()


KINDS = [(WSGIApp, wsgi), (ASGIApp, asgi)]


@pytest.fixture(params=KINDS, ids=["wsgi", "asgi"])
def mounted(request):
    """A registry, the application in front of it, and the port it is served on."""
    kind, serve = request.param
    registry = Registry()
    registry.register(POOL)
    app = kind(registry)
    with serve(app) as port:
        yield registry, app, port
    app.close()


def ask(port, method="GET", **headers):
    """Return status, headers and body."""
    connection = http.client.HTTPConnection(HOST, port, timeout=10)
    try:
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        connection.request(method, "/anything", headers=named)
        with connection.getresponse() as answer:
            fields = {key.lower(): value for key, value in answer.getheaders()}
            return answer.status, fields, answer.read()
    finally:
        connection.close()


def test_a_page_is_what_the_adapter_serves(mounted):
    """In the format that the client accepts, and compressed if it accepts that."""
    _, app, port = mounted
    status, headers, body = ask(port)
    assert (status, headers["content-type"]) == (200, TEXT)
    assert samples(body.decode(), TEXT) == WANTED
    _, headers, body = ask(port, Accept="application/openmetrics-text", Accept_Encoding="gzip")
    assert headers["content-type"] == OPENMETRICS
    assert headers["content-encoding"] == "gzip"
    assert headers["vary"] == "Accept, Accept-Encoding"
    assert samples(gzip.decompress(body).decode(), OPENMETRICS) == WANTED
    wait_for(lambda: app.balance().delivered == 6, what="two answers of three entries")
    assert app.balance().holds


def test_head_costs_no_pull(mounted):
    """And nothing is counted."""
    _, app, port = mounted
    status, headers, body = ask(port, "HEAD", Accept="application/openmetrics-text")
    assert (status, headers["content-type"], body) == (200, OPENMETRICS, b"")
    assert app.balance().collected == 0


def test_other_methods_are_not_allowed(mounted):
    """``Allow`` names those that are."""
    _, _, port = mounted
    status, headers, _ = ask(port, "DELETE")
    assert (status, headers["allow"]) == (405, "GET, HEAD")


def test_a_pull_that_cannot_be_made_is_a_500(mounted, caplog):
    """One line for the client, the reason in the log."""
    _, app, port = mounted
    app.close()
    status, _, body = ask(port)
    assert (status, body) == (500, b"cannot collect\n")
    assert "a scrape failed" in caplog.text


def test_a_slow_sampler_does_not_hold_up_the_event_loop():
    """The loop answers another request, and overlapping scrapes share the pull."""
    opened, calls = threading.Event(), []

    def slow():
        calls.append(1)
        opened.wait(20)
        yield "n", 1

    registry = Registry()
    registry.register({"name": "slow", "sample": slow})
    metrics = ASGIApp(registry, deadline=30.0)

    async def app(scope, receive, send):
        if scope["type"] == "http" and scope["path"] == "/hello":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"hello"})
        else:
            await metrics(scope, receive, send)

    with asgi(app) as port:
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(ask(port))) for _ in range(4)]
        for thread in threads:
            thread.start()
        asked = lambda: [t for t in threading.enumerate() if t.name == "sampler-asgi"]
        wait_for(lambda: calls and len(asked()) == 4, what="the pull, and all who ask")
        connection = http.client.HTTPConnection(HOST, port, timeout=10)
        connection.request("GET", "/hello")
        assert connection.getresponse().read() == b"hello"
        connection.close()
        opened.set()
        for thread in threads:
            thread.join(20)
        assert [status for status, _, _ in answers] == [200] * 4
    assert len(calls) <= 2
    metrics.close()


@pytest.mark.parametrize(
    ("reads", "delivered"),
    [
        (list, True),
        (lambda body: next(iter(body)), False),
        (lambda body: None, False),
    ],
    ids=["whole", "left", "left before"],
)
def test_a_client_of_a_wsgi_server_that_leaves_has_not_got_the_page(reads, delivered):
    """The server has not come back for more when it closes the body: nobody knows what arrived."""
    registry = Registry()
    registry.register({"name": "job", "sample": lambda: [("n", 1)]})
    app = WSGIApp(registry)
    body = app({"REQUEST_METHOD": "GET"}, lambda *_: None)
    reads(body)
    body.close()
    balance = app.balance()
    app.close()
    assert balance.holds
    assert (balance.delivered, balance.unconfirmed) == ((1, 0) if delivered else (0, 1))


def test_a_cancelled_request_is_accounted_for():
    """Its entries are unconfirmed, and the pull ends as usual."""
    registry = Registry()
    opened = threading.Event()

    def slow():
        opened.wait(20)
        yield "n", 1

    registry.register({"name": "slow", "sample": slow})
    app = ASGIApp(registry, deadline=30.0)

    async def cancelled():
        scope = {"type": "http", "method": "GET", "headers": []}
        task = asyncio.create_task(app(scope, None, None))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        opened.set()
        settled = asyncio.to_thread(wait_for, lambda: app.balance().collected, 10.0)
        await settled

    asyncio.run(cancelled())
    balance = app.balance()
    assert (balance.collected, balance.unconfirmed) == (1, 1)
    app.close()


@pytest.mark.parametrize("kind", [WSGIApp, ASGIApp])
def test_two_scrapers_do_not_spoil_each_others_windows(kind):
    """A window is never shorter than the interval; other values are read each time."""
    reads = {"window": 0, "total": 0}

    class Window:
        def __call__(self):
            reads["window"] += 1
            yield "n", reads["window"]

    def total():
        reads["total"] += 1
        yield "n", reads["total"]

    registry = Registry()
    registry.register({"name": "window", "factory": lambda _environ: Window()})
    registry.register({"name": "total", "sample": total})
    app = kind(registry)
    bodies = [app._exposition.answer().body for _ in range(3)]
    assert reads == {"window": 1, "total": 3}
    assert all(b"window_n 1\n" in body for body in bodies)
    app.close()


def test_other_scopes_are_refused_by_name():
    """A web socket has no metrics."""
    app = ASGIApp(Registry())
    with pytest.raises(RuntimeError, match="not websocket"):
        asyncio.run(app({"type": "websocket"}, None, None))
    app.close()
