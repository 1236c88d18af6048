"""A shop: takes orders from standard input, a line each, ``ITEM NUMBER CARD``, until it ends."""

from __future__ import annotations

import sys

import counts

import sampler

PRICES = {"tea": 4, "coffee": 9, "samovar": 120}
SECONDS = 0.25


def take(item: str, number: int, card: str) -> None:
    """Take an order."""
    counts.carts.add(1)
    counts.orders.labels(item).inc(number)
    counts.stock.labels(item).dec(number)
    counts.waiting.observe(SECONDS * number)
    counts.prices.record(PRICES[item] * number, {"item": item})
    counts.payments.add(1, {"card": card})
    counts.checkouts.append(SECONDS)
    counts.packing.observe(SECONDS / number)
    if item != "samovar":  # these are picked up later
        counts.carts.add(-1)


if __name__ == "__main__":
    sampler.agent.start("sampler.toml")
    for line in sys.stdin:
        name, pieces, by = line.split()
        take(name, int(pieces), by)
    sampler.agent.stop()
