"""The page as part of a web application: WSGI (PEP 3333) and ASGI 3.

In a process that reports to a relay it is the page of all processes.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeAlias

from sampler.adapterkit.http_server import PLAIN_TEXT
from sampler.adapterkit.threads import Thread
from sampler.agent import Ledger, Unavailable, log, masked_line, of_all_processes
from sampler_prometheus._exposition import Exposition, page_collector
from sampler_prometheus._negotiate import content_type
from sampler_prometheus._routes import vary

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, MutableMapping

    from sampler import Registry
    from sampler.agent import Balance
    from sampler_prometheus._exposition import Page

    Message: TypeAlias = "MutableMapping[str, Any]"


class _PageApp:
    """What both applications have in common: a Collector of their own, and its ledger.

    Args:
        registry: whose samplers are pulled, always by this process; default: the default registry,
            and where the process reports to a relay the totals of all processes.
        interval: expected seconds between scrapes; more frequent scrapes share a pull.
        deadline: seconds that each sampler has.
    """

    def __init__(
        self,
        registry: Registry | None = None,
        *,
        interval: float = 10.0,
        deadline: float = 5.0,
    ) -> None:
        self._collector = page_collector(registry, "metrics", interval, deadline)
        self._ledger = Ledger()
        collect = of_all_processes(self._collector.collect, own=registry is not None)
        self._exposition = Exposition(collect, self._ledger)

    def balance(self) -> Balance:
        """Return how many entries were collected so far, and what became of them."""
        return self._ledger.balance()

    def close(self) -> None:
        """Close the Collector that pulls for it."""
        self._collector.close()


class WSGIApp(_PageApp):
    """A WSGI application that answers every path with the page: mount it at a path of yours."""

    def __call__(
        self, environ: Mapping[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer one request."""
        method = environ.get("REQUEST_METHOD", "GET")
        if method not in ("GET", "HEAD"):
            return _refused(start_response)
        if method == "HEAD":
            start_response(_status(200), _head(environ.get("HTTP_ACCEPT")))
            return []
        try:
            page = self._exposition.answer(
                environ.get("HTTP_ACCEPT"), environ.get("HTTP_ACCEPT_ENCODING")
            )
        except Exception as error:
            status, body = _failed(error)
            start_response(_status(status), [("Content-Type", PLAIN_TEXT)])
            return [body]
        start_response(_status(200), _headers(page))
        return _Body(page)


class _Body:
    """The body of a reply, in parts; its page is settled when the server closes it."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._taken = False

    def __iter__(self) -> Iterator[bytes]:
        yield from self._page.parts
        self._taken = True  # the server asks for more, so it has sent the last one

    def close(self) -> None:
        """Settle the page: the server calls this at the end, even if its client has left."""
        self._page.settle(self._taken)


class ASGIApp(_PageApp):
    """An ASGI application that answers every path with the page: mount it at a path of yours.

    Each pull runs on its own thread and never blocks the event loop; overlapping requests share
    a pull.
    """

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Serve one connection."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            raise RuntimeError(f"metrics are served over HTTP, not {scope['type']}")
        if scope["method"] not in ("GET", "HEAD"):
            await _send(
                send,
                405,
                [("Content-Type", PLAIN_TEXT), ("Allow", "GET, HEAD")],
                _status_line(405),
            )
            return
        headers = _joined(scope["headers"])
        if scope["method"] == "HEAD":
            await _send(send, 200, _head(headers.get("accept")), b"")
            return
        try:
            page = await _in_thread(
                lambda: self._exposition.answer(
                    headers.get("accept"), headers.get("accept-encoding")
                )
            )
        except Exception as error:
            status, body = _failed(error)
            await _send(send, status, [("Content-Type", PLAIN_TEXT)], body)
            return
        taken = False
        try:
            await _send(send, 200, _headers(page), *page.parts)
            taken = True
        finally:
            page.settle(taken)


def _joined(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return the headers that a page depends on; repeated headers are joined."""
    given: dict[str, list[str]] = {"accept": [], "accept-encoding": []}
    for name, value in headers:
        if (values := given.get(name.decode("latin-1").lower())) is not None:
            values.append(value.decode("latin-1"))
    return {name: ", ".join(values) for name, values in given.items() if values}


async def _lifespan(
    receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Confirm startup and shutdown, for a server that runs this as its only application."""
    while True:
        kind = (await receive())["type"].removeprefix("lifespan.")
        await send({"type": f"lifespan.{kind}.complete"})
        if kind == "shutdown":
            return


async def _send(
    send: Callable[[Message], Awaitable[None]],
    status: int,
    headers: list[tuple[str, str]],
    *parts: bytes,
) -> None:
    encoded = [(name.lower().encode(), value.encode()) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    for part in parts:
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _in_thread(call: Callable[[], Page]) -> Page:
    """Await a call on a daemon thread; an executor's thread would delay the process' exit."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Page] = loop.create_future()

    def settle(page: Page | None, error: BaseException | None) -> None:
        if future.cancelled():
            if page is not None:
                page.settle(False)
        elif error is not None:
            future.set_exception(error)
        elif page is not None:
            future.set_result(page)

    def run() -> None:
        page: Page | None = None
        fault: BaseException | None = None
        try:
            page = call()
        except Exception as error:
            fault = error
        try:
            loop.call_soon_threadsafe(settle, page, fault)
        except RuntimeError:  # the event loop has been closed
            if page is not None:
                page.settle(False)

    Thread(run, "sampler-asgi").start()
    return await future


def _failed(error: Exception) -> tuple[int, bytes]:
    """Return the status and body of an answer without a page."""
    if isinstance(error, Unavailable):  # the relay's own adapter logs that
        return 503, f"{masked_line(str(error))}\n".encode("utf-8", "backslashreplace")
    log.exception("a scrape failed: %s", error)
    return 500, b"cannot collect\n"


def _refused(start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response(_status(405), [("Content-Type", PLAIN_TEXT), ("Allow", "GET, HEAD")])
    return [_status_line(405)]


def _head(accept: str | None) -> list[tuple[str, str]]:
    """Return the headers for HEAD: without a length, as that would take a pull."""
    return [("Content-Type", content_type(accept)), *vary()]


def _headers(page: Page) -> list[tuple[str, str]]:
    headers = [
        ("Content-Type", page.content_type),
        ("Content-Length", str(page.length)),
        *vary(),
    ]
    if page.encoding:
        headers.append(("Content-Encoding", page.encoding))
    return headers


def _status(status: int) -> str:
    return f"{status} {HTTPStatus(status).phrase}"


def _status_line(status: int) -> bytes:
    return f"{_status(status)}\n".encode()
