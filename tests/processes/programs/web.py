"""The web application, by two interfaces.

``/`` does a piece of work and answers with the id of its process. Before it does one, ``/linger``
tells its process and sleeps, ``/freeze`` tells it and holds the interpreter's lock, ``/hold``
holds that lock for a moment, so that other workers have to take what comes, and ``/child`` forks.
"""

import asyncio
import ctypes
import os
import time
from pathlib import Path

import shop

_LINGERING = 20.0
_HOLDING = 0.15
_CHILD_LIVES = 2.0


def _hold(seconds: float) -> None:
    ctypes.PyDLL(None).usleep(int(seconds * 1e6))  # which keeps the interpreter's lock


def _tell() -> None:
    Path(os.environ["TOLD"]).write_text(str(os.getpid()))


def _before(path: str) -> float:
    """Do what a path asks for; return for how many seconds to sleep then."""
    if path == "/hold":
        _hold(_HOLDING)
    elif path == "/freeze":
        _tell()
        _hold(_LINGERING)
    elif path == "/linger":
        _tell()
        return _LINGERING
    elif path == "/child" and os.fork() == 0:
        _hold(_CHILD_LIVES)  # a child that sleeps in a greenlet would serve requests meanwhile
        os._exit(0)
    return 0.0


def wsgi(environ, start_response):
    """Answer."""
    time.sleep(_before(environ["SCRIPT_NAME"] + environ["PATH_INFO"]))
    body = b"%d" % shop.work()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


async def asgi(scope, receive, send):
    """Answer, and end every lifespan well."""
    if scope["type"] == "lifespan":
        while True:
            event = (await receive())["type"]
            await send({"type": f"{event}.complete"})
            if event == "lifespan.shutdown":
                return
    await asyncio.sleep(_before(scope["path"]))
    body = b"%d" % shop.work()
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
