"""ASGI middleware (version 3 of the specification).

Requests over HTTP are measured; WebSockets and lifespans pass. A request ends with the last
message of its answer: what an application does in the background afterwards is not its client's.
"""

from __future__ import annotations

from asyncio import CancelledError
from time import time
from types import MethodType
from typing import TYPE_CHECKING, Any

from sampler._instruments import free_threading
from sampler._runtime.native import get_ident
from sampler.web._frameworks import KEY, STARLETTE, of_starlette
from sampler.web._middleware import OVERLOADED, SHED_HEADERS, Middleware, server_timing
from sampler.web._state import clock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sampler.web._state import State

    Message = Any
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]

_CANCELLED = CancelledError, GeneratorExit
_START, _QUEUE = b"x-request-start", b"x-queue-start"
_STAMPS = frozenset((_START, _QUEUE))
_LARGE = 65_535
"""Bytes from which on the last block of an answer is timed, too: servers' buffers hold less."""
_HEADERS = [(name.lower().encode(), value.encode()) for name, value in SHED_HEADERS]


class _Body:
    """What has come of a request's body.

    Attributes:
        size: bytes.
        seconds: of the reads that have ended.
        reading: when a read began that has not ended, or 0.0.
        whole: all has come.
    """

    __slots__ = ("reading", "seconds", "size", "whole")

    def __init__(self) -> None:
        self.size = 0
        self.seconds = self.reading = 0.0
        self.whole = False


class Request:
    """The record of a request, with the ``receive`` and ``send`` that its application gets.

    Attributes:
        state: what it adds to.
        scope: its scope.
        method: its method.
        status: the code of its answer; 0 before that has begun.
        body: what has come of its body, once the application has asked for it.
        began: see :class:`sampler.web._state.Active`, as the next one.
        writing: likewise.
        written: seconds of the writes that have ended.
        size: bytes of the answer so far.
        gone: the client has left.
        server_receive: the server's ``receive``.
        server_send: the server's ``send``.
        age: seconds that it has waited; -1.0: nobody knows.
    """

    __slots__ = (
        "age",
        "began",
        "body",
        "gone",
        "method",
        "scope",
        "server_receive",
        "server_send",
        "size",
        "state",
        "status",
        "writing",
        "written",
    )

    state: State
    scope: Any
    method: Any
    status: int
    body: _Body | None
    began: float
    writing: float
    written: float
    size: int
    gone: bool
    server_receive: Receive
    server_send: Send
    age: float

    @property
    def reading(self) -> float:
        """When a read of its body began that has not ended, or 0.0."""
        return 0.0 if self.body is None else self.body.reading

    def send(self, message: Message) -> Awaitable[None]:
        """Pass on what the application says; the answer is the server's own awaitable."""
        try:
            kind = message["type"]
            if kind == "http.response.body":
                size = len(message.get("body", b""))
                self.size += size
                if message.get("more_body", False):
                    return self._write(message)
                self.end()
                if size > _LARGE:
                    return self._write(message)
            elif kind == "http.response.start":
                status = message["status"]
                self.status = status if type(status) is int else int(status)
        except (AttributeError, KeyError, TypeError, ValueError):  # no message: the server says so
            pass
        return self.server_send(message)

    async def _write(self, message: Message) -> None:
        """Pass on a block that the server may have to wait for."""
        self.writing = began = clock()
        try:
            await self.server_send(message)
        finally:
            self.writing = 0.0
            seconds = clock() - began
            if self in self.state.active:
                self.written += seconds
            else:  # it has ended with this block
                self.state.late_writes += seconds

    def timed_send(self, message: Message) -> Awaitable[None]:
        """Do that with a header ``Server-Timing`` more."""
        try:
            if message["type"] == "http.response.start":
                timing = server_timing(clock() - self.began, self.age).encode()
                headers = [*message.get("headers", ()), (b"server-timing", timing)]
                message = {**message, "headers": headers}
        except (AttributeError, KeyError, TypeError):  # as above
            pass
        return self.send(message)

    async def receive(self) -> Message:
        """Return the server's next message; note what has come, or that the client has left."""
        body = self.body
        if body is None:
            body = self.body = _Body()
        if body.whole:  # it waits for the client to leave: that is no read
            message = await self.server_receive()
        else:
            body.reading = began = clock()
            try:
                message = await self.server_receive()
            finally:
                body.reading = 0.0
                body.seconds += clock() - began
        try:
            kind = message["type"]
            if kind == "http.request":
                body.size += len(message.get("body", b""))
                body.whole = not message.get("more_body", False)
            elif kind == "http.disconnect":
                self.gone = True
        except (AttributeError, KeyError, TypeError):  # a server's own idea of a message
            pass
        return message

    def end(self, error: type[BaseException] | None = None) -> None:
        """Count the request.

        Args:
            error: the class of the exception that has ended it.
        """
        now = clock()
        state = self.state
        seconds = now - self.began
        try:
            del state.active[self]  # from here to busy: no call, no backward jump
        except KeyError:  # it has ended
            if error is not None:
                self._failed_later(error)
            return
        state.busy += seconds
        scope = self.scope
        route = scope.pop(KEY, "")
        if STARLETTE in scope:
            route = of_starlette(scope)
        send = self.server_send
        if type(send) is MethodType and not self.gone:  # only uvicorn tells
            cycle: Any = send.__self__  # pyright: ignore[reportFunctionMemberAccess]
            self.gone = getattr(cycle, "disconnected", False) is True
        if error is not None or self.gone:
            self._odd(error)
        body = self.body
        if body is not None and body.size:
            state.received += (body.size, body.seconds)
        kind = self.method, self.status, route
        numbers = seconds, self.size, self.written
        try:
            ended = state.done[kind]
            ended += numbers
            if len(ended) >= state.many:
                state.fold()
        except (KeyError, TypeError):
            state.meet(kind, numbers)

    def _odd(self, error: type[BaseException] | None) -> None:
        """Count a client that has left, or an error."""
        if error is not None and not issubclass(error, _CANCELLED):
            if issubclass(error, OSError) and self.status:
                self.gone = True  # it could not be sent
            else:
                self.state.raised(error)
                if not self.gone and not self.size:  # the client gets the server's own answer
                    self.status = 500
        elif error is not None:
            self.gone = True
        if self.gone:
            self.state.abandoned += 1

    def _failed_later(self, error: type[BaseException]) -> None:
        """Count what is raised once all of the answer was given."""
        if issubclass(error, _CANCELLED):
            return
        if not issubclass(error, OSError):
            self.state.raised(error)
        elif not self.gone:
            self.gone = True
            self.state.abandoned += 1


