"""A WSGI application: `/order/tea` orders tea."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypackage.metrics import order

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

MENU = ("coffee", "tea")


def app(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
    """Answer a request."""
    _, *path = environ["PATH_INFO"].split("/")
    status, text = "404 Not Found", "nothing here"
    if len(path) == 2 and path[0] == "order" and path[1] in MENU:
        status, text = "200 OK", order(path[1])
    start(status, [("Content-Type", "text/plain; charset=utf-8")])
    return [text.encode()]
