"""The ``httpx`` sampler: requests of its clients, and the connections of their transports.

Each redirect is a request of its own. What goes to an application in place of a server, or
through a transport of somebody else, is not counted.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sampler.contrib._http_client import Requests
from sampler.contrib._seams import Noted, around

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_requests = Requests("httpx")
SAMPLER = _requests.group


def _sent(original: Callable[..., Any]) -> Callable[..., Any]:
    def handle_request(transport: Any, request: Any) -> Any:
        with _requests.sent(request.method, request.url.host) as sent:
            answer = original(transport, request)
            sent.status = getattr(answer, "status_code", "")
            return answer

    return handle_request


def _async_sent(original: Callable[..., Awaitable[Any]]) -> Callable[..., Any]:
    async def handle_async_request(transport: Any, request: Any) -> Any:
        with _requests.sent(request.method, request.url.host) as sent:
            answer = await original(transport, request)
            sent.status = getattr(answer, "status_code", "")
            return answer

    return handle_async_request


def _count(*, idle: bool) -> int:
    pools = [transport._pool for each in _noted for transport, _ in each.living()]
    found = [each for pool in pools for each in pool.connections if not each.is_closed()]
    return sum(each.is_idle() is idle for each in found)


_httpx = import_module("httpx")
_noted = [Noted(each, bool) for each in (_httpx.HTTPTransport, _httpx.AsyncHTTPTransport)]
around(_httpx.HTTPTransport, "handle_request", _sent)
around(_httpx.AsyncHTTPTransport, "handle_async_request", _async_sent)
_requests.open_connections(_count)
