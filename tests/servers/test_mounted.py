"""The page mounted in applications of real frameworks: at its path, with a slash and without."""

from __future__ import annotations

import importlib
import urllib.error
import urllib.request

import pytest

from sampler import Registry
from sampler_prometheus import ASGIApp, Prometheus, WSGIApp
from sampler_prometheus._text import TEXT
from tests.adapters.test_prometheus_wsgi_asgi import asgi, served, wsgi
from tests.support.ports import HOST


class Stays(urllib.request.HTTPRedirectHandler):
    """Follows no redirect."""

    def redirect_request(self, *_):
        return None


OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), Stays)
PATHS = {"/metrics": 200, "/metrics/": 200, "/metricsx": 404, "/hello": 404}


@pytest.fixture
def registry():
    """A registry with one sampler."""
    registry = Registry()
    registry.register({"name": "pool", "sample": lambda: [("size", 7)]})
    return registry


def statuses(port):
    """Return what each path is answered with; a page has the sampler's numbers."""
    found = {}
    for path in PATHS:
        try:
            with OPENER.open(f"http://{HOST}:{port}{path}", timeout=10) as answer:
                found[path] = answer.status
                assert b"\npool_size 7\n" in answer.read()
                assert answer.headers["Content-Type"] == TEXT
        except urllib.error.HTTPError as error:
            found[path] = error.code
    return found


@pytest.mark.parametrize("framework", ["fastapi:FastAPI", "starlette.applications:Starlette"])
def test_a_mounted_page_is_there_with_a_slash_and_without(registry, framework):
    """By the two lines of docs/adapters.md: a mount alone redirects the one to the other."""
    module, _, name = framework.partition(":")
    pytest.importorskip(module)
    app, page = getattr(importlib.import_module(module), name)(), ASGIApp(registry)
    app.mount("/metrics", page)
    app.add_route("/metrics", page)
    with asgi(app) as port:
        assert statuses(port) == PATHS
    page.close()


def test_a_page_dispatched_to_by_werkzeug_is_there_both_ways(registry):
    """As Flask's documentation combines applications."""
    middleware = pytest.importorskip("werkzeug.middleware.dispatcher")
    flask = pytest.importorskip("flask")
    app, page = flask.Flask("app"), WSGIApp(registry)
    app.wsgi_app = middleware.DispatcherMiddleware(app.wsgi_app, {"/metrics": page})
    with served(app) as port:
        assert statuses(port) == PATHS
    page.close()


def test_a_page_alone_answers_every_path(registry):
    """So whatever mounts it finds it."""
    page = WSGIApp(registry)
    with wsgi(page) as port:
        assert set(statuses(port).values()) == {200}
    page.close()


def test_the_adapters_own_page_is_there_both_ways(registry):
    """Its other paths, too."""
    from sampler import Collector
    from sampler.agent import Ledger

    adapter = Prometheus(listen=f"{HOST}:0")
    with Collector(registry) as collector:
        adapter.open(collector.collect, Ledger())
        port = int(adapter.address.rpartition(":")[2])
        assert statuses(port) == PATHS
        for path in ("/-/ready", "/-/ready/", "/-/healthy/", "/"):
            with OPENER.open(f"http://{HOST}:{port}{path}", timeout=10) as answer:
                assert answer.status == 200
        adapter.close(5.0)
