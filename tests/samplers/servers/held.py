"""An application by two interfaces: ``/hold`` answers when the file ``release`` is there."""

import asyncio
import os
import time


def _held(path):
    return path.endswith("/hold") and not os.path.exists(os.environ["RELEASE"])  # noqa: PTH110


def application(environ, start_response):
    """Answer with the id of the process, by WSGI."""
    while _held(environ["SCRIPT_NAME"] + environ["PATH_INFO"]):
        time.sleep(0.01)
    body = b"%d" % os.getpid()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


async def asgi(scope, receive, send):
    """Answer with the id of the process, by ASGI."""
    if scope["type"] == "lifespan":
        while True:
            event = (await receive())["type"]
            await send({"type": f"{event}.complete"})
            if event == "lifespan.shutdown":
                return
    while _held(scope["path"]):  # noqa: ASYNC110 - what it waits for is a file
        await asyncio.sleep(0.01)
    body = b"%d" % os.getpid()
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
