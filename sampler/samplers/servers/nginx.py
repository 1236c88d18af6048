"""The ``nginx`` sampler: connections of nginx, by ngx_http_stub_status_module.

It needs no worker of the application, so under a relay the relay reads it, once for all. Settings:
``url`` (``http://127.0.0.1/nginx_status``), ``socket``, ``timeout``.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from sampler.samplers._metrics import metric
from sampler.samplers.servers._status_page import StatusPage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ("SAMPLER",)

URL = "http://127.0.0.1/nginx_status"

_PAGE = re.compile(
    r"Active connections: ([0-9]{1,18}) ?\n"
    r"server accepts handled requests\n"
    r" ([0-9]{1,18}) ([0-9]{1,18}) ([0-9]{1,18}) ?\n"
    r"Reading: ([0-9]{1,18}) Writing: ([0-9]{1,18}) Waiting: ([0-9]{1,18}) \n",
    re.ASCII,
)


def parse(page: str) -> Iterator[tuple[Any, ...]]:
    """Yield the samples of a page.

    Raises:
        ValueError: it is another page, or not whole.
    """
    found = _PAGE.fullmatch(page)
    if found is None:
        raise ValueError(f"it begins {page[:40]!r}; does its location say 'stub_status;'?")
    active, accepted, handled, requests, reading, writing, waiting = map(int, found.groups())
    yield "connection.count", reading, {"state": "reading"}
    yield "connection.count", writing, {"state": "writing"}
    yield "connection.count", waiting, {"state": "waiting"}
    yield "connection.active", active
    yield "connections.accepted", accepted
    yield "connections.dropped", max(0, accepted - handled)
    yield "requests", requests


def factory(environ: Mapping[str, Any]) -> StatusPage:
    """Return what one consumer pulls."""
    return StatusPage(environ["settings"], URL, parse)


_metric = partial(metric, scope="host")

SAMPLER: dict[str, str | Callable[..., Any] | dict[str, Any]] = {
    "name": "nginx",
    "factory": factory,
    "metrics": {
        "connection.count": _metric(
            "gauge",
            "{connection}",
            "Clients: whose head is being read, who wait for the upstream or an answer, who idle.",
            "state",
        ),
        "connection.active": _metric("gauge", "{connection}", "Clients, as nginx counts them."),
        "connections.accepted": _metric("counter", "{connection}", "Connections accepted."),
        "connections.dropped": _metric(
            "counter", "{connection}", "Connections closed at once, as a limit was reached."
        ),
        "requests": _metric("counter", "{request}", "Requests of clients."),
    },
}
"""The ``nginx`` sampler."""
