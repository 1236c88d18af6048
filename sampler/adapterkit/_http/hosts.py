"""Which host names a server answers to: the defence against DNS rebinding.

A hostile web page can let its own name resolve to 127.0.0.1 and then read what listens there. A
browser sends that name in ``Host``, so a request that names an address is safe, and any other
name is refused unless the configuration lists it.
"""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

_LONGEST = 255
"""Most characters of a host name and its port."""


def answers_to(authority: str, names: Collection[str]) -> bool:
    """Tell whether a request for this host is answered.

    Args:
        authority: host and port, as in ``Host``.
        names: names in lower case that are answered, beside every address and ``localhost``.
    """
    host = _host(authority)
    if host is None:
        return False
    return host == "localhost" or host in names or _is_address(host)


def own_names() -> frozenset[str]:
    """Return this host's name in lower case, with and without its domain; nothing if unknown."""
    try:
        name = socket.gethostname().lower()
    except (OSError, UnicodeError):
        return frozenset()
    return frozenset(each for each in (name, name.partition(".")[0]) if each)


def host_fault(host: str) -> str | None:
    """Say what is wrong with a host name that a server is to answer to, or return None."""
    if _host(host) != host.lower() or ":" in host or any(c.isspace() or c in "/@," for c in host):
        return f"expected a host name alone, such as 'web1.example', got {host!r}"
    return None


def _host(authority: str) -> str | None:
    """Return an authority's host in lower case, without brackets, port and trailing dot."""
    if not authority or len(authority) > _LONGEST:
        return None
    if authority.startswith("["):
        host, bracket, port = authority[1:].partition("]")
        if not bracket or (port and not port.startswith(":")) or ":" not in host:
            return None
        port = port[1:]
    else:
        host, _, port = authority.partition(":")
    if port and not (port.isascii() and port.isdigit()):
        return None
    return host.lower().removesuffix(".") or None


def _is_address(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
