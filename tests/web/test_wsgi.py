"""What WSGI middleware counts, and that nobody but the consumer notices it."""

from __future__ import annotations

import gc
import io
import os
import sys
import threading
import time
from wsgiref.util import FileWrapper
from wsgiref.validate import validator

import pytest

import sampler
from sampler.web import WSGI
from tests.support.waiting import wait_for
from tests.web.rig import Answer, Numbers, ask, environ, numbers, served, stamp, wsgi

TEXT = [("Content-Type", "text/plain")]


def listed(environ, start_response):
    start_response("200 OK", TEXT)
    return [b"one", b"two"]


def generated(environ, start_response):
    start_response("200 OK", TEXT)
    yield b"one"
    yield b"two"


class Closing:
    """A body that says when it is closed, and may raise then."""

    def __init__(self, blocks, error=None):
        self.blocks, self.error, self.closed = blocks, error, 0

    def __iter__(self):
        return iter(self.blocks)

    def close(self):
        self.closed += 1
        if self.error:
            raise self.error


@pytest.mark.parametrize("application", [listed, generated])
def test_one_request_is_one_of_each(application):
    """Count, duration and size; nothing is in progress afterwards."""
    app, registry = wsgi(application)
    assert ask(app) == Answer("200 OK", tuple(TEXT), b"onetwo")
    seen = numbers(registry)
    assert seen["requests GET 2xx"] == seen["requests"] == 1
    assert seen["request.duration"].count == 1
    assert (seen["response.body.size"].count, seen["response.body.size"].sum) == (1, 6)
    assert (seen["active_requests"], seen["active_requests.oldest"]) == (0, 0)
    assert seen["busy.time"] == seen["request.duration"].sum > 0
    assert seen["abandoned_requests"] == seen["exceptions"] == 0


@pytest.mark.parametrize("method", ["GET", "POST", "BREW", "get", "", "G" * 10_000])
@pytest.mark.parametrize("status", ["204 No", "301 Moved", "404 Not", "599 Odd", "999 Odd"])
def test_requests_are_told_apart_by_method_and_class(method, status):
    """Others than HTTP's nine methods and five classes are one each."""

    def application(environ, start_response):
        start_response(status, [])
        return []

    app, registry = wsgi(application)
    ask(app, method=method)
    known = method if method in ("GET", "POST") else "_OTHER"
    kind = f"{status[0]}xx" if status[0] < "6" else "_OTHER"
    assert numbers(registry)[f"requests {known} {kind}"] == 1


@pytest.mark.parametrize("kind", [list, tuple, iter, Closing])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_wsgiref_has_nothing_to_say(kind, method):
    """Rule 1: the middleware is an application to servers, and a server to applications."""

    def application(environ, start_response):
        environ["wsgi.input"].read(3)
        write = start_response("200 OK", TEXT)
        if method == "GET" and kind is Closing:
            write(b"zero")
        return kind([] if method == "HEAD" else [b"one", b"two"])

    app, registry = wsgi(validator(application))
    about = {"CONTENT_LENGTH": "3"}
    answer = ask(validator(app), method=method, body=b"abc", **about)
    assert answer.error == ""
    assert answer.body == {"HEAD": b""}.get(method, b"zeroonetwo"[4 * (kind is not Closing) :])
    seen = numbers(registry)
    assert seen["requests"] == 1
    assert seen["request.body.size"].sum == 3
    assert seen["response.body.size"].sum == len(answer.body)


def test_an_answer_is_no_list_and_keeps_its_length():
    """Rule 1: servers join lists and never close them; they ask what has a length for it."""
    app, _ = wsgi(listed)
    answer = app(environ(), lambda *_: None)
    assert not isinstance(answer, list)
    assert (len(answer), answer[1], list(answer)) == (2, b"two", [b"one", b"two"])
    app, _ = wsgi(generated)
    answer = app(environ(), lambda *_: None)
    assert not hasattr(answer, "__len__")
    assert not hasattr(answer, "__getitem__")

    class Sized(Closing):
        def __len__(self):
            return 1

    app, _ = wsgi(lambda environ, start: Sized([b"x"]))
    assert len(app(environ(), lambda *_: None)) == 1


