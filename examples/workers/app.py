"""A WSGI application that counts, and knows nothing of processes, agents or relays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sampler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

orders = sampler.Instruments("shop").counter("orders", help="Orders placed.")


def app(environ: dict[str, object], start_response: Callable[..., object]) -> Iterable[bytes]:
    """Place an order."""
    del environ
    orders.inc()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"thanks\n"]
