"""A named thread that ends without an error where greenlets have replaced :mod:`threading`.

That module looks a thread up when it ends; its number is then the greenlet's, and not found.
"""

from __future__ import annotations

import threading

from sampler._runtime.native import get_ident

__all__ = ("NamedThread",)


class NamedThread(threading.Thread):
    """A daemon thread of :mod:`threading`."""

    def _delete(self) -> None:
        try:
            super()._delete()  # type: ignore[misc]
        except KeyError:
            threading._active.pop(get_ident(), None)  # type: ignore[attr-defined]  # noqa: SLF001
