"""WSGI middleware (:pep:`3333`).

A request is one record, which is also the body that the server gets. It has two kinds, as servers
treat a list in memory otherwise than what is made block by block; neither is a list, as some
servers never close one.
"""

from __future__ import annotations

import sys
from time import time
from typing import TYPE_CHECKING, Any

from sampler._instruments import free_threading
from sampler._runtime.native import get_ident
from sampler.web._frameworks import FLASK, KEY
from sampler.web._input import Input
from sampler.web._middleware import OVERLOADED, SHED_HEADERS, Middleware, server_timing
from sampler.web._stamps import LENGTH
from sampler.web._state import MOST_ACTIVE, clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from sampler.web._state import State

    Environ = dict[str, Any]
    StartResponse = Callable[..., Any]

_exception = sys.exception
_START, _QUEUE, _MOD_WSGI = "HTTP_X_REQUEST_START", "HTTP_X_QUEUE_START", "mod_wsgi.request_start"
_WRAPPER = "wsgi.file_wrapper"
_MOST_KINDS = 100


class Request:
    """The record of a request, and the body of its answer.

    Attributes:
        state: what it adds to.
        environ: its environ.
        method: its method.
        start: the server's ``start_response``.
        status: what that was told.
        input: its body, if it has one.
        began: see :class:`sampler.web._state.Active`, as the next one.
        writing: likewise.
        written: seconds of the writes that have ended.
        size: bytes of the answer so far.
        body: what the application has returned.
        taken: the application had nothing more to give.
        failed: the class of what it raised after that, or None.
        age: seconds that it has waited; -1.0: nobody knows.
    """

    __slots__ = (
        "_write",
        "age",
        "began",
        "body",
        "environ",
        "failed",
        "input",
        "method",
        "size",
        "start",
        "state",
        "status",
        "taken",
        "writing",
        "written",
    )

    state: State
    environ: Environ
    method: str
    start: StartResponse
    status: Any
    input: Input | None
    began: float
    writing: float
    written: float
    size: int
    body: Any
    taken: bool
    failed: type[BaseException] | None
    age: float

    @property
    def reading(self) -> float:
        """When a read of its body began that has not ended, or 0.0."""
        return 0.0 if self.input is None else self.input.reading

    def start_response(self, status: str, headers: Any, exc_info: Any = None) -> Any:
        """Pass on what the application says; note the status once the server has taken it."""
        if exc_info is None:
            self._write = self.start(status, headers)
        else:
            try:
                self._write = self.start(status, headers, exc_info)
            finally:
                exc_info = None
        self.status = status
        environ = self.environ
        if FLASK in environ:  # which forgets its request before the answer is closed
            try:  # noqa: SIM105 - as below
                environ[KEY] = environ[FLASK].url_rule.rule
            except Exception:  # noqa: S110 - another user of Werkzeug, or no rule has matched
                pass
        return self.write

    def timed_start_response(self, status: str, headers: Any, exc_info: Any = None) -> Any:
        """Do that with a header ``Server-Timing`` more."""
        if type(headers) is list:  # else the server says what is wrong
            timing = server_timing(clock() - self.began, self.age)
            headers = [*headers, ("Server-Timing", timing)]
        try:
            return self.start_response(status, headers, exc_info)
        finally:
            exc_info = None

    def write(self, data: bytes) -> Any:
        """Pass on a block."""
        self.writing = began = clock()
        try:
            return self._write(data)
        finally:
            self.writing = 0.0
            self.written += clock() - began
            self.size += _size((data,))

    def __iter__(self) -> Iterator[bytes]:
        """Yield the blocks; where it stops tells whether all of them were taken."""
        try:
            for block in self.body:
                try:  # noqa: SIM105 - it would be dearer
                    self.size += len(block)
                except Exception:  # noqa: S110 - no bytes: the server says so
                    pass
                self.writing = began = clock()
                yield block
                self.writing = 0.0
                self.written += clock() - began
            self.taken = True
        except GeneratorExit:
            raise
        except BaseException as error:
            self.failed = type(error)
            raise

    def close(self) -> None:
        """End, after the application's own ``close``, which does as it would without us."""
        try:
            close = self.body.close
        except AttributeError:
            self.end(self.failed, self.taken)
            return
        try:
            close()
        except BaseException as error:
            self.failed = self.failed or type(error)
            raise
        finally:
            self.end(self.failed, self.taken)

    def end(self, error: type[BaseException] | None = None, complete: bool = True) -> None:
        """Count the request.

        Args:
            error: the class of the exception that has ended it.
            complete: the server has taken all of the answer.
        """
        now = clock()
        state = self.state
        seconds = now - self.began
        try:
            del state.active[self]  # from here to busy: no call, no backward jump
        except KeyError:  # it has ended
            return
        state.busy += seconds
        environ = self.environ
        route = environ.pop(KEY, "")
        written = self.written
        if self.writing:
            written += now - self.writing
            self.writing = 0.0
        if error is not None or not complete or _exception() is not None:
            self._odd(error, complete)
        if self.input is not None:
            state.received += (self.input.size, self.input.seconds)
        kind = self.method, self.status, route
        numbers = seconds, self.size, written
        try:
            ended = state.done[kind]
            ended += numbers
            if len(ended) >= state.many:
                state.fold()
        except (KeyError, TypeError):
            state.meet(kind, numbers)

    def _odd(self, error: type[BaseException] | None, complete: bool) -> None:
        """Count an error, or a client that has left."""
        state = self.state
        if error is not None:
            state.raised(error)
            if not self.size:  # the client gets the server's own answer
                self.status = "500"
        elif self.method != "HEAD" and (not complete or isinstance(_exception(), OSError)):
            state.abandoned += 1


