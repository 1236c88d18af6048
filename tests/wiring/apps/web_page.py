"""The application of ``web.py`` with its page at /metrics."""

import web

from sampler_prometheus import ASGIApp, WSGIApp

page = WSGIApp()
asgi_page = ASGIApp()


def application(environ, start_response):
    answer = page if environ["PATH_INFO"] == "/metrics" else web.application
    return answer(environ, start_response)


async def asgi(scope, receive, send):
    metrics = scope["type"] == "http" and scope["path"] == "/metrics"
    await (asgi_page if metrics else web.asgi)(scope, receive, send)
