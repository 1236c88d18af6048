"""Basic authentication, and who can read what is sent without TLS."""

from __future__ import annotations

import base64
from ipaddress import ip_address


def basic_authorization(username: str, password: str) -> str:
    """Return the header ``Authorization`` of basic authentication."""
    # An environment variable that is not UTF-8 is sent as the bytes that it has.
    pair = f"{username}:{password}".encode("utf-8", "surrogateescape")
    return f"Basic {base64.b64encode(pair).decode()}"


def on_loopback(host: str) -> bool:
    """Tell whether a host is this machine, so that nobody on the network can read along."""
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"