class Sized(Request):
    """An answer of the application's own kind that has a length."""

    __slots__ = ()

    def __len__(self) -> int:
        return len(self.body)


class InMemory(Request):
    """A list or tuple of blocks: a server may take its length, and iterates over it without us."""

    __slots__ = ()

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.body)

    def __len__(self) -> int:
        return len(self.body)

    def __getitem__(self, index: Any) -> Any:
        return self.body[index]


if free_threading.NEEDED:
    free_threading.guard(Request, methods=("end",))
InMemory.close = Request.end  # type: ignore[method-assign]


_kinds: dict[type, type[Request]] = {}
"""Kinds of bodies that are no lists, to what they get."""


class WSGI(Middleware):
    """A WSGI application around another one, which measures what goes through.

    The numbers are those of the sampler ``http.server`` (docs/web.md).
    """

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serve a request."""
        if KEY in environ:  # it is measured already, further out
            return self._application(environ, start_response)  # type: ignore[no-any-return]
        environ[KEY] = ""
        state = self._state
        if not state.modules:
            state.begin()
        request = Request()
        request.state = state
        request.environ = environ
        request.method = environ.get("REQUEST_METHOD")  # type: ignore[assignment]
        request.start = start_response
        request.status = request.input = None
        request.writing = request.written = 0.0
        request.size = 0
        active = state.active
        request.began = clock()
        active[request] = True
        count = len(active)
        if count > state.peak:
            if count <= MOST_ACTIVE:
                state.peak = count
            else:
                state.forget_oldest()
        request.age = -1.0
        stamp = environ.get(_START) or environ.get(_QUEUE)
        if stamp or _MOD_WSGI in environ:
            peer = environ.get("REMOTE_ADDR", "")
            if not stamp:
                stamp, peer = environ[_MOD_WSGI], ""  # the server's own word
            if self._ages_now or type(stamp) is not str or len(stamp) > LENGTH:
                request.age = age = self._waited(stamp, peer, time())
                if age > self._shed:
                    return self._turned_away(request)
            else:
                noted = self._waited, stamp, peer, time()
                stamps = state.stamps
                stamps += noted  # no call since it was taken: fold() takes all of it, or none
        if "CONTENT_LENGTH" in environ or "HTTP_TRANSFER_ENCODING" in environ:
            _measure_input(request, environ)
        if get_ident() not in state.served:
            state.threads.meet()
        start = request.timed_start_response if self._server_timing else request.start_response
        try:
            body = self._application(environ, start)
        except BaseException as error:
            request.end(type(error), False)
            raise
        request.body = body
        kind = type(body)
        if kind is list or kind is tuple:
            request.__class__ = InMemory
            try:
                for block in body:
                    request.size += len(block)
            except Exception:  # noqa: S110 - no bytes: the server says so
                pass
            request.writing = clock()
            return request
        made = _kinds.get(kind)
        if made is None or kind is environ.get(_WRAPPER):
            answer: Iterable[bytes] = _other(request, body, environ)
            return answer
        request.__class__ = made
        request.taken = False
        request.failed = None
        return request

    def _turned_away(self, request: Request) -> Iterable[bytes]:
        """Answer a request that has waited too long."""
        self._state.shed += 1
        try:
            request.start_response("503 Service Unavailable", list(SHED_HEADERS))
        except BaseException as error:
            request.end(type(error), False)
            raise
        request.body = [] if request.method == "HEAD" else [OVERLOADED]
        request.size = _size(request.body)
        request.__class__ = InMemory
        request.writing = clock()
        return request


def _measure_input(request: Request, environ: Environ) -> None:
    length = environ.get("CONTENT_LENGTH")
    if length not in ("", "0") and "wsgi.input" in environ:
        environ["wsgi.input"] = request.input = Input(environ["wsgi.input"])


def _other(request: Request, body: Any, environ: Environ) -> Any:
    """Return what the server gets of a body of a kind that was not met: itself where it must."""
    kind = type(body)
    wrapper = environ.get(_WRAPPER)
    if wrapper is not None:
        if isinstance(wrapper, type):
            if isinstance(body, wrapper):
                return _hooked(request, body)
        elif hasattr(body, "read"):  # uWSGI knows the file again by which its wrapper was called
            request.end()
            return body
    if kind is bytes or not hasattr(kind, "__iter__"):  # some servers take it
        request.size = _size((body,))
        request.end()
        return body
    request.taken = False
    request.failed = None
    request.__class__ = made = Sized if hasattr(kind, "__len__") else Request
    if len(_kinds) < _MOST_KINDS and not hasattr(kind, "read"):
        _kinds[kind] = made
    return request


def _hooked(request: Request, body: Any) -> Any:
    """Return a file that the server sends by itself; the request ends as it is closed."""
    close = getattr(body, "close", None)

    def close_and_end() -> None:
        try:
            if close is not None:
                close()
        finally:
            request.end()

    request.writing = clock()
    try:
        body.close = close_and_end
    except (AttributeError, TypeError):  # of a class in C
        request.end()
    return body


def _size(blocks: Iterable[Any]) -> int:
    """Return how many bytes there are, as far as they are bytes."""
    size = 0
    try:
        for block in blocks:
            size += len(block)
    except Exception:  # noqa: S110 - no bytes: the server says so
        pass
    return size