def test_the_inner_close_is_called_in_ours_once():
    """Rule 2: not when the blocks are at an end, as a server may still be writing."""
    body = Closing([b"one"])
    app, registry = wsgi(lambda environ, start: start("200 OK", []) and body)
    answer = app(environ(), lambda *_: print)
    assert list(answer) == [b"one"]
    assert (body.closed, numbers(registry)["requests"]) == (0, 0)
    answer.close()
    assert (body.closed, numbers(registry)["requests"]) == (1, 1)


def test_a_close_that_raises_does_what_it_did():
    """Rule 2: the exception is the server's, and counted."""
    body = Closing([b"one"], OSError("broken"))
    app, registry = wsgi(lambda environ, start: start("200 OK", []) and body)
    assert ask(app).error == " | close: OSError: broken"
    seen = numbers(registry)
    assert (seen["requests GET 2xx"], seen["exceptions OSError"]) == (1, 1)


def test_busy_time_grows_while_a_request_runs():
    """Rule 3: it is that of the finished and the ages of the active, and it never falls."""
    entered, leave = threading.Event(), threading.Event()

    def application(environ, start_response):
        if environ["PATH_INFO"] == "/wait":
            entered.set()
            leave.wait(30)
        start_response("200 OK", [])
        return []

    app, registry = wsgi(application)
    consumer = Numbers(registry)
    consumer.pull()
    thread = threading.Thread(target=ask, args=(app,), kwargs={"path": "/wait"})
    thread.start()
    entered.wait(30)
    first = consumer.pull()
    wait_for(lambda: consumer.pull()["busy.time"] > first["busy.time"], 30, "it to grow")
    shown = [consumer.pull()["busy.time"] for _ in range(20)]
    assert first["active_requests"] == first["active_requests.max"] == 1
    assert first["active_requests.oldest"] > 0
    assert shown == sorted(shown)
    leave.set()
    thread.join(30)
    last = consumer.pull()
    assert last["busy.time"] >= shown[-1]
    assert last["active_requests"] == 0
    assert last["requests"] == 1


def test_busy_time_never_falls_under_stress():
    """Rule 3: while four threads serve and two consumers pull, no counter goes back."""
    app, registry = wsgi(generated)
    ended = threading.Event()

    def serve():
        while not ended.is_set():
            ask(app)

    threads = [threading.Thread(target=serve) for _ in range(4)]
    for each in threads:
        each.start()
    consumers = [Numbers(registry), Numbers(registry)]
    shown: list[list[float]] = [[], []]
    for _ in range(20):
        for consumer, values in zip(consumers, shown, strict=True):
            seen = consumer.pull()
            values.append(seen["busy.time"])
            assert seen["active_requests"] <= 4
    ended.set()
    for each in threads:
        each.join(30)
    assert all(values == sorted(values) for values in shown)


def test_nothing_is_lost_with_eight_threads():
    """Every request is counted once, and nothing is left in progress."""
    each, crowd = 2_000, 8
    app, registry = wsgi(listed)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [
            threading.Thread(target=lambda: [ask(app) for _ in range(each)]) for _ in range(crowd)
        ]
        for thread in threads:
            thread.start()
        consumer = Numbers(registry)
        while any(thread.is_alive() for thread in threads):
            consumer.pull()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    seen = numbers(registry)
    assert seen["requests"] == seen["request.duration"].count == each * crowd
    assert seen["response.body.size"].sum == each * crowd * 6
    assert (seen["active_requests"], seen["thread.count"]) == (0, 0)


