"""How long a request has waited: what is a stamp, and from whom one counts."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampler.agent.config.reading import parse
from sampler.agent.config.web import WebSettings, tell
from sampler.exceptions import ConfigurationError
from sampler.web import ASGI, WSGI
from tests.web.rig import aask, asgi, ask, numbers, stamp, wsgi


def plain(environ, start_response):
    start_response("200 OK", [])
    return []


async def aplain(scope, receive, send):
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body"})


def waited(value: str, peer: str = "127.0.0.1", **settings: object) -> tuple[list[float], int]:
    """Return the seconds that were counted for a stamp, and how many stamps were refused."""
    app, registry = wsgi(plain, **settings)
    assert ask(app, HTTP_X_REQUEST_START=value, REMOTE_ADDR=peer).status == "200 OK"
    seen = numbers(registry)
    assert seen["requests"] == 1
    queue = seen["queue.duration"]
    assert queue.count <= 1
    return [queue.sum] * queue.count, seen["stamps.refused"]


@pytest.mark.parametrize("before", ["t=", ""])
@pytest.mark.parametrize("unit", [1, 1e3, 1e6, 1e9])
@pytest.mark.parametrize("form", ["{:.0f}", "{:.3f}"])
def test_units_are_told_apart_by_magnitude(before, unit, form):
    """Rule 8: seconds, milliseconds, microseconds and nanoseconds, as proxies write them."""
    (seconds,), refused = waited(stamp(100, before + form, unit))
    assert 99 < seconds < 160
    assert refused == 0


@pytest.mark.parametrize(
    "value",
    [
        *("nan", "inf", "-inf", "t=nan", "1e9", "t=1.7e9", "0x65", "t=", "t=.", "x", "t=t=1"),
        *(
            "1_700_000_000",
            "t=1700000000.1.2",
            "+1700000000",
            "-1700000000",
            "\uff11\uff17\uff10\uff10\uff10\uff10\uff10\uff10\uff10\uff10",
        ),
        *(
            "\u0661\u0667\u0660\u0660\u0660\u0660\u0660\u0660\u0660\u0660",
            "²",
            "1700000000, 1700000000",
            "t=1700000000,t=1",
            "1700000000 ",
            "\xa0",
        ),
        *("1" * 5_000, "0", "1", "99999999", "1" * 40, "t=0.000001", "true", "\udce9", "\x00"),
    ],
)
def test_what_is_no_time_is_refused(value):
    """Rule 8: and counted; the request is served."""
    assert waited(value) == ([], 1)


def test_a_stamp_of_the_future_is_no_wait():
    """Rule 8: clocks differ."""
    assert waited(stamp(-3_000)) == ([0.0], 0)


@pytest.mark.parametrize("value", ["100000001", "t=946684800", "946684800000"])
def test_a_wait_has_an_upper_bound(value):
    """Rule 8: an hour, whatever the year of the stamp."""
    assert waited(value) == ([3_600.0], 0)


@given(st.text(st.characters(max_codepoint=255, exclude_characters="\r\n")))
def test_no_text_is_too_odd(value):
    """It counts as one or the other, or is empty; nothing is raised."""
    seconds, refused = waited(value)
    assert len(seconds) + refused == bool(value)
    assert all(0 <= each <= 3_600 for each in seconds)


@given(st.binary())
def test_no_bytes_are_too_odd(value):
    """As ASGI has them."""
    app, registry = asgi(aplain)
    assert aask(app, headers=[(b"x-request-start", value)]).status == "200"
    seen = numbers(registry)
    assert seen["queue.duration"].count + seen["stamps.refused"] == bool(value)


PEERS = {
    "127.0.0.1": True,
    "127.9.9.9": True,
    "::1": True,
    "::ffff:127.0.0.1": True,
    "": True,
    "localhost": True,
    "0.0.0.0": True,
    "10.1.2.3": False,
    "::ffff:10.1.2.3": False,
    "2001:db8::1": False,
    "evil": False,
    "127.0.0.1, 10.1.2.3": False,
    "127.1": False,
    "\x00": False,
}


@pytest.mark.parametrize("peer", PEERS)
def test_stamps_count_from_loopback_and_unix_sockets(peer):
    """Strangers' are refused, and counted."""
    seconds, refused = waited(stamp(5), peer)
    assert (len(seconds), refused) == ((1, 0) if PEERS[peer] else (0, 1))


@pytest.mark.parametrize("peer", ["10.1.2.3", "2001:db8::1"])
@pytest.mark.parametrize(
    "trusted", [["10.0.0.0/8", "2001:db8::/32"], ["*"], ["10.1.2.3", "2001:db8::1"]]
)
def test_other_peers_can_be_trusted(peer, trusted):
    """Addresses, networks, or everybody."""
    assert len(waited(stamp(5), peer, trusted=trusted)[0]) == 1


def test_a_mapped_address_is_in_its_network():
    """As a server that listens on both kinds writes an IPv4 client."""
    assert len(waited(stamp(5), "::ffff:10.1.2.3", trusted=["10.0.0.0/8"])[0]) == 1


