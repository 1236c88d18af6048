"""What ASGI middleware counts, and that nobody but the consumer notices it."""

from __future__ import annotations

import asyncio
import random

import pytest
from asgiref.testing import ApplicationCommunicator

import sampler
from sampler.web import ASGI
from tests.web.rig import Answer, Exchange, Numbers, aask, asgi, numbers, scope, stamp

START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/plain")],
}
HEADERS = (("content-type", "text/plain"),)


def body(data=b"", *, more=False):
    return {"type": "http.response.body", "body": data, "more_body": more}


async def plain(scope, receive, send):
    await send(START)
    await send(body(b"one", more=True))
    await send(body(b"two"))


async def echoes(scope, receive, send):
    await send(START)
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        await send(body(message["body"], more=message["more_body"]))
        if not message["more_body"]:
            return


def test_one_request_is_one_of_each():
    """Count, duration and size; nothing is in progress afterwards."""
    app, registry = asgi(plain)
    assert aask(app) == Answer("200", HEADERS, b"onetwo")
    seen = numbers(registry)
    assert seen["requests GET 2xx"] == seen["requests"] == 1
    assert seen["request.duration"].count == 1
    assert (seen["response.body.size"].count, seen["response.body.size"].sum) == (1, 6)
    assert (seen["active_requests"], seen["active_requests.oldest"]) == (0, 0)
    assert seen["busy.time"] == seen["request.duration"].sum > 0
    assert seen["response.write.time"] > 0
    assert seen["abandoned_requests"] == seen["exceptions"] == 0


def test_asgirefs_communicator_gets_what_it_would_get():
    """As another one's reading of the specification."""

    async def both():
        for application in (plain, ASGI(plain, registry=sampler.Registry())):
            talk = ApplicationCommunicator(application, scope())
            await talk.send_input({"type": "http.request"})
            yield [await talk.receive_output() for _ in range(3)]
            await talk.wait()
            assert await talk.receive_nothing()

    async def run():
        return [each async for each in both()]

    without, with_ours = asyncio.run(run())
    assert without == with_ours


def test_the_body_of_a_request_is_measured():
    """Bytes, and the time for which the application waits for them."""
    app, registry = asgi(echoes)
    assert aask(app, body=(b"ab", b"", b"cde"), method="POST").body == b"abcde"
    seen = numbers(registry)
    assert (seen["request.body.size"].count, seen["request.body.size"].sum) == (1, 5)
    assert seen["request.read.time"] > 0
    assert seen["requests POST 2xx"] == 1


def test_a_request_ends_with_its_last_message():
    """Rule 10: what runs in the background afterwards is not the client's."""

    async def application(scope, receive, send):
        await plain(scope, receive, send)
        seen.update(numbers(registry))

    seen: dict[str, object] = {}
    app, registry = asgi(application)
    aask(app)
    assert (seen["requests"], seen["active_requests"]) == (1, 0)
    assert numbers(registry)["requests"] == 1


def test_sends_can_be_made_tasks():
    """Rule 10: what is timed is a coroutine, and what is not is the server's own awaitable."""

    async def application(scope, receive, send):
        await send(START)
        await asyncio.create_task(send(body(b"one", more=True)))
        await asyncio.create_task(send(body(b"x" * 100_000)))

    app, registry = asgi(application)
    assert len(aask(app).body) == 100_003
    assert numbers(registry)["requests"] == 1


def test_websockets_and_lifespans_pass():
    """Rule 10: with the very receive and send of the server."""

    async def application(scope, receive, send):
        got.append((scope, receive, send))

    got: list[tuple[object, ...]] = []
    app, registry = asgi(application)
    for kind in ("lifespan", "websocket", "acme"):
        given = ({"type": kind}, object(), object())
        asyncio.run(app(*given))
        assert got.pop() == given
    assert numbers(registry)["requests"] == 0


def test_nested_middleware_counts_once():
    """Rule 11: also where a framework hands on a copy of the scope."""
    registry = sampler.Registry()
    inner = ASGI(plain, registry=registry)

    async def mounted(scope, receive, send):
        await inner(dict(scope), receive, send)

    aask(ASGI(mounted, registry=registry))
    assert numbers(registry)["requests"] == 1


def test_a_client_that_leaves_is_counted():
    """Seen by the application, by an error of the server's send, or by a cancellation."""
    app, registry = asgi(echoes)
    aask(app, body=(b"ab", b"c"), leaves=1)
    app = ASGI(plain, registry=registry)
    assert aask(app, leaves=1).error == "OSError: the client has left"

    async def cancelled():
        task = asyncio.create_task(
            Exchange(scope(), (b"a", b"b")).run(ASGI(forever, registry=registry))
        )
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def forever(scope, receive, send):
        await send(START)
        await asyncio.Event().wait()

    asyncio.run(cancelled())
    seen = numbers(registry)
    assert (seen["requests"], seen["abandoned_requests"], seen["exceptions"]) == (3, 3, 0)
    assert seen["active_requests"] == 0


def test_what_uvicorn_knows_of_a_client_is_asked():
    """Its send is a method of an object that says whether the client has left."""

    class Cycle:
        disconnected = True

        async def send(self, message):
            pass

    app, registry = asgi(plain)
    asyncio.run(app(scope(), None, Cycle().send))
    assert numbers(registry)["abandoned_requests"] == 1


