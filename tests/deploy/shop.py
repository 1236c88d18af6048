"""What the stack serves: an application with all kinds of ends, and a program with a loop."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
import urllib.request
from functools import cache

import sampler
import sampler.agent

shop = sampler.Instruments("shop")
orders = shop.counter("orders", help="Orders placed.")


def broken():
    """Fail at each pull, and have the middle of a report refused."""
    raise RuntimeError("the source is out of order")


def odd():
    """Yield what is taken, and what is not."""
    yield "taken", 1
    yield "refused", "a text"


sampler.register({"name": "broken", "sample": broken})
sampler.register({"name": "odd", "sample": odd})


def application(environ, start_response):
    """Serve orders, as Flask tells their routes: one is slow, one fails."""
    return _flask()(environ, start_response)


@cache
def _flask():
    from flask import Flask, request

    app = Flask("shop")
    app.config["PROPAGATE_EXCEPTIONS"] = True

    @app.post("/<what>/order")
    def order(what):
        request.get_data()
        if what == "error":
            logging.getLogger("shop").error("an order failed")
            raise ValueError("an order failed")
        if what == "slow":
            time.sleep(0.3)
        orders.inc()
        return "thanks\n" * 20

    return app


def _hold_up() -> None:
    time.sleep(0.02)


async def main() -> None:
    """Run a loop that is held up now and then, and listens, until it is ended."""
    from sampler.samplers.asyncio import watch

    watch("main")
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    async with sampler.agent.running(sys.argv[1]), server:
        while True:
            await asyncio.sleep(0.1)
            _hold_up()


def load(url: str, ended: threading.Event, answered: list[str]) -> None:
    """Ask the application until that is set, with the stamp of a proxy that waited a little.

    The paths of orders that it has thanked for are added to `answered`.
    """
    paths = ("/quick/order", "/quick/order", "/slow/order", "/error/order")
    while not ended.is_set():
        for path in paths:
            stamp = {"X-Request-Start": f"t={time.time() - 0.2:.3f}"}
            request = urllib.request.Request(f"{url}{path}", b"order" * 20, stamp)
            try:
                urllib.request.urlopen(request, timeout=20).read()
                answered.append(path)
            except OSError:
                time.sleep(0.05)


if __name__ == "__main__":
    asyncio.run(main())
