"""A program of greenlets, run by ``test_greenlets.py``: `python greenlets.py FILE LIBRARY ORDER`.

LIBRARY is gevent or eventlet; ORDER says when it patches the standard library: before sampler is
imported, between that and the start of the agent, or late. Prints what was seen as JSON.
"""

from __future__ import annotations

import sys
import warnings

warnings.simplefilter("ignore")  # eventlet warns of itself

FILE, LIBRARY, ORDER = sys.argv[1:4]


def patch() -> None:
    """Put greenlets in the place of threads, sockets and locks."""
    if LIBRARY == "gevent":
        from gevent import monkey

        monkey.patch_all()
    else:
        import eventlet

        eventlet.monkey_patch()


if ORDER == "before":
    patch()

import json  # noqa: E402
import time  # noqa: E402
import urllib.request  # noqa: E402
from typing import Any  # noqa: E402

import attrs  # noqa: E402

import sampler  # noqa: E402
import sampler.agent  # noqa: E402

if ORDER == "between":
    patch()

PULLS = 10
"""That have to come while greenlets compute and never give way."""
LIMIT = 60.0
orders = sampler.Instruments("shop").counter("orders")
times: list[float] = []


def sample() -> list[Any]:
    times.append(time.monotonic())
    return []


def spin() -> None:
    """Compute until the agent has pulled; with native threads it does."""
    until = time.monotonic() + LIMIT
    enough = len(times) + PULLS
    while len(times) < enough and time.monotonic() < until:
        orders.inc()


def both(*calls: Any) -> list[Any]:
    """Run greenlets to their end."""
    if LIBRARY == "gevent":
        import gevent

        greenlets = [gevent.spawn(call) for call in calls]
        gevent.joinall(greenlets)
        return [each.value for each in greenlets]
    import eventlet

    return [each.wait() for each in [eventlet.spawn(call) for call in calls]]


sampler.register({"name": "shop.times", "sample": sample})
agent = sampler.agent.start(FILE)
if ORDER == "late":
    patch()
both(spin, spin)
page = ""
for adapter_settings in agent.settings.adapters:
    if adapter_settings.name == "prometheus":
        url = f"https://{adapter_settings.adapter.address}/metrics"
        (page,) = both(lambda url=url: urllib.request.urlopen(url, timeout=20).read().decode())
beats = both(lambda: [time.sleep(0.01) for _ in range(20)])
pulls = len(times)
sampler.agent.stop()
total = int(orders.read())
balances = {name: attrs.asdict(each) for name, each in agent.balances().items()}
seen = f"shop_orders_total {total}" in page
print(json.dumps({"pulls": pulls, "total": total, "seen": seen, "balances": balances}))
