"""An ASGI application: `/order/tea` orders tea."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mypackage.metrics import order

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]

MENU = ("coffee", "tea")


async def app(scope: Message, receive: Receive, send: Send) -> None:
    """Answer a request."""
    if scope["type"] != "http":  # a server asks for a lifespan, too
        raise NotImplementedError(scope["type"])
    _, *path = scope["path"].split("/")
    status, text = 404, "nothing here"
    if len(path) == 2 and path[0] == "order" and path[1] in MENU:
        status, text = 200, order(path[1])
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    head = {"type": "http.response.start", "status": status, "headers": headers}
    await send(head)
    await send({"type": "http.response.body", "body": text.encode()})
