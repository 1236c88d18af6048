"""What the application counts."""

import sampler

group = sampler.Instruments("mypackage")
orders = group.counter("orders", help="Orders placed.", labels=("item",))
duration = group.histogram("duration", unit="s", help="Time to place one.")


def order(item: str) -> str:
    """Place an order, and return what was ordered. Put your own code here."""
    with duration.time():
        result = item.title()
    orders.inc(item=item)
    return result