def test_the_processor_time_of_a_thread_outlives_it():
    """Rule 4: it is read from outside while the thread lives, and settled at its end."""
    spent: list[float] = []

    def application(environ, start_response):
        until = time.thread_time() + 0.05
        while time.thread_time() < until:
            pass
        start_response("200 OK", [])
        return []

    app, registry = wsgi(application)

    def serve():
        before = time.thread_time()
        ask(app)
        spent.append(time.thread_time() - before)

    thread = threading.Thread(target=serve)
    thread.start()
    thread.join(30)
    wait_for(lambda: numbers(registry)["thread.count"] == 0, 30, "the thread to be forgotten")
    assert 0.05 <= numbers(registry)["thread.cpu.time"] <= spent[0] + 0.05


@pytest.mark.parametrize("application", [listed, generated])
def test_answers_that_are_never_closed_end_at_a_pull(application):
    """Rule 5: once the server has dropped them."""
    app, registry = wsgi(application)
    for _ in range(3):
        for _block in app(environ(), lambda *_: None):
            pass
    gc.collect()
    seen = numbers(registry)
    assert (seen["requests"], seen["active_requests"], seen["unclosed_requests"]) == (3, 0, 3)


def test_the_table_of_active_requests_is_bounded(monkeypatch):
    """Rule 5: a server that keeps answers open for ever costs a bounded number of them."""
    monkeypatch.setattr("sampler.web._wsgi.MOST_ACTIVE", 10)
    app, registry = wsgi(generated)
    kept = [app(environ(), lambda *_: None) for _ in range(50)]
    seen = numbers(registry)
    assert seen["active_requests"] <= 11
    assert seen["active_requests"] + seen["requests"] == len(kept)
    assert seen["unclosed_requests"] == seen["requests"] > 0


@pytest.mark.parametrize("said", ["200 OK", ""])
@pytest.mark.parametrize("where", ["call", "block", "later"])
def test_an_exception_before_any_block_is_a_5xx(said, where):
    """Rule 6: whatever status was said, the client gets the server's own."""

    def application(environ, start_response):
        if said:
            start_response(said, [])
        if where == "call":
            raise KeyError("broken")
        return blocks()

    def blocks():
        if where == "later":
            yield b"one"
        raise KeyError("broken")

    app, registry = wsgi(application)
    assert ask(app).error == (
        "KeyError: 'broken'" if said or where != "later" else ask(application).error
    )
    seen = numbers(registry)
    assert seen["requests"] == 1
    if said and where == "later":
        assert seen["requests GET 2xx"] == 1
    elif where != "later":
        assert seen["requests GET 5xx"] == seen["exceptions KeyError"] == 1


def test_a_client_that_leaves_is_counted():
    """Rule 6: the server takes only a part, or closes while it handles an OSError."""
    app, registry = wsgi(generated)
    ask(app, most=1)
    app_listed = WSGI(listed, registry=registry)
    answer = app_listed(environ(), lambda *_: None)
    try:
        raise BrokenPipeError
    except OSError:
        answer.close()
    seen = numbers(registry)
    assert (seen["abandoned_requests"], seen["requests"]) == (2, 2)
    assert seen["response.body.size"].sum == 3 + 6


def test_what_is_no_client_that_leaves():
    """Rule 6: HEAD takes no block, and a server may close while it handles anything else."""
    app, registry = wsgi(generated)
    ask(app, method="HEAD", most=1)
    answer = WSGI(listed, registry=registry)(environ(), lambda *_: None)
    try:
        raise ValueError
    except ValueError:
        answer.close()
    assert numbers(registry)["abandoned_requests"] == 0


def test_a_file_is_sent_by_the_servers_own_wrapper(tmp_path):
    """Rule 7: what is an instance of the server's class stays one, and its close is seen."""
    (tmp_path / "file").write_bytes(b"x" * 100)

    def application(environ, start_response):
        start_response("200 OK", TEXT)
        return environ["wsgi.file_wrapper"]((tmp_path / "file").open("rb"))

    app, registry = wsgi(application)
    answer = app(environ() | {"wsgi.file_wrapper": FileWrapper}, lambda *_: None)
    assert type(answer) is FileWrapper
    assert numbers(registry)["active_requests"] == 1
    assert b"".join(answer) == b"x" * 100
    answer.close()
    assert answer.filelike.closed
    assert numbers(registry)["requests GET 2xx"] == 1


