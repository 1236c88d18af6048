"""Keys of an adapter that sends by HTTP: who it is, whom it trusts, and which way it takes.

.. code-block:: python

    @attrs.define(eq=False)
    class JSONPost(HTTPOptions):
        url: str = option("http://127.0.0.1:8080", "Where to post to.", check=url_fault)

        def send(self, batch, timeout):
            with self.connect(monotonic() + timeout) as connection:
                reply = connection.request("POST", "/", self.fields({...}), body)
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import attrs

from sampler.adapterkit import http
from sampler.adapterkit._http.proxies import on_loopback, proxy_of
from sampler.adapterkit.tls_files import client_context
from sampler.agent import option

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

__all__ = ["HTTPOptions", "basic_authorization", "on_loopback", "url_fault"]

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BEARER = re.compile(r"[!-~]+")
_OURS = {
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
"""Header fields that say how a request is made, in lower case."""
_AUTHORIZATION = "authorization"


def url_fault(url: str) -> str | None:
    """Say what is wrong with a server's URL, or return None."""
    if "@" in url:  # do not quote the URL: it may hold a password
        return "a URL with a password is shown in logs: use the keys username and password"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return f"expected a URL such as 'http://127.0.0.1:9091', got {url!r}"
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        return f"expected a URL such as 'http://127.0.0.1:9091', got {url!r}"
    if parts.query or parts.fragment:
        return f"expected a URL without '?' and '#', got {url!r}"
    if not (parts.path.isascii() and url.isprintable()) or " " in parts.path:
        return f"spaces and letters beyond ASCII in a path are written with %, got {url!r}"
    return None


def basic_authorization(username: str, password: str) -> str:
    """Return the header ``Authorization`` of basic authentication."""
    # An environment variable that is not UTF-8 is sent as the bytes that it has.
    pair = f"{username}:{password}".encode("utf-8", "surrogateescape")
    return f"Basic {base64.b64encode(pair).decode()}"


def _headers_fault(headers: Mapping[str, str]) -> str | None:
    seen: set[str] = set()
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name):
            return f"{name!r} is no name of a header field"
        if name.lower() in _OURS:
            return f"{name!r} is set by the adapter: leave it out"
        if name.lower() in seen:
            return f"{name!r} is given twice"
        seen.add(name.lower())
        if not value.isascii() or not value.isprintable() or value != value.strip():
            # do not quote it: it may be a secret
            return f"{name!r} has a value with a line break, a space at an end, or no ASCII text"
    return None


def _bearer_fault(token: str) -> str | None:
    if token.lower().startswith("bearer "):
        return "write the token alone, without the word Bearer"
    if not _BEARER.fullmatch(token):
        return "a token has letters, digits and signs of ASCII only, and no spaces"
    return None


def _proxy_fault(url: str) -> str | None:
    if "@" in url:
        return (
            "a proxy with a password is shown in logs: leave the key out, and set https_proxy or "
            "http_proxy in the environment"
        )
    try:
        return None if not url or proxy_of(url) else ""
    except ValueError as error:
        return f"{error}; '' means none"


@attrs.define(eq=False)
class HTTPOptions:
    """The keys; a class that inherits them gives ``url`` a default of its own."""

    url: str = option("http://127.0.0.1", "Where the server is.", check=url_fault)
    username: str | None = option(None, "For basic authentication.", kind=str)
    password: str | None = option(None, "For basic authentication.", kind=str, secret=True)
    bearer: str | None = option(
        None,
        "Token for bearer authentication; 'file:/path' is read again at each reload.",
        kind=str,
        secret=True,
        check=_bearer_fault,
    )
    headers: dict[str, str] = option(
        {},
        "More header fields of each request, such as X-Scope-OrgID; they are kept as secrets.",
        secret=True,
        check=_headers_fault,
    )
    tls_ca: str | None = option(
        None,
        "Certificates that may sign that of an https server: a PEM file; default: those that the "
        "system trusts.",
        kind=str,
    )
    tls_cert: str | None = option(
        None,
        "The certificate that an https server asks for: a PEM file, its issuers included.",
        kind=str,
    )
    tls_key: str | None = option(
        None,
        "Its private key: a PEM file; default: the file of the certificate.",
        kind=str,
        private=True,
    )
    proxy: str | None = option(
        None,
        "URL of an HTTP proxy, '' for none; default: what http_proxy, https_proxy and no_proxy of "
        "the environment say, which never concerns this host.",
        kind=str,
        check=_proxy_fault,
    )
    _tls: ssl.SSLContext | None = attrs.field(default=None, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password go together: set both or none")
        named = any(name.lower() == _AUTHORIZATION for name in self.headers)
        if (self.username is not None) + (self.bearer is not None) + named > 1:
            raise ValueError(
                "bearer: a request has one Authorization: set either bearer, or username and "
                "password, or that of headers"
            )
        if urlsplit(self.url).scheme == "https":
            self._tls = client_context(self.tls_ca, self.tls_cert, self.tls_key)
            return
        for key in ("tls_ca", "tls_cert", "tls_key"):
            if getattr(self, key) is not None:
                raise ValueError(f"{key}: url must begin with https:// for it")

    @property
    def files(self) -> tuple[str, ...]:
        """What was read beside the configuration: a reload looks whether it has changed."""
        return tuple(filter(None, (self.tls_ca, self.tls_cert, self.tls_key)))

    @property
    def exposure(self) -> str | None:
        """Who can read the secrets on the network, and the remedy; None if nobody can."""
        parts = urlsplit(self.url)
        what = "password" if self.username else "token" if self.bearer else ""
        what = what or ("header fields" if self.headers else "")
        if not what or parts.scheme == "https" or on_loopback(parts.hostname or ""):
            return None
        return f"sends its {what} unencrypted: use https:// instead of {self.url}"

    def connect(self, deadline: float) -> http.Connection:
        """Return an open connection to the server; raises as :func:`http.connect`.

        Args:
            deadline: monotonic moment at which everything ends, reading the reply included.
        """
        return http.connect(self.url, deadline, tls=self._tls, proxy=self.proxy)

    def fields(self, given: Mapping[str, str]) -> dict[str, str]:
        """Return header fields with those of the configuration."""
        fields = {**self.headers, **given}
        if self.username is not None:
            fields["Authorization"] = basic_authorization(self.username, self.password or "")
        if self.bearer is not None:
            fields["Authorization"] = f"Bearer {self.bearer}"
        return fields
