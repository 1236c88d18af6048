"""The seam where what a server serves is wrapped, by :mod:`sampler.web` unless somebody asks.

``SAMPLER_WRAP=module:callable`` names a wrapper: it is called with an application and ``"wsgi"``
or ``"asgi"``, once for each that a server loads, and returns what is served instead. ``sampler run
--no-wrap`` takes the variable out of the command's environment.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

from sampler._runtime.printable import error_line
from sampler.wiring._environment import WRAP
from sampler.wiring._serving import complain

if TYPE_CHECKING:
    from typing import Any, Literal

__all__ = ("wrapped",)


def wrapped(application: Any, kind: Literal["wsgi", "asgi"]) -> Any:
    """Return what is served instead of an application; itself if no wrapper is named, or fails."""
    name = os.environ.get(WRAP, "")
    if not name:
        return application
    module, _, function = name.partition(":")
    try:
        return getattr(import_module(module), function)(application, kind)
    except Exception as error:
        complain(f"{WRAP}={name}: the application stays as it is: {error_line(error)}")
        return application
