"""Functions of a server, replaced by ones that do more."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from sampler.wiring._serving import complain

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

__all__ = ("missing", "replace")


def replace(
    module: ModuleType,
    path: str,
    make: Callable[[Callable[..., Any]], Callable[..., Any]],
    lost: str,
) -> None:
    """Put ``make(original)`` in the place of a function; where there is none, say so in one line.

    Args:
        module: the module of a server.
        path: where the function is in it, as in ``Worker.load_wsgi``.
        make: gets the function, returns its replacement.
        lost: what does not work where it is missing, for that line.
    """
    owner: Any = module
    *owners, name = path.split(".")
    for each in owners:
        owner = getattr(owner, each, None)
    original = getattr(owner, name, None)
    if callable(original):
        setattr(owner, name, wraps(original)(make(original)))
        return
    missing(f"{module.__name__}.{path}", lost)


def missing(what: str, lost: str) -> None:
    """Say that a server does not have what it is wired by."""
    server = what.partition(".")[0]
    complain(
        f"{server}{_version(server)} has no {what}, so {lost}: start the agent there yourself "
        f"(docs/for-operators.md), or install a {server} that this sampler-api knows"
    )


def _version(server: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f" {version(server)}"
    except PackageNotFoundError:
        return ""
