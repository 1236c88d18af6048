"""The ``urllib3`` sampler, also of requests, botocore and others that are built on urllib3.

Each attempt is a request of its own: retries and redirects count.
"""

from __future__ import annotations

from importlib import import_module
from time import perf_counter
from typing import TYPE_CHECKING, Any

from sampler.contrib._http_client import Requests
from sampler.contrib._seams import Noted, around

if TYPE_CHECKING:
    from collections.abc import Callable

_requests = Requests("urllib3")
SAMPLER = _requests.group
_create = SAMPLER.histogram(
    "connection.create_time", unit="s", help="Time taken to connect.", labels=("server.address",)
)


def _sent(original: Callable[..., Any]) -> Callable[..., Any]:
    def make_request(pool: Any, conn: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        with _requests.sent(method, pool.host) as sent:
            answer = original(pool, conn, method, *args, **kwargs)
            sent.status = getattr(answer, "status", "")
            return answer

    return make_request


def _connected(original: Callable[..., None]) -> Callable[..., None]:
    def connect(conn: Any, *args: Any, **kwargs: Any) -> None:
        begun = perf_counter()
        original(conn, *args, **kwargs)
        _create.labels(conn.host).observe(perf_counter() - begun)

    return connect


def _count(*, idle: bool) -> int:
    found = [
        (each.maxsize, list(each.queue)) for pool, _ in _pools.living() if (each := pool.pool)
    ]
    if not idle:
        return sum(size - len(there) for size, there in found)
    return sum(getattr(each, "sock", None) is not None for _, there in found for each in there)


_pool = import_module("urllib3.connectionpool").HTTPConnectionPool
_pools = Noted(_pool, bool)
around(_pool, "_make_request", _sent)
for _each in ("HTTPConnection", "HTTPSConnection"):
    around(getattr(import_module("urllib3.connection"), _each), "connect", _connected)
_requests.open_connections(_count)
