"""One request as a server reads it, and its answer."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import attrs
import h11

from sampler.adapterkit._http.head import MAX_LINE, BadMessage, Head, has_controls

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PLAIN_TEXT = "text/plain; charset=utf-8"
"""Content type of plain text."""


@attrs.frozen
class Request:
    """The head of a request. Its body, and whatever follows, is never used.

    Attributes:
        method: such as ``GET``.
        path: the path without the query, as it was sent: percent-encoding is not decoded.
        query: what follows the first ``?``.
        authority: the requested host and port: from the target, where that is a whole URL, else
            from ``Host``; None where neither names one.
        fields: header fields by name in lower case, decoded as Latin-1; repeated fields are
            joined by ``", "``.
    """

    method: str
    path: str
    query: str = ""
    authority: str | None = None
    fields: Mapping[str, str] = attrs.field(factory=dict)


def _ignore(_: bool) -> None:
    """Do nothing."""


@attrs.frozen(eq=False)
class Answer:
    """The answer to one request.

    Attributes:
        status: the status code, 200 or more.
        body: the content, in one or several parts, which are not copied; default: the phrase of
            the status.
        content_type: of the body.
        fields: further header fields.
        settle: called once: with True when the client took all of it, else with False.
    """

    status: int
    body: bytes | tuple[bytes, ...] = b""
    content_type: str = PLAIN_TEXT
    fields: tuple[tuple[str, str], ...] = ()
    settle: Callable[[bool], object] = _ignore


def phrase(status: int) -> str:
    """Return the phrase of a status code, such as ``Not Found``; empty when it is unknown."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def plain_answer(status: int, why: str = "", fields: tuple[tuple[str, str], ...] = ()) -> Answer:
    """Return an answer that is one line of plain text.

    Args:
        status: the status code.
        why: added after the phrase of the status.
        fields: further header fields.
    """
    said = f"{status} {phrase(status)}"
    return Answer(
        status, f"{said}: {why}\n".encode() if why else f"{said}\n".encode(), PLAIN_TEXT, fields
    )


class Exchange:
    """The one request of a connection, and its answer."""

    def __init__(self) -> None:
        self._head = Head(MAX_LINE)
        self._codec = h11.Connection(h11.SERVER)
        self._head_only = False

    def receive(self, data: bytes) -> Request | None:
        """Add received bytes; return the request once its head is complete.

        Raises:
            BadMessage: this is not an acceptable request.
        """
        head = self._head.feed(data)
        if head is None:
            return None
        if b"\n " in head or b"\n\t" in head:  # RFC 9112, 5.2 allows to refuse it
            raise BadMessage("a folded line in its head")
        self._codec.receive_data(head)
        try:
            event = self._codec.next_event()
        except h11.RemoteProtocolError as error:
            raise BadMessage("not an HTTP request", error.error_status_hint) from None
        if not isinstance(event, h11.Request):
            raise BadMessage("not an HTTP request")
        return self._read(event)

    def parts(self, answer: Answer) -> list[bytes]:
        """Return the head and the body of an answer as bytes; the body is not copied.

        Raises:
            ValueError: a field has a control character.
        """
        body = answer.body or f"{answer.status} {phrase(answer.status)}\n".encode()
        parts = (body,) if isinstance(body, bytes) else body
        lines = [f"HTTP/1.1 {answer.status} {phrase(answer.status)}"]
        lines += [
            f"{name}: {text}"
            for name, text in (("Content-Type", answer.content_type), *answer.fields)
        ]
        if answer.body or not self._head_only:
            lines.append(f"Content-Length: {sum(map(len, parts))}")
        lines.append("Connection: close")
        # With h11, which checks it once more, a small scrape takes a tenth longer.
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        if head.count(b"\n") != len(lines) + 1 or has_controls(head):
            raise ValueError("a header field of an answer has a control character")
        return [head] if self._head_only else [head, *parts]

    def _read(self, event: h11.Request) -> Request:
        if not event.http_version.startswith(b"1."):
            raise BadMessage("only HTTP/1.0 and HTTP/1.1 are supported", 505)
        fields: dict[str, list[str]] = {}
        for name, value in event.headers.raw_items():
            fields.setdefault(name.decode("ascii").lower(), []).append(value.decode("latin-1"))
        joined = {name: ", ".join(values) for name, values in fields.items()}
        authority, path = _target(event.target.decode("ascii"))
        if event.http_version != b"1.0" and "host" not in joined:
            raise BadMessage("an HTTP/1.1 request needs the field Host")
        self._head_only = event.method == b"HEAD"
        path, _, query = path.partition("?")
        if authority is None:
            authority = joined.get("host")
        return Request(event.method.decode("ascii"), path, query, authority, joined)


def _target(target: str) -> tuple[str | None, str]:
    """Split a target into its authority, None unless it is a whole URL, and path with query."""
    scheme, mark, rest = target.partition("://")
    if not mark or scheme.lower() not in ("http", "https"):
        return None, target
    authority = rest.partition("/")[0].partition("?")[0]
    path = rest[len(authority) :]
    return authority, path if path.startswith("/") else f"/{path}"
