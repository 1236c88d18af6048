"""Say here what it is for."""

from mypackage.orders import order

__all__ = ["order"]
