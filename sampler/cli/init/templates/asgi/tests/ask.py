"""A client for the tests, which needs no server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from mypackage.app import app

if TYPE_CHECKING:
    from collections.abc import MutableMapping


def ask(path: str) -> tuple[int, str]:
    """Return the status and the text of an answer."""
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope: dict[str, Any] = {"type": "http", "method": "GET", "path": path}
    scope |= {"query_string": b"", "headers": []}
    asyncio.run(app(scope, receive, send))
    text = b"".join(each["body"] for each in sent[1:])
    return sent[0]["status"], text.decode()
