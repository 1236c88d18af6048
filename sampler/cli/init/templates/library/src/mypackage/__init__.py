"""Say here what it is for."""

from mypackage.pool import Pool

__all__ = ["Pool"]
