"""The ``[relay]`` table."""

from __future__ import annotations

import attrs

from sampler.agent.config.limits import name_fault
from sampler.agent.config.options import option

_LONGEST = 107
"""Bytes of a unix socket's address, at most."""
_DIGITS = 10
"""A user's number has fewer."""


def socket_fault(address: str) -> str | None:
    """Say why nothing can listen at an address, or return None."""
    if not address.startswith(("/", "@")) or len(address) == 1:
        return f"must be an absolute path, or '@' and a name, got {address!r}"
    if len(address.encode("utf-8", "replace")) > _LONGEST:
        return f"is longer than {_LONGEST} bytes: choose a shorter one"
    return name_fault(address)


def users_fault(users: tuple[str, ...]) -> str | None:
    """Say which user there is not, or return None."""
    from pwd import getpwnam

    for user in users:
        if user.isdecimal() and len(user) < _DIGITS:
            continue
        try:
            getpwnam(user)
        except (KeyError, ValueError):
            return f"this host has no user {user!r}: write a name, or a number as text"
    return None


NONE, DIRECT = "none", "direct"


@attrs.frozen
class RelaySettings:
    """The ``[relay]`` table: what a relay does for the processes of this host."""

    socket: str | None = option(
        None,
        "Where processes report: a path, or '@' and a name, which needs no folder; default: "
        "'@sampler-relay-' and the number of this user. 'sampler run -- COMMAND' listens there, "
        "too, if this is set.",
        kind=str,
        check=socket_fault,
    )
    users: tuple[str, ...] = option(
        (),
        "Users whose processes may report besides this one's and root's: names, or numbers as "
        "texts.",
        check=users_fault,
    )
    retain: float = option(
        0.0,
        "Seconds for which a process' own gauges stay after its end.",
        minimum=0,
        maximum=86_400,
    )
    fallback: str = option(
        NONE,
        "What processes do while the relay is gone: 'none', they count on and report later; "
        "'direct', they push by themselves, with the adapters of this file, if they may read it.",
        choices=(NONE, DIRECT),
    )
