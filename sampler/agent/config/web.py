"""The ``[web]`` table, and who is told when it changes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import ref

import attrs

from sampler.agent.config.options import option

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")
ANYBODY = "*"
"""Stands for all peers in ``trusted``."""


def _trusted_fault(trusted: tuple[str, ...]) -> str | None:
    """Say which of the peers is none, or return None."""
    from ipaddress import ip_network

    for each in trusted:
        try:
            if each != ANYBODY:
                ip_network(each, strict=False)
        except ValueError:
            return f"{each!r} is no address: write one such as '10.0.0.5', a network, or '*'"
    return None


@attrs.frozen
class WebSettings:
    """The ``[web]`` table: what the middleware of ``sampler.web`` does in each process."""

    trusted: tuple[str, ...] = option(
        (),
        "Peers whose stamps (X-Request-Start, X-Queue-Start) count, besides loopback and unix "
        "sockets: addresses or networks of proxies; '*' is everybody, for servers that only "
        "proxies reach.",
        check=_trusted_fault,
    )
    slow: float = option(
        1.0, "Seconds from which on a request is slow.", minimum=0.001, maximum=86_400
    )
    stale: float = option(
        5.0,
        "Seconds of waiting for the application after which a client is thought to have left.",
        minimum=0.001,
        maximum=3_600,
    )
    shed: float | None = option(
        None,
        "Seconds of waiting after which a request is answered with 503 at once, and the "
        "application not called; default: none is.",
        kind=float,
        minimum=0.001,
        maximum=3_600,
    )
    server_timing: bool = option(
        default=False,
        help="Tell clients by a header Server-Timing how long a request has waited and taken.",
    )
    routes: int = option(
        200,
        "Routes that are told apart; requests of others are counted together.",
        minimum=1,
        maximum=10_000,
    )


_listeners: dict[ref[Any], Callable[[Any, WebSettings], None]] = {}
"""Functions, each with the object that it is for.

No :class:`weakref.WeakMethod`: when the interpreter ends, its callback may find its module gone.
"""
_in_force: list[WebSettings] = [WebSettings()]


def tell(settings: WebSettings) -> None:
    """Have all middleware of this process take these settings, and what comes later, too."""
    _in_force[0] = settings
    for reference, configure in list(_listeners.items()):
        if (owner := reference()) is not None:
            configure(owner, settings)


def listen(owner: _T, configure: Callable[[_T, WebSettings], None]) -> None:
    """Configure an object with the settings now, and whenever those of the process change.

    Args:
        owner: what is configured, and not kept alive.
        configure: gets it and the settings.
    """
    _listeners[ref(owner, partial(_forget, _listeners.pop))] = configure
    configure(owner, _in_force[0])


def _forget(pop: Callable[[ref[Any], None], object], reference: ref[Any]) -> None:
    pop(reference, None)
