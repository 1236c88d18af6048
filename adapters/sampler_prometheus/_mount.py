"""The page inside a web application: WSGI (PEP 3333) and ASGI 3."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeAlias

from sampler.adapterkit.http_request import PLAIN
from sampler.adapterkit.threads import Thread
from sampler.agent import Ledger, log
from sampler_prometheus._exposition import Exposition, consumer
from sampler_prometheus._negotiate import content_type
from sampler_prometheus._paths import vary

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, MutableMapping

    from sampler import Registry
    from sampler.agent import Balance
    from sampler_prometheus._exposition import Page

    Message: TypeAlias = "MutableMapping[str, Any]"


class _Mounted:
    """What both kinds of application share: a consumer of their own, and its account.

    Args:
        registry: where samplers are found; default: the default registry.
        interval: seconds between scrapes, told to samplers; a window is never shorter.
        deadline: seconds each sampler has.
    """

    def __init__(
        self,
        registry: Registry | None = None,
        *,
        interval: float = 10.0,
        deadline: float = 5.0,
    ) -> None:
        self._collector = consumer(registry, "metrics", interval, deadline)
        self._ledger = Ledger()
        self._exposition = Exposition(self._collector.collect, self._ledger)

    def balance(self) -> Balance:
        """Return what became of every entry served so far."""
        return self._ledger.balance()

    def close(self) -> None:
        """End the Collector behind it."""
        self._collector.close()


class WSGIApp(_Mounted):
    """A WSGI application that answers every path with the page: mount it where it belongs."""

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
        except Exception:
            log.exception("a scrape failed")
            start_response(_status(500), [("Content-Type", PLAIN)])
            return [b"cannot collect\n"]
        start_response(_status(200), _headers(page))
        return _Body(page)


class _Body:
    """The one chunk of a reply; settled when the server is done with it."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._taken = False

    def __iter__(self) -> Iterator[bytes]:
        yield self._page.body
        self._taken = True  # asked for more: the server has sent what there was

    def close(self) -> None:
        """Settle: a server calls this at the end, also when its client has left."""
        self._page.settle(self._taken)


class ASGIApp(_Mounted):
    """An ASGI application that answers every path with the page: mount it where it belongs.

    A pull runs on a thread of its own and never holds up the event loop; requests that overlap
    share it.
    """

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Serve one connection."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        if scope["type"] != "http":
            raise RuntimeError(f"metrics are served over HTTP, not {scope['type']}")
        if scope["method"] not in ("GET", "HEAD"):
            await _send(send, 405, [("Content-Type", PLAIN), ("Allow", "GET, HEAD")], _words(405))
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
        except Exception:
            log.exception("a scrape failed")
            await _send(send, 500, [("Content-Type", PLAIN)], b"cannot collect\n")
            return
        taken = False
        try:
            await _send(send, 200, _headers(page), page.body)
            taken = True
        finally:
            page.settle(taken)


def _joined(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return the fields that a page depends on; those that came several times are joined."""
    given: dict[str, list[str]] = {"accept": [], "accept-encoding": []}
    for name, value in headers:
        if (values := given.get(name.decode("latin-1").lower())) is not None:
            values.append(value.decode("latin-1"))
    return {name: ", ".join(values) for name, values in given.items() if values}


async def _live(
    receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Take part in starting and stopping, where this is the whole application."""
    while True:
        kind = (await receive())["type"].removeprefix("lifespan.")
        await send({"type": f"lifespan.{kind}.complete"})
        if kind == "shutdown":
            return


async def _send(
    send: Callable[[Message], Awaitable[None]],
    status: int,
    headers: list[tuple[str, str]],
    body: bytes,
) -> None:
    encoded = [(name.lower().encode(), value.encode()) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})


async def _in_thread(call: Callable[[], Page]) -> Page:
    """Await a call on a daemon thread; an executor's would hold up the end of the process."""
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
        except RuntimeError:  # the loop has closed meanwhile
            if page is not None:
                page.settle(False)

    Thread(run, "sampler-asgi").start()
    return await future


def _refused(start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response(_status(405), [("Content-Type", PLAIN), ("Allow", "GET, HEAD")])
    return [_words(405)]


def _head(accept: str | None) -> list[tuple[str, str]]:
    """Return what a HEAD gets: it costs no pull, so there is no length."""
    return [("Content-Type", content_type(accept)), *vary()]


def _headers(page: Page) -> list[tuple[str, str]]:
    headers = [
        ("Content-Type", page.content_type),
        ("Content-Length", str(len(page.body))),
        *vary(),
    ]
    if page.encoding:
        headers.append(("Content-Encoding", page.encoding))
    return headers


def _status(status: int) -> str:
    return f"{status} {HTTPStatus(status).phrase}"


def _words(status: int) -> bytes:
    return f"{_status(status)}\n".encode()
