"""What the shop counts: three libraries, and none of them knows of samplers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from newrelic.samplers.decorators import data_source_factory
from opentelemetry.metrics import set_meter_provider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary

if TYPE_CHECKING:
    from collections.abc import Iterator

REGISTRY = CollectorRegistry()
orders = Counter("orders", "Orders taken.", ["item"], registry=REGISTRY)
stock = Gauge("stock", "Pieces left.", ["item"], registry=REGISTRY)
waiting = Histogram(
    "waiting", "Time in the queue.", unit="seconds", buckets=(0.1, 1), registry=REGISTRY
)
packing = Summary("packing", "Time to pack.", unit="seconds", registry=REGISTRY)

_provider = MeterProvider(resource=Resource({"service.name": "shop"}))
set_meter_provider(_provider)
_meter = _provider.get_meter("shop")
payments = _meter.create_counter("payments", "{payment}", "Payments, by card.")
carts = _meter.create_up_down_counter("carts.open", "{cart}", "Carts under way.")
prices = _meter.create_histogram(
    "price", "EUR", "Price of an order.", explicit_bucket_boundaries_advisory=[5, 50]
)

checkouts: list[float] = []
"""Seconds of each."""


@data_source_factory(name="Checkouts")
class Checkouts:
    """A data source of New Relic: at each harvest, what has happened since the last one."""

    def __init__(self, settings: Any, environ: Any) -> None:
        self._told = 0

    def __call__(self) -> Iterator[tuple[str, Any]]:
        new = checkouts[self._told :]
        self._told += len(new)
        yield "Checkouts/Open", len(checkouts) % 3
        yield "Checkouts/Duration", {"count": len(new), "total": sum(new)}
