"""What adapters that post batches over HTTP have in common: one request, and what replies mean.

.. code-block:: python

    @attrs.define(eq=False)
    class JSONPost(HTTPPush):
        backend = "my store"
        url: str = option("http://127.0.0.1:8080", "Where to post to.", check=url_fault)

        def send(self, batch, timeout):
            if batch.frames:
                self.post("/lines", "application/x-ndjson", b"".join(batch.frames), timeout)
            else:
                self.request("GET", "/", timeout)
            return DELIVERED
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, ClassVar, NoReturn
from urllib.parse import urlsplit

import attrs

from sampler.adapterkit.http_options import HTTPOptions
from sampler.adapterkit.tls import tls_fault
from sampler.agent import Rejected, Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sampler.adapterkit import http

__all__ = ["HTTPPush"]

_LATER = (408, 425, 429)
_PROXY_AUTHENTICATION = 407
_TOO_LARGE = 413
_WHATEVER_IT_IS = frozenset((401, 402, 403, 404, 405, 406, 407, 410, 411, 415, 421, 426, 451))
"""Refusals that are not about what was sent."""


@attrs.define(eq=False)
class HTTPPush(HTTPOptions):
    """A base class: the keys of :class:`HTTPOptions`, and requests.

    Attributes:
        backend: what receives, for errors.
    """

    backend: ClassVar[str] = "the server"

    def post(
        self,
        path: str,
        content_type: str,
        body: bytes,
        timeout: float,
        *,
        gzip: bool = False,
        fields: Mapping[str, str] | None = None,
    ) -> http.Reply:
        """Post a body, and return the reply of a server that has accepted it.

        Args:
            path: path and query, which are appended to the URL's.
            content_type: what the body is.
            body: the content.
            timeout: seconds for all of it.
            gzip: compress the body.
            fields: more header fields, as that of a body which is compressed already.

        Raises:
            Unavailable: no reply, or one that asks to try later.
            Rejected: the server refuses this; ``too_large`` if because of its size.
        """
        given = {"Content-Type": content_type, **(fields or {})}
        return self.request("POST", path, timeout, body, gzip=gzip, fields=given)

    def request(
        self,
        method: str,
        path: str,
        timeout: float,
        body: bytes | None = None,
        *,
        gzip: bool = False,
        fields: Mapping[str, str] | None = None,
    ) -> http.Reply:
        """Make one request; arguments and errors are as for :meth:`post`."""
        target = path if path or urlsplit(self.url).path.rstrip("/") else "/"
        try:
            with self.connect(monotonic() + timeout) as connection:
                reply = connection.request(
                    method, target, self.fields(fields or {}), body, gzip=gzip
                )
        except (OSError, ValueError) as error:
            said = tls_fault(error) or str(error) or type(error).__name__
            raise Unavailable(f"{self.where}: {said}") from None
        if not 200 <= reply.status < 300:
            self.refuse(reply)
        return reply

    def refuse(self, reply: http.Reply) -> NoReturn:
        """Raise what a reply means that is no success.

        Raises:
            Unavailable: try later: 408, 425, 429, or an error of the server.
            Rejected: any other; as a whole where that is not about what was sent.
        """
        status, reason, text = reply.status, "rejected", reply.text
        if status in _LATER or status >= 500:
            raise Unavailable(f"{self.where} answers {status}: {text}", reply.retry_after)
        if 300 <= status < 400:
            text = "it redirects: set url to the address that it redirects to"
        elif status in (401, 403):
            reason = "unauthorized"
            text = "it requires other credentials: set username and password, or bearer"
        elif status == _PROXY_AUTHENTICATION:
            reason = "unauthorized"
            text = "the proxy requires a name and a password: set them in the environment"
        elif status == _TOO_LARGE:
            reason = "too_large"
        whole = status in _WHATEVER_IT_IS or 300 <= status < 400
        raise Rejected(reason, message=f"{self.where} refuses with {status}: {text}", whole=whole)

    @property
    def where(self) -> str:
        """What errors call the destination."""
        return f"{self.backend} at {self.url}"
