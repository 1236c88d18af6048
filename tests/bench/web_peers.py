"""Middleware and exporters of others, as their own pages say, with registries of their own."""

from __future__ import annotations

from typing import Any

import prometheus_client

from tests.support.ports import HOST


def _meter_provider() -> Any:
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    return MeterProvider(metric_readers=[InMemoryMetricReader()])


def opentelemetry_wsgi(application: Any) -> Any:
    """Return an application with OpenTelemetry's middleware: metrics, and no tracing."""
    from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware

    return OpenTelemetryMiddleware(application, meter_provider=_meter_provider())


def opentelemetry_asgi(application: Any) -> Any:
    """Return the same over ASGI."""
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware

    return OpenTelemetryMiddleware(application, meter_provider=_meter_provider())


def gunicorn_statsd(application: Any) -> Any:
    """Return an application whose requests gunicorn's logger tells to a StatsD daemon."""
    import socket
    from datetime import datetime
    from types import SimpleNamespace

    from gunicorn.config import Config
    from gunicorn.instrument.statsd import Statsd

    daemon = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    daemon.bind((HOST, 0))
    config = Config()
    config.set("statsd_host", f"{HOST}:{daemon.getsockname()[1]}")
    logger = Statsd(config)
    answer = SimpleNamespace(status="200 OK")

    def logged(environ: Any, start_response: Any, daemon: socket.socket = daemon) -> Any:
        began = datetime.now()  # noqa: DTZ005 - as its workers do
        try:
            return application(environ, start_response)
        finally:
            logger.access(answer, None, environ, datetime.now() - began)  # noqa: DTZ005

    return logged


def flask_application() -> Any:
    """Return one with a single rule."""
    from flask import Flask

    app = Flask("bench")
    app.add_url_rule("/", "index", lambda: "ok")
    return app


def flask_exporter() -> Any:
    """Return it with prometheus-flask-exporter."""
    from prometheus_flask_exporter import PrometheusMetrics

    app = flask_application()
    PrometheusMetrics(app, registry=prometheus_client.CollectorRegistry())
    return app


def starlette_application() -> Any:
    """Return one with a single route."""
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    async def index(_: Any) -> PlainTextResponse:
        return PlainTextResponse("ok")

    return Starlette(routes=[Route("/", index)])


def starlette_exporter() -> Any:
    """Return it with starlette_exporter."""
    from starlette_exporter import PrometheusMiddleware

    app = starlette_application()
    app.add_middleware(PrometheusMiddleware, prefix="bench", app_name="bench")
    return app


def django_applications() -> tuple[Any, Any, Any]:
    """Return one with a single route, with nothing, with django-prometheus, and for ours.

    Our middleware follows a method of Django's handlers; the first two have it as it was.
    """
    import django
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler
    from django.http import HttpResponse
    from django.urls import path

    urls = type("urls", (), {"urlpatterns": [path("", lambda _: HttpResponse("ok"))]})
    settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=urls, SECRET_KEY="none", USE_TZ=True)
    django.setup()

    class AsItWas(WSGIHandler):
        resolve_request = WSGIHandler.resolve_request

    bare, plain = AsItWas(), WSGIHandler()
    settings.MIDDLEWARE = [
        "django_prometheus.middleware.PrometheusBeforeMiddleware",
        "django_prometheus.middleware.PrometheusAfterMiddleware",
    ]
    return bare, AsItWas(), plain