def test_a_file_of_a_builtin_wrapper_is_passed_on():
    """Rule 7: uWSGI knows the object again by which its wrapper was called."""
    file = io.BytesIO(b"x")
    app, registry = wsgi(lambda environ, start: start("200 OK", []) and file)
    about = environ() | {"wsgi.file_wrapper": memoryview}
    about["wsgi.file_wrapper"] = getattr(file, "getvalue")  # noqa: B009 - some builtin
    assert app(about, lambda *_: print) is file
    assert numbers(registry)["requests"] == 1


def test_modules_are_counted_from_the_first_request_on():
    """Rule 9: what is imported between wrapping and serving is start-up, if it is pulled, too."""

    def application(environ, start_response):
        sys.modules[f"tests_web_{environ['PATH_INFO']}"] = sys
        return listed(environ, start_response)

    ask(wsgi(listed)[0])  # what our own code imports at first is none of it
    app, registry = wsgi(application)
    before = set(sys.modules)
    try:
        sys.modules["tests_web_before"] = sys
        assert numbers(registry)["modules.loaded"] == 0
        ask(app, path="one")
        ask(app, path="two")
        seen = numbers(registry)
    finally:
        for name in set(sys.modules) - before:
            del sys.modules[name]
    assert seen["modules.loaded"] == 2
    assert seen["first_request.duration"] > 0


def test_nested_middleware_counts_once():
    """Rule 11: also where applications are mounted in others."""
    registry = sampler.Registry()
    app = WSGI(WSGI(listed, registry=registry), registry=registry)
    assert ask(app).body == b"onetwo"
    assert numbers(registry)["requests"] == 1


def test_one_environ_may_be_served_again():
    """As some servers make one for all requests of a connection."""
    app, registry = wsgi(listed)
    about = environ()
    served(app, about)
    served(app, about)
    assert numbers(registry)["requests"] == 2


def test_every_consumer_has_a_view_of_its_own():
    """Several consumers each get the truth: totals, and the high-water mark since their pull."""
    inside = threading.Barrier(4)

    def application(environ, start_response):
        inside.wait(30)
        return listed(environ, start_response)

    app, registry = wsgi(application)
    often, seldom = Numbers(registry), Numbers(registry)
    seldom.pull()
    threads = [threading.Thread(target=ask, args=(app,)) for _ in range(3)]
    for each in threads:
        each.start()
    wait_for(lambda: often.pull()["active_requests"] == 3, 30, "three requests")
    inside.wait(30)
    for each in threads:
        each.join(30)
    often.pull()
    assert often.pull()["active_requests.max"] == 0
    assert seldom.pull()["active_requests.max"] == 3
    assert seldom.pull()["active_requests.max"] == 0
    assert often.pull()["requests"] == seldom.pull()["requests"] == 3


def test_a_forked_child_begins_at_zero():
    """What its parent has served is the parent's, and what it serves its own."""
    app, registry = wsgi(listed)
    ask(app)
    hanging = app(environ(), lambda *_: None)
    read, write = os.pipe()
    if not (pid := os.fork()):
        ask(app)
        hanging.close()
        seen = numbers(registry)
        os.write(write, f"{seen['requests']} {seen['active_requests']}".encode())
        os._exit(0)
    os.waitpid(pid, 0)
    assert os.read(read, 100) == b"1 0"
    assert numbers(registry)["active_requests"] == 1
    hanging.close()


def test_the_body_of_a_request_is_measured():
    """By each way to read it, and only where there is one."""

    def application(environ, start_response):
        body = environ["wsgi.input"]
        parts = [body.read(1), body.readline(), *body.readlines(1), next(body), *body]
        start_response("200 OK", [])
        return parts

    text = b"abc\nd\ne\nf\ng"
    app, registry = wsgi(application)
    assert ask(app, body=text).body == text
    ask(app)
    seen = numbers(registry)
    assert (seen["request.body.size"].count, seen["request.body.size"].sum) == (1, len(text))
    assert seen["request.read.time"] > 0


