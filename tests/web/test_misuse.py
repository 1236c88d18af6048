"""Applications that break their protocol: the client gets what it would get without us.

Each application is run twice, bare and with middleware, by a strict server. Whatever it does, the
answers are equal, and the middleware has counted one request for each.
"""

from __future__ import annotations

import gc
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampler.web import ASGI
from tests.web.rig import aask, asgi, ask, numbers, wsgi

HEADERS = [("Content-Type", "text/plain")]


def raising():
    try:
        raise ZeroDivisionError("broken")
    except ZeroDivisionError:
        return sys.exc_info()


class Odd:
    """A body of one's own, which may raise at each step."""

    def __init__(self, blocks, raises=""):
        self._blocks, self._raises = list(blocks), raises

    def __iter__(self):
        self._step("iter")
        return self

    def __next__(self):
        self._step("next")
        if not self._blocks:
            raise StopIteration
        return self._blocks.pop(0)

    def close(self):
        self._step("close")

    def _step(self, name):
        if name == self._raises:
            raise EOFError(name)


class Text(str):
    __slots__ = ()


STEPS = {
    "start": lambda start, state: start("200 OK", list(HEADERS)),
    "start again": lambda start, state: start("404 Gone", []),
    "start odd": lambda start, state: start(Text("200 OK"), []),
    "start number": lambda start, state: start(200, []),
    "start none": lambda start, state: start(None, None),
    "start empty": lambda start, state: start("", []),
    "start list": lambda start, state: start(["200 OK"], []),
    "start tuple": lambda start, state: start("200 OK", tuple(HEADERS)),
    "start bare": lambda start, state: start(),
    "start many": lambda start, state: start("200 OK", [], None, None),
    "start error": lambda start, state: start("500 No", [], raising()),
    "write": lambda start, state: state["write"](b"written"),
    "write text": lambda start, state: state["write"]("written"),
    "write nothing": lambda start, state: state["write"](),
    "write none": lambda start, state: state["write"](None),
    "raise": lambda start, state: 1 / 0,
    "exit": lambda start, state: (_ for _ in ()).throw(NotImplementedError),
}
BODIES = {
    "list": lambda: [b"one", b"two"],
    "empty": list,
    "tuple": lambda: (b"one",),
    "generator": lambda: (each for each in (b"one", b"", b"two")),
    "none": lambda: None,
    "number": lambda: 5,
    "text": lambda: "text",
    "bytes": lambda: b"bytes",
    "texts": lambda: ["one", b"two"],
    "numbers": lambda: [1, 2],
    "nones": lambda: iter([b"one", None]),
    "set": lambda: {b"one"},
    "dict": lambda: {b"one": 1},
    "odd": lambda: Odd([b"one"]),
    "odd iter": lambda: Odd([b"one"], "iter"),
    "odd next": lambda: Odd([b"one"], "next"),
    "odd close": lambda: Odd([b"one"], "close"),
    "odd block": lambda: Odd([object()]),
}


def misused(steps, body, lazy):
    """Return an application that does these steps, at once or when it is iterated over."""

    def act(start_response):
        state = {}
        for step in steps:
            done = STEPS[step](start_response, state)
            if step.startswith("start"):
                state["write"] = done

    def application(environ, start_response):
        if not lazy:
            act(start_response)
            return BODIES[body]()
        return late(start_response)

    def late(start_response):
        act(start_response)
        yield from BODIES[body]()

    return application


@given(
    st.lists(st.sampled_from(sorted(STEPS)), max_size=4),
    st.sampled_from(sorted(BODIES)),
    st.booleans(),
    st.sampled_from(["GET", "HEAD", "POST", "\x00", "_"]),
    st.one_of(st.none(), st.integers(1, 3)),
    st.booleans(),
)
def test_a_client_sees_what_it_would_see(steps, body, lazy, method, most, timing):
    """Over WSGI: status, headers, body, and what the server has to deal with."""
    bare = ask(misused(steps, body, lazy), method=method, most=most)
    app, registry = wsgi(misused(steps, body, lazy), server_timing=timing)
    answer = ask(app, method=method, most=most)
    headers = tuple(each for each in answer.headers if each[0] != "Server-Timing")
    assert answer._replace(headers=headers, error="") == bare._replace(error="")
    assert answer.error.partition(":")[0] == bare.error.partition(":")[0]
    seen = numbers(registry)
    assert (seen["requests"], seen["active_requests"]) == (1, 0)
    assert seen["request.duration"].count == seen["response.body.size"].count == 1


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_what_ends_a_worker_passes(error):
    """And is counted."""

    def application(environ, start_response):
        raise error

    app, registry = wsgi(application)
    with pytest.raises(error):
        ask(app)
    assert numbers(registry)["requests GET 5xx"] == 1


