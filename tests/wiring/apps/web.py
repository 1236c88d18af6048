"""An application for servers of WSGI and of ASGI: each request counts one thing.

By WSGI the header ``X-Hold`` has it sleep for so many seconds before.
"""

import os
import time

from counted import count


def application(environ, start_response):
    time.sleep(float(environ.get("HTTP_X_HOLD", 0)))
    count()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]


async def asgi(scope, receive, send):
    if scope["type"] != "http":
        raise RuntimeError("no lifespan")
    count()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(os.getpid()).encode()})