def test_a_read_in_progress_shows():
    """Rule 3: a body that does not come is seen while it does not come."""
    read, write = os.pipe()

    def application(environ, start_response):
        start_response("200 OK", [])
        return [environ["wsgi.input"].read(1)]

    app, registry = wsgi(application)
    with os.fdopen(read, "rb") as body, os.fdopen(write, "wb", 0) as client:
        about = environ(body=b"x") | {"wsgi.input": body}
        thread = threading.Thread(target=served, args=(app, about))
        thread.start()
        consumer = Numbers(registry)
        wait_for(lambda: consumer.pull()["request.read.time"] > 0.01, 30, "the read to show")
        client.write(b"x")
        thread.join(30)
    assert consumer.pull()["request.body.size"].sum == 1


@pytest.mark.parametrize("application", [listed, generated])
def test_a_write_in_progress_shows(application):
    """Rule 3: a client that does not take the answer is seen while it does not."""
    app, registry = wsgi(application)
    answer = app(environ(), lambda *_: None)
    blocks = iter(answer)
    next(blocks)
    consumer = Numbers(registry)
    wait_for(lambda: consumer.pull()["response.write.time"] > 0.01, 30, "the write to show")
    list(blocks)
    answer.close()
    assert consumer.pull()["response.write.time"] > 0.01


def test_slow_requests_are_counted_before_they_end(monkeypatch):
    """What hangs is slow already."""
    app, registry = wsgi(generated)
    app._state.slow = 0.01
    answer = app(environ(), lambda *_: None)
    consumer = Numbers(registry)
    wait_for(lambda: consumer.pull()["slow_requests"] == 1, 30, "it to be slow")
    answer.close()
    assert consumer.pull()["slow_requests"] == 1


def test_requests_that_have_waited_too_long_are_shed():
    """503 at once, and the application is not called."""
    called: list[int] = []
    app, registry = wsgi(lambda environ, start: called.append(1) or listed(environ, start), shed=1)
    answer = ask(app, HTTP_X_REQUEST_START=stamp(2))
    assert (answer.status, dict(answer.headers)["Retry-After"]) == ("503 Service Unavailable", "1")
    assert int(dict(answer.headers)["Content-Length"]) == len(answer.body) > 0
    assert ask(app, method="HEAD", HTTP_X_REQUEST_START=stamp(2)).body == b""
    assert ask(app, HTTP_X_REQUEST_START=stamp(0)).status == "200 OK"
    assert ask(app).status == "200 OK"
    seen = numbers(registry)
    assert (len(called), seen["shed_requests"], seen["requests GET 5xx"]) == (2, 2, 1)
    assert seen["requests"] == seen["request.duration"].count == 4


def test_a_shed_answer_is_valid():
    """A strict reader finds no fault with it."""
    app, _ = wsgi(listed, shed=1)
    assert ask(validator(app), HTTP_X_REQUEST_START=stamp(5)).error == ""


def test_clients_can_be_told_how_long_it_took():
    """By a header more, which the application does not see."""
    app, _ = wsgi(generated, server_timing=True)
    (name, value) = ask(app, HTTP_X_REQUEST_START=stamp(2)).headers[-1]
    assert name == "Server-Timing"
    assert 1_990 < float(value.removeprefix("queue;dur=").partition(",")[0]) < 60_000
    assert ", app;dur=" in value
    assert ask(app).headers[-1][1].startswith("app;dur=")
    assert len(TEXT) == 1


def test_a_name_that_is_taken_costs_numbers_only(caplog):
    """The application runs, and the log says why nobody sees it."""
    registry = sampler.Registry()
    registry.register({"name": "http.server", "sample": list})
    assert ask(WSGI(listed, registry=registry)).body == b"onetwo"


def test_other_attributes_are_the_applications():
    """Whoever knows it by the name that is the middleware's now finds them."""
    listed.config = 5
    try:
        app, _ = wsgi(listed)
        assert app.config == 5
        with pytest.raises(AttributeError):
            app.nonesuch  # noqa: B018
    finally:
        del listed.config