def test_many_peers_cost_little():
    """A million strangers are not remembered for ever."""
    app, registry = wsgi(plain)
    for number in range(5_000):
        ask(app, HTTP_X_REQUEST_START=stamp(5), REMOTE_ADDR=f"10.0.{number >> 8}.{number & 255}")
    assert numbers(registry)["stamps.refused"] == 5_000
    kept = app._waited.__self__._peers
    assert len(kept) <= 1_000


def test_the_first_proxys_stamp_is_taken():
    """X-Request-Start before X-Queue-Start, in any order; two of one name are a list."""
    app, registry = wsgi(plain)
    ask(app, HTTP_X_REQUEST_START=stamp(1_000), HTTP_X_QUEUE_START=stamp(1))
    app, other = asgi(aplain)
    first, second = (
        (b"x-request-start", stamp(1_000).encode()),
        (b"x-queue-start", stamp(1).encode()),
    )
    aask(app, headers=[first, second])
    aask(app, headers=[second, first])
    for each, count in ((registry, 1), (other, 2)):
        queue = numbers(each)["queue.duration"]
        assert queue.count == count
        assert queue.sum > 900 * count
    aask(app, headers=[first, first])
    assert numbers(other)["stamps.refused"] == 1


def test_mod_wsgis_own_keys_are_the_servers_word():
    """Rule 8: microseconds, whoever the client is; a proxy's stamp comes first."""
    app, registry = wsgi(plain)
    about = {"mod_wsgi.request_start": stamp(100, "{:.0f}", 1e6), "REMOTE_ADDR": "10.1.2.3"}
    ask(app, **about)
    assert 99 < numbers(registry)["queue.duration"].sum < 160


def test_waits_that_are_too_long_are_stale():
    """The client is thought to have left before the request began."""
    app, registry = wsgi(plain)
    app._state.stale = 5.0
    for seconds in (1, 4, 6, 100):
        ask(app, HTTP_X_REQUEST_START=stamp(seconds))
    assert numbers(registry)["stale_requests"] == 2


def test_the_configuration_reaches_middleware_that_is_there():
    """And what is given to the middleware itself stands."""
    app, registry = wsgi(plain)
    own, _ = wsgi(plain, shed=100)
    try:
        tell(WebSettings(shed=1, trusted=("10.0.0.0/8",), slow=3.0, stale=4.0, routes=5))
        late = {"HTTP_X_REQUEST_START": stamp(2), "REMOTE_ADDR": "10.1.2.3"}
        assert ask(app, **late).status[:3] == "503"
        assert ask(own, **late).status[:3] == "200"
        assert ask(wsgi(plain)[0], **late).status[:3] == "503"
        assert (app._state.slow, app._state.stale) == (3.0, 4.0)
    finally:
        tell(WebSettings())
    assert ask(app, **late).status[:3] == "200"
    assert numbers(registry)["shed_requests"] == 1


@pytest.mark.parametrize("kind", [WSGI, ASGI])
@pytest.mark.parametrize(
    "given", [{"shed": -1}, {"shed": "1"}, {"trusted": ["nonesuch"]}, {"server_timing": 1}]
)
def test_settings_that_are_not_possible_are_refused(kind, given):
    """Where the middleware is made."""
    with pytest.raises(ValueError, match=next(iter(given))):
        kind(plain, **given)


def test_all_problems_of_the_table_are_told_at_once():
    """With the key, and what to write."""
    web = {"trusted": ["10.0.0.0/99"], "slow": 0, "shed": "x", "server_timing": 3, "rout": 1}
    with pytest.raises(ConfigurationError) as caught:
        parse({"web": web})
    text = str(caught.value)
    for key in ("web.trusted", "web.slow", "web.shed", "web.server_timing", "web.rout"):
        assert key in text
    assert "did you mean 'routes'" in text
    assert parse({"web": {"trusted": ["*"], "shed": 2}}).web == WebSettings(trusted=("*",), shed=2)


def test_no_stamp_is_lost_while_eight_threads_serve_and_others_pull():
    """Also those that are read with many others, some of which are refused."""
    app, registry = wsgi(plain)
    each = 1_500

    def serve():
        for n in range(each):
            peer = "127.0.0.1" if n % 3 else "192.0.2.1"
            ask(app, HTTP_X_REQUEST_START=stamp(2), REMOTE_ADDR=peer)

    threads = [threading.Thread(target=serve) for _ in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        numbers(registry)
    seen = numbers(registry)
    assert seen["queue.duration"].count == 8 * each * 2 // 3
    assert seen["stamps.refused"] == 8 * each // 3


@pytest.mark.parametrize("value", [1700000000, None, b"t=1700000000", ["t=1"], "t=" + "1" * 99])
def test_what_a_server_takes_for_a_stamp_raises_into_nobody(value):
    """Neither into the request nor into the pull that reads it."""
    app, registry = wsgi(plain)
    assert ask(app, HTTP_X_REQUEST_START=value, REMOTE_ADDR="127.0.0.1").status == "200 OK"
    assert numbers(registry)["requests"] == 1
