"""What the shop counts: requests, how long they take, how many are under way."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import sampler

if TYPE_CHECKING:
    from flask import Flask

shop = sampler.Instruments("shop")
requests = shop.counter("requests", help="Requests answered.", labels=("route", "status"))
latency = shop.histogram("latency", unit="s", help="Time to answer.", labels=("route",))
active = shop.gauge("active", help="Requests under way.", merge="sum")


class Requests:
    """WSGI middleware: sees a request from the server's hands until it is answered."""

    def __init__(self, app: Flask) -> None:
        self.answer = app.wsgi_app
        self.adapter = app.url_map

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        began = time.perf_counter()
        rule = self._route(environ)
        active.inc()

        def started(status: str, *rest: Any) -> Any:
            requests.inc(route=rule, status=status.partition(" ")[0])
            return start_response(status, *rest)

        try:
            return self.answer(environ, started)
        finally:
            active.dec()
            latency.labels(rule).observe(time.perf_counter() - began)

    def _route(self, environ: dict[str, Any]) -> str:
        """Return the rule, not the path: labels must be few."""
        try:
            rule, _ = self.adapter.bind_to_environ(environ).match(return_rule=True)
        except Exception:
            return "none"
        return str(rule)
