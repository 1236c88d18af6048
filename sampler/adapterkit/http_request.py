"""One request as a server reads it, and the head of its answer."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import attrs
import h11

from sampler.adapterkit.http_head import MAX_LINE, BadMessage, Head, has_controls

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PLAIN = "text/plain; charset=utf-8"
"""Content type of plain text."""


@attrs.frozen
class Request:
    """The head of a request. A body, and what follows it, is never read.

    Attributes:
        method: as in ``GET``.
        path: what is asked for, without ``?`` and what follows; as it came, nothing is decoded.
        query: what follows the first ``?``.
        authority: host and port that it means: of the target, where that is a whole URL, else
            its ``Host``; None: it names none.
        fields: header fields by name in lower case, as Latin-1; those that came several times
            are joined by ``", "``.
    """

    method: str
    path: str
    query: str = ""
    authority: str | None = None
    fields: Mapping[str, str] = attrs.field(factory=dict)


def _taken(_: bool) -> None:
    """Nothing is counted."""


@attrs.frozen(eq=False)
class Answer:
    """What one client gets.

    Attributes:
        status: the status code, from 200 on.
        body: the content, which is not copied; default: what the status says.
        kind: its content type.
        fields: further header fields.
        settle: called once: with True when the client took it whole, False when it left early.
    """

    status: int
    body: bytes = b""
    kind: str = PLAIN
    fields: tuple[tuple[str, str], ...] = ()
    settle: Callable[[bool], object] = attrs.field(default=_taken, repr=False)


def phrase(status: int) -> str:
    """Return what a status code says, or nothing when it is unknown."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def plain(status: int, why: str = "", fields: tuple[tuple[str, str], ...] = ()) -> Answer:
    """Return an answer in one line of text.

    Args:
        status: the status code.
        why: a sentence that follows what the status says.
        fields: further header fields.
    """
    said = f"{status} {phrase(status)}"
    return Answer(
        status, f"{said}: {why}\n".encode() if why else f"{said}\n".encode(), PLAIN, fields
    )


class Exchange:
    """One request and its answer: the only ones of their connection."""

    def __init__(self) -> None:
        self._head = Head(MAX_LINE)
        self._codec = h11.Connection(h11.SERVER)
        self._head_only = False

    def receive(self, data: bytes) -> Request | None:
        """Take what came; return the request once its head is whole.

        Raises:
            BadMessage: it is none.
        """
        head = self._head.feed(data)
        if head is None:
            return None
        if b"\n " in head or b"\n\t" in head:  # RFC 9112, 5.2: or replaced, which nobody needs
            raise BadMessage("a folded line in its head")
        self._codec.receive_data(head)
        try:
            event = self._codec.next_event()
        except h11.RemoteProtocolError as error:
            raise BadMessage("it is no request", error.error_status_hint) from None
        if not isinstance(event, h11.Request):
            raise BadMessage("no request")
        return self._read(event)

    def parts(self, answer: Answer) -> list[bytes]:
        """Return the bytes of an answer, after which the connection ends; its body is shared.

        Raises:
            ValueError: a field has a control character in it.
        """
        body = answer.body or f"{answer.status} {phrase(answer.status)}\n".encode()
        lines = [f"HTTP/1.1 {answer.status} {phrase(answer.status)}"]
        lines += [
            f"{name}: {text}" for name, text in (("Content-Type", answer.kind), *answer.fields)
        ]
        if answer.body or not self._head_only:
            lines.append(f"Content-Length: {len(body)}")
        lines.append("Connection: close")
        # By h11 this would take another tenth of a small scrape, to check what is our own.
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        if head.count(b"\n") != len(lines) + 1 or has_controls(head):
            raise ValueError("a field of an answer has a control character in it")
        return [head] if self._head_only else [head, body]

    def _read(self, event: h11.Request) -> Request:
        if not event.http_version.startswith(b"1."):
            raise BadMessage("HTTP/1.0 and HTTP/1.1 are spoken here", 505)
        fields: dict[str, list[str]] = {}
        for name, value in event.headers.raw_items():
            fields.setdefault(name.decode("ascii").lower(), []).append(value.decode("latin-1"))
        joined = {name: ", ".join(values) for name, values in fields.items()}
        authority, path = _target(event.target.decode("ascii"))
        if event.http_version != b"1.0" and "host" not in joined:
            raise BadMessage("HTTP/1.1 needs a field Host")
        self._head_only = event.method == b"HEAD"
        path, _, query = path.partition("?")
        if authority is None:
            authority = joined.get("host")
        return Request(event.method.decode("ascii"), path, query, authority, joined)


def _target(target: str) -> tuple[str | None, str]:
    """Return the authority of a target, if it is a whole URL, and its path with what follows."""
    scheme, mark, rest = target.partition("://")
    if not mark or scheme.lower() not in ("http", "https"):
        return None, target
    authority, slash, path = rest.partition("/")
    if "?" in authority:
        authority, _, query = rest.partition("?")
        return authority, f"/?{query}"
    return authority, slash + path or "/"
