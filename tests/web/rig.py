"""Servers that do what PEP 3333 and ASGI ask of them, strictly, and what a consumer then sees."""

from __future__ import annotations

import asyncio
import io
import time
from collections import defaultdict
from typing import Any, NamedTuple
from wsgiref.util import setup_testing_defaults

import sampler
from sampler.web import ASGI, WSGI


class Answer(NamedTuple):
    """What a client gets; ``error``: what left the application in the server."""

    status: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    error: str = ""


def environ(
    method: str = "GET", path: str = "/", body: bytes = b"", **more: Any
) -> dict[str, Any]:
    """Return an environ as of a server on loopback."""
    made: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "REMOTE_ADDR": "127.0.0.1",
        "QUERY_STRING": "",
        "wsgi.input": io.BytesIO(body),
    }
    setup_testing_defaults(made)
    if body:
        made["CONTENT_LENGTH"] = str(len(body))
    return made | more


def ask(application: Any, *, most: int | None = None, **about: Any) -> Answer:
    """Serve one request over WSGI, and take so many blocks of the answer at most."""
    return served(application, environ(**about), most)


def served(application: Any, about: dict[str, Any], most: int | None = None) -> Answer:
    """Serve one request, as a strict server does."""
    said: list[Any] = []
    sent: list[bytes] = []

    def write(data: bytes) -> None:
        assert type(data) is bytes, "write() takes bytes"
        if not said:
            raise AssertionError("write() before start_response()")
        if data:
            sent.append(data)

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        if exc_info:
            try:
                if sent:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None
        elif said:
            raise AssertionError("start_response() was called before")
        assert type(status) is str, "a status is a text"
        assert len(status) >= 4, "a status has a code and a reason"
        assert type(headers) is list, "headers are a list"
        said[:] = [status, tuple(headers)]
        return write

    error = ""
    result = None
    try:
        result = application(about, start_response)
        for taken, block in enumerate(result, 1):
            write(block)
            if taken == most:
                break
    except Exception as raised:
        error = f"{type(raised).__name__}: {raised}"
    try:
        if hasattr(result, "close"):
            result.close()
    except Exception as raised:
        error += f" | close: {type(raised).__name__}: {raised}"
    status, headers = said or ("", ())
    return Answer(status, headers, b"".join(sent), error)


def wsgi(application: Any, **given: Any) -> tuple[WSGI, sampler.Registry]:
    """Return an application with middleware, and the registry with its numbers."""
    registry = sampler.Registry()
    return WSGI(application, registry=registry, **given), registry


def asgi(application: Any, **given: Any) -> tuple[ASGI, sampler.Registry]:
    """Return the same for ASGI."""
    registry = sampler.Registry()
    return ASGI(application, registry=registry, **given), registry


class Numbers:
    """What one consumer sees.

    Args:
        registry: what it pulls.
    """

    def __init__(self, registry: sampler.Registry) -> None:
        self._collector = sampler.Collector(registry, interval=10)

    def pull(self) -> dict[str, Any]:
        """Return totals by name; by name and label values where there are labels."""
        snapshot = self._collector.collect()
        assert not snapshot.failures, snapshot.failures
        found: dict[str, Any] = defaultdict(int)
        for series, value in snapshot:
            name = series.name.removeprefix("http.server.")
            key = " ".join((name, *series.labels.values()))
            found[key] = value
            if series.labels and not hasattr(value, "count"):
                found[name] += value
        return found


def numbers(registry: sampler.Registry) -> dict[str, Any]:
    """Return what a new consumer sees."""
    with sampler.Collector(registry, interval=10) as collector:
        collector.collect()
    return Numbers(registry).pull()


def stamp(ago: float, form: str = "t={:.3f}", unit: float = 1.0) -> str:
    """Return the stamp of a proxy that got the request so many seconds ago."""
    return form.format((time.time() - ago) * unit)


def scope(method: str = "GET", path: str = "/", headers: Any = (), **more: Any) -> dict[str, Any]:
    """Return the scope of a request."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [*headers],
        "client": ("127.0.0.1", 5000),
        "server": ("127.0.0.1", 80),
        **more,
    }


class Exchange:
    """One request over ASGI, served strictly: what is not allowed raises in the application.

    Args:
        about: the scope.
        body: of the request, in parts.
        leaves: the client leaves after so many sent messages; None: it stays.
    """

    def __init__(
        self, about: dict[str, Any], body: tuple[bytes, ...] = (b"",), leaves: int | None = None
    ) -> None:
        self.about = about
        self._parts = list(body)
        self._leaves = leaves
        self.sent: list[dict[str, Any]] = []
        self.error = ""
        self.complete = False

    async def receive(self) -> dict[str, Any]:
        if self._leaves == len(self.sent):
            return {"type": "http.disconnect"}
        if self._parts:
            part = self._parts.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(self._parts)}
        while not self.complete:  # noqa: ASYNC110 - as short as can be
            await asyncio.sleep(0)
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        if type(message) is not dict or type(message.get("type")) is not str:
            raise TypeError("a message is a dict with a type")
        if self._leaves is not None and len(self.sent) >= self._leaves:
            raise OSError("the client has left")
        kind = message["type"]
        started = bool(self.sent)
        if kind == "http.response.start" and not started:
            assert type(message["status"]) is int, "a status is a number"
            for name, value in message.get("headers", ()):
                assert type(name) is bytes, "names are bytes"
                assert type(value) is bytes, "values are bytes"
        elif kind == "http.response.body" and started and not self.complete:
            assert type(message.get("body", b"")) is bytes, "a body is bytes"
            self.complete = not message.get("more_body", False)
        else:
            raise RuntimeError(f"{kind} is not allowed here")
        self.sent.append(message)

    async def run(self, application: Any) -> Answer:
        """Run it; return what the client gets."""
        try:
            await application(self.about, self.receive, self.send)
        except Exception as raised:
            self.error = f"{type(raised).__name__}: {raised}"
        return self.answer()

    def answer(self) -> Answer:
        """Return what the client has got."""
        if not self.sent:
            return Answer(error=self.error)
        start, *rest = self.sent
        headers = [(n.decode(), v.decode()) for n, v in start.get("headers", ())]
        body = b"".join(message.get("body", b"") for message in rest)
        return Answer(str(start["status"]), tuple(headers), body, self.error)


def aask(
    application: Any,
    *,
    body: tuple[bytes, ...] = (b"",),
    leaves: int | None = None,
    **about: Any,
) -> Answer:
    """Serve one request over ASGI."""
    return asyncio.run(Exchange(scope(**about), body, leaves).run(application))
