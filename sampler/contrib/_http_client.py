"""What samplers of HTTP clients share: requests, by the names of OpenTelemetry."""

from __future__ import annotations

from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, Self

import sampler

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

__all__ = ("Requests",)

_LABELS = ("http.request.method", "server.address", "http.response.status_code", "error.type")
_METHODS = frozenset(
    ("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE")
)


class Requests:
    """The requests of one package: ``with requests.sent("GET", "example.org") as sent: ...``.

    Args:
        name: of the package, and of the sampler.

    Attributes:
        group: the instruments, to which more may be added.
    """

    def __init__(self, name: str) -> None:
        self.group = sampler.Instruments(name)
        self._duration = self.group.histogram(
            "request.duration",
            unit="s",
            help="From when a request is sent to the head of its answer.",
            labels=_LABELS,
        )
        self.active = self.group.gauge(
            "active_requests", unit="{request}", help="Requests on their way.", merge="sum"
        )

    def open_connections(self, count: Callable[..., int]) -> None:
        """Tell connections, too: ``count(idle=False)`` returns how many are in use."""
        told = self.group.gauge(
            "open_connections",
            unit="{connection}",
            help="Connections, in use or kept for later.",
            labels=("http.connection.state",),
            merge="sum",
        )
        told.labels("active").set_function(partial(count, idle=False))
        told.labels("idle").set_function(partial(count, idle=True))

    def sent(self, method: str, host: str) -> Sent:
        """Return a block for one request: set its ``status`` once it is known."""
        return Sent(self, method, host)

    def ended(self, sent: Sent, error: type[BaseException] | None) -> None:
        """Record a request."""
        self.active.dec()
        method = str(sent.method).upper()
        self._duration.labels(
            method if method in _METHODS else "_OTHER",
            sent.host,
            sent.status,
            "" if error is None else error.__name__,
        ).observe(perf_counter() - sent.begun)


class Sent:
    """One request."""

    __slots__ = ("_requests", "begun", "host", "method", "status")

    def __init__(self, requests: Requests, method: str, host: str) -> None:
        self._requests = requests
        self.method = method
        self.host = host
        self.status: Any = ""

    def __enter__(self) -> Self:
        self._requests.active.inc()
        self.begun = perf_counter()
        return self

    def __exit__(
        self, error: type[BaseException] | None, _: object, __: TracebackType | None
    ) -> None:
        self._requests.ended(self, error)
