"""Proxies of an HTTP client: which one, and the way through it."""

from __future__ import annotations

import base64
import os
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

_PORT = 80


@attrs.frozen
class Proxy:
    """Where a proxy is, and what it is told of who asks.

    Attributes:
        host: a name or an address.
        port: its port.
        fields: header fields for it, which hold a password if there is one.
    """

    host: str
    port: int
    fields: Mapping[str, str] = attrs.field(factory=dict, repr=False)


def on_loopback(host: str) -> bool:
    """Tell whether a host is this machine, so that nobody on the network can read along."""
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def proxy_of(url: str) -> Proxy:
    """Return the proxy that a URL names.

    Raises:
        ValueError: it is no such URL; it is not quoted, as it may hold a password.
    """
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        port = parts.port or _PORT
    except ValueError:
        parts, port = urlsplit(""), 0
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError("a proxy's URL begins with http://, as http://127.0.0.1:3128")
    if parts.username is None:
        return Proxy(parts.hostname, port)
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    word = base64.b64encode(pair.encode("utf-8", "replace")).decode()
    return Proxy(parts.hostname, port, {"Proxy-Authorization": f"Basic {word}"})


def proxy_for(scheme: str, host: str, port: int, wanted: str | None) -> Proxy | None:
    """Return the proxy on the way to a host, or None.

    Args:
        scheme: of the URL: ``http`` or ``https``.
        host: where the request goes.
        port: likewise.
        wanted: the proxy's URL; "": none; None: what ``http_proxy``, ``https_proxy`` and
            ``no_proxy`` of the environment say, which is never a proxy to this host.

    Raises:
        ValueError: see :func:`proxy_of`.
    """
    if wanted is not None:
        return proxy_of(wanted) if wanted else None
    if on_loopback(host):
        return None
    found = _variable(f"{scheme}_proxy") or _variable("all_proxy")
    return None if not found or _is_excepted(host, port) else proxy_of(found)


def _variable(name: str) -> str:
    """Return a variable, in small letters or capitals.

    A web server that runs a program as CGI makes ``HTTP_PROXY`` of a client's header field.
    """
    found = os.environ.get(name, "")
    if not found and not (name == "http_proxy" and "REQUEST_METHOD" in os.environ):
        found = os.environ.get(name.upper(), "")
    return found.strip()


def _is_excepted(host: str, port: int) -> bool:
    """Tell whether ``no_proxy`` has a host: itself, a domain that it is in, or ``*``."""
    name = host.lower().rstrip(".")
    for entry in _variable("no_proxy").lower().split(","):
        domain = entry.strip().lstrip(".")
        if domain == "*" or domain in (name, f"{name}:{port}"):
            return True
        if domain and (name.endswith(f".{domain}") or f"{name}:{port}".endswith(f".{domain}")):
            return True
    return False