@pytest.mark.parametrize("begun", [False, True])
def test_an_exception_before_any_block_is_a_5xx(begun):
    """Rule 6: whatever status was said, the client gets the server's own."""

    async def application(scope, receive, send):
        if begun:
            await send(START)
        raise KeyError("broken")

    app, registry = asgi(application)
    assert aask(app).error == "KeyError: 'broken'"
    seen = numbers(registry)
    assert seen["requests GET 5xx"] == seen["requests"] == seen["exceptions KeyError"] == 1


def test_an_exception_in_the_background_is_one():
    """The answer was given, and keeps its class."""

    async def application(scope, receive, send):
        await plain(scope, receive, send)
        raise ValueError

    app, registry = asgi(application)
    aask(app)
    seen = numbers(registry)
    assert seen["requests GET 2xx"] == seen["requests"] == seen["exceptions ValueError"] == 1


def test_a_read_and_a_request_in_progress_show():
    """A body that does not come, and the age of who waits for it."""

    async def run():
        gate = asyncio.Event()

        class Slow(Exchange):
            async def receive(self):
                await gate.wait()
                return await super().receive()

        task = asyncio.create_task(Slow(scope(), (b"x",)).run(app))
        consumer = Numbers(registry)
        seen = consumer.pull()
        async with asyncio.timeout(30):
            while seen["request.read.time"] < 0.01:
                await asyncio.sleep(0.01)
                seen = consumer.pull()
        assert seen["active_requests.oldest"] > 0.01
        assert seen["active_requests"] == 1
        gate.set()
        await task
        assert consumer.pull()["request.read.time"] >= seen["request.read.time"]

    app, registry = asgi(echoes)
    asyncio.run(run())


def test_waiting_for_the_client_to_leave_is_no_read():
    """Once all of the body has come."""

    async def application(scope, receive, send):
        while (await receive())["more_body"]:
            pass
        watching = asyncio.create_task(receive())
        await asyncio.sleep(0.02)
        await plain(scope, receive, send)
        await watching

    app, registry = asgi(application)
    aask(app)
    seen = numbers(registry)
    assert seen["request.read.time"] < seen["request.duration"].sum - 0.015
    assert seen["abandoned_requests"] == 0


def test_nothing_is_lost_of_three_thousand_tasks():
    """Some are cancelled at one of their awaits, some raise; each is counted once."""

    async def application(scope, receive, send):
        await asyncio.sleep(0)
        if chance.random() < 0.1:
            raise LookupError
        await send(START)
        await asyncio.sleep(0)
        await send(body(b"x", more=True))
        await asyncio.sleep(0)
        await send(body(b"y"))
        await asyncio.sleep(0)

    async def run():
        tasks = [asyncio.create_task(Exchange(scope()).run(app)) for _ in range(3_000)]
        for step in range(6):
            await asyncio.sleep(0)
            for task in chance.sample(tasks, 100):
                task.cancel()
            if step == 1:
                assert consumer.pull()["active_requests"] > 0
        await asyncio.gather(*tasks, return_exceptions=True)
        return sum(task.cancelled() for task in tasks)

    chance = random.Random(1)
    app, registry = asgi(application)
    consumer = Numbers(registry)
    assert asyncio.run(run()) > 0
    seen = numbers(registry)
    assert seen["requests"] == seen["request.duration"].count >= 2_900  # some never began
    assert seen["requests"] == seen["response.body.size"].count
    assert seen["active_requests"] == 0


def test_requests_that_have_waited_too_long_are_shed():
    """503 at once, and the application is not called."""
    app, registry = asgi(plain, shed=1)
    late = [(b"x-request-start", stamp(2).encode())]
    answer = aask(app, headers=late)
    assert (answer.status, dict(answer.headers)["retry-after"]) == ("503", "1")
    assert int(dict(answer.headers)["content-length"]) == len(answer.body) > 0
    assert aask(app, headers=late, method="HEAD").body == b""
    assert aask(app).status == "200"
    seen = numbers(registry)
    assert (seen["shed_requests"], seen["requests GET 5xx"], seen["requests"]) == (2, 1, 3)


def test_clients_can_be_told_how_long_it_took():
    """By a header more, which the application does not see."""
    app, _ = asgi(plain, server_timing=True)
    name, value = aask(app, headers=[(b"x-request-start", stamp(2).encode())]).headers[-1]
    assert name == "server-timing"
    assert 1_990 < float(value.removeprefix("queue;dur=").partition(",")[0]) < 60_000
    assert aask(app).headers[-1][1].startswith("app;dur=")
    assert len(START["headers"]) == 1


def test_a_block_that_the_server_waits_with_counts_as_write_time():
    """The last one, too, if it is large."""

    class Slow(Exchange):
        async def send(self, message):
            await super().send(message)
            if message.get("body"):
                await asyncio.sleep(0.02)

    async def application(scope, receive, send):
        await send(START)
        await send(body(b"x" * 100_000))

    app, registry = asgi(application)
    asyncio.run(Slow(scope()).run(app))
    assert numbers(registry)["response.write.time"] > 0.01


def test_a_lazy_scope_is_served():
    """One without headers, method or client; one of a unix socket."""
    app, registry = asgi(plain)
    about = scope()
    del about["headers"], about["method"], about["client"]
    assert asyncio.run(Exchange(about).run(app)).body == b"onetwo"
    assert aask(app, client=None, headers=[(b"x-queue-start", stamp(2).encode())]).status == "200"
    seen = numbers(registry)
    assert (seen["requests _OTHER 2xx"], seen["queue.duration"].count) == (1, 1)
