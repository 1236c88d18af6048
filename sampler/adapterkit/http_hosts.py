"""Which host names a page answers to.

A browser sends any page's requests to whatever address the page's own name has at that moment: a
name that is made to mean 127.0.0.1 reads what listens there. It takes a name to do that, so
addresses are good, and names only where somebody has said so.
"""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

_LONGEST = 255
"""Characters of a host name and its port, more than which no name has."""


def answers_to(authority: str, names: Collection[str]) -> bool:
    """Tell whether a request is meant for this page.

    Args:
        authority: host and port, as in ``Host``.
        names: names in lower case that are good, beside every address and ``localhost``.
    """
    host = _host(authority)
    if host is None:
        return False
    return host == "localhost" or host in names or _is_address(host)


def own_names() -> frozenset[str]:
    """Return this host's name in lower case, whole and without its domain, as far as it knows."""
    try:
        name = socket.gethostname().lower()
    except (OSError, UnicodeError):
        return frozenset()
    return frozenset(each for each in (name, name.partition(".")[0]) if each)


def host_fault(host: str) -> str | None:
    """Say what is wrong with a name that a page is to answer to, or return None."""
    if _host(host) != host.lower() or ":" in host or any(c.isspace() or c in "/@," for c in host):
        return f"a host name alone is expected, such as 'web1.example', got {host!r}"
    return None


def _host(authority: str) -> str | None:
    """Return the host of an authority in lower case, without brackets, port and last dot."""
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
