"""An ASGI application whose requests wait until a file is there, and are counted meanwhile."""

import asyncio
import os
import time
from pathlib import Path

import sampler

shop = sampler.Instruments("shop")
making = shop.gauge("making", help="Orders in progress.", merge="sum")
shop.gauge("ovens", help="They are hot until the process ends.", merge="sum").set(2)
_released = Path(os.environ["TASKS"], "released")


def _wait():
    while not _released.exists():
        time.sleep(0.02)


async def asgi(scope, receive, send):
    if scope["type"] != "http":
        raise RuntimeError("no lifespan")
    if scope["path"] == "/held":
        making.inc()
        await asyncio.to_thread(_wait)
        making.dec()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(os.getpid()).encode()})