if free_threading.NEEDED:
    free_threading.guard(Request, methods=("end",))


class ASGI(Middleware):
    """An ASGI application around another one, which measures what goes through.

    The numbers are those of the sampler ``http.server`` (docs/web.md).
    """

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Serve a connection."""
        if scope["type"] != "http" or KEY in scope:  # in: it is measured already, further out
            await self._application(scope, receive, send)
            return
        scope[KEY] = ""
        state = self._state
        if not state.modules:
            state.begin()
        request = Request()
        request.state = state
        request.scope = scope
        try:
            request.method, headers = scope["method"], scope["headers"]
        except KeyError:  # a server's own idea of a scope
            request.method, headers = scope.get("method", ""), scope.get("headers", ())
        request.server_receive = receive
        request.server_send = send
        request.status = 0
        request.body = None
        request.writing = request.written = 0.0
        request.size = 0
        request.gone = False
        active = state.active
        request.began = clock()
        active[request] = True
        count = len(active)
        state.peak = max(state.peak, count)
        stamp = b""
        for name, value in headers:
            if name in _STAMPS:
                stamp = _best(headers) if stamp else value
        request.age = -1.0
        if stamp:
            client = scope.get("client")
            request.age = age = self._waited(stamp, client[0] if client else "", time())
            if age > self._shed:
                await _turn_away(request)
                return
        if get_ident() not in state.served:
            state.threads.meet()
        send = request.timed_send if self._server_timing else request.send
        try:
            await self._application(scope, request.receive, send)
        except BaseException as error:
            request.end(type(error))
            raise
        request.end()


def _best(headers: Any) -> bytes:
    """Return the stamp of several; two of one name are a list, which is none."""
    for wanted in (_START, _QUEUE):
        found = [value for name, value in headers if name == wanted]
        if found:
            return b", ".join(found)
    return b""


async def _turn_away(request: Request) -> None:
    """Answer a request that has waited too long."""
    request.state.shed += 1
    try:
        await request.send({"type": "http.response.start", "status": 503, "headers": _HEADERS})
        body = b"" if request.method == "HEAD" else OVERLOADED
        await request.send({"type": "http.response.body", "body": body})
    except BaseException as error:
        request.end(type(error))
        raise