def start(status=200, headers=((b"a", b"b"),)):
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


MESSAGES = {
    "start": start,
    "start text": lambda: start("200"),
    "start none": lambda: start(None),
    "start huge": lambda: start(10**9),
    "start bare": lambda: {"type": "http.response.start", "status": 204},
    "start no status": lambda: {"type": "http.response.start"},
    "start text headers": lambda: start(headers=[("a", "b")]),
    "more": lambda: {"type": "http.response.body", "body": b"one", "more_body": True},
    "last": lambda: {"type": "http.response.body", "body": b"two"},
    "bare": lambda: {"type": "http.response.body"},
    "text": lambda: {"type": "http.response.body", "body": "text", "more_body": True},
    "none body": lambda: {"type": "http.response.body", "body": None, "more_body": True},
    "unknown": lambda: {"type": "acme"},
    "no type": dict,
    "odd type": lambda: {"type": []},
    "list": list,
    "none": lambda: None,
}
ACTS = (*sorted(MESSAGES), "receive", "raise", "oserror", "forget")


def amisused(acts, swallow):
    """Return an application that does these acts, and may swallow what is raised."""

    async def application(scope, receive, send):
        for act in acts:
            try:
                if act == "receive":
                    await receive()
                elif act == "raise":
                    raise ZeroDivisionError
                elif act == "oserror":
                    raise OSError
                elif act == "forget":
                    return
                else:
                    await send(MESSAGES[act]())
            except Exception:
                if not swallow:
                    raise

    return application


@given(
    st.lists(st.sampled_from(ACTS), max_size=6),
    st.booleans(),
    st.one_of(st.none(), st.integers(0, 3)),
    st.booleans(),
)
def test_a_client_sees_what_it_would_see_over_asgi(acts, swallow, leaves, timing):
    """Nothing sent, sent twice, after the end, or what is no message."""
    acts = [act for n, act in enumerate(acts) if act != "receive" or n < 1]  # a second one waits
    bare = aask(amisused(acts, swallow), leaves=leaves)
    app, registry = asgi(amisused(acts, swallow), server_timing=timing)
    answer = aask(app, leaves=leaves)
    headers = tuple(each for each in answer.headers if each[0] != "server-timing")
    assert answer._replace(headers=headers) == bare
    seen = numbers(registry)
    assert (seen["requests"], seen["active_requests"]) == (1, 0)
    assert seen["request.duration"].count == seen["response.body.size"].count == 1


def test_an_old_application_of_two_calls_raises_as_ever():
    """ASGI 2 is a server's own matter; it raises what it raises without us."""

    def application(scope):
        raise AssertionError

    assert aask(ASGI(application)).error.startswith("TypeError")


@pytest.mark.parametrize("kind", ["paths", "methods", "statuses", "exceptions", "routes"])
def test_memory_is_bounded(kind):
    """With more different ones than anybody tells apart, and nobody who pulls."""

    def application(environ, start_response):
        if kind == "exceptions":
            raise type(f"Error{environ['PATH_INFO']}", (Exception,), {})
        if kind == "routes":
            environ["sampler.web"] = environ["PATH_INFO"]
        number = environ["PATH_INFO"] if kind == "statuses" else ""
        start_response(f"200 OK{number}", [])
        return []

    app, registry = wsgi(application)

    def serve(first, count):
        for number in range(first, first + count):
            method = f"M{number}" if kind == "methods" else "GET"
            ask(app, path=f"/{number}", method=method)

    tracemalloc = pytest.importorskip("tracemalloc")
    serve(0, 3_000)
    tracemalloc.start()
    try:
        serve(3_000, 500)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        serve(10_000, 3_000)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 300_000
    seen = numbers(registry)
    assert seen["requests"] == 6_500
    assert sum(key.startswith("requests ") for key in seen) <= 250
