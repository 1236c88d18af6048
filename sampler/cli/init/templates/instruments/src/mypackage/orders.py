"""Takes orders. Put your own code here."""

from mypackage.metrics import duration, orders, waiting


def order(item: str) -> str:
    """Place an order, and return what was ordered."""
    with waiting.track_inprogress(), duration.time():
        result = item.title()
    orders.inc(item=item)
    return result


def order_one() -> None:
    """Order once, for tests."""
    order("tea")
