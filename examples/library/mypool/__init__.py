"""A small connection pool."""

from mypool._pool import Pool, PoolTimeoutError

__all__ = ["Pool", "PoolTimeoutError"]
