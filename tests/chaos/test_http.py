"""HTTP endpoints that refuse, redirect, ask for patience, or answer as no server should."""

from __future__ import annotations

import http.client
import math
import time
import tracemalloc
from email.utils import formatdate

import pytest

from sampler.adapterkit.retry_after import retry_after
from sampler.agent import DELIVERED, Batch, Rejected, Unavailable
from sampler.agent.delivery.outbox import Outbox
from sampler.agent.delivery.sender import LONGEST_RETRY_AFTER, Sender
from sampler.testing import FakeClock
from sampler_prometheus import Pushgateway
from tests.chaos.delivering import Rig
from tests.chaos.ledger import check
from tests.support import scripted
from tests.support.ports import HOST
from tests.support.scripted import ScriptedHTTP, status
from tests.support.waiting import wait_for

PUSH = Batch((b"up 1\n",), 1, note="/metrics/job/x")


def gateway(server: ScriptedHTTP, **options) -> Pushgateway:
    return Pushgateway(url=server.url, gzip=False, delete_on_stop=False, **options)


class Line:
    """A sender whose pauses are noted instead of waited for.

    Args:
        adapter: what sends.
        batches: what waits at first.
    """

    def __init__(self, adapter, *batches: Batch) -> None:
        self.outbox = Outbox(2**23)
        self.clock = FakeClock()
        self.pauses: list[float] = []
        self._sender = Sender(
            "it", adapter, self.outbox, 5.0, clock=self.clock, wait=self._pass_time
        )
        self.outbox.add(batches)

    def _pass_time(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.clock.advance(seconds)

    def run(self):
        """Send until nothing waits; return the balance."""
        self._sender.start()
        wait_for(self.outbox.empty, what="an empty outbox")
        self._sender.finish(self.clock.monotonic() + 1.0)
        self._sender.join()
        return self.outbox.ledger.balance()


@pytest.mark.scenario(9)
def test_errors_and_a_wish_for_patience_end_in_one_delivery():
    """Three failures, a pause that was asked for in seconds, then success."""
    script = [status(500)] * 3 + [status(429, retry_after="20")]
    with ScriptedHTTP(*script, default=status(202)) as server:
        line = Line(gateway(server), PUSH)
        check(line.run(), 1)
        assert line.outbox.ledger.balance().delivered == 1
        assert len(server.requests) == 5
        assert {request.body for request in server.requests} == {b"up 1\n"}
    *growing, asked = line.pauses
    assert all(0.25 * 2**i <= pause <= 0.5 * 2**i for i, pause in enumerate(growing)), (
        "they double, within their jitter"
    )
    assert asked == 20.0


@pytest.mark.scenario(9)
def test_a_date_is_waited_for_and_a_past_one_is_not():
    """429 and 503 alike; five minutes are the most."""
    now = time.time()
    dates = [formatdate(now + seconds, usegmt=True) for seconds in (100, -100, 9_000)]
    answers = [
        status(code, retry_after=date) for code, date in zip((429, 503, 503), dates, strict=True)
    ]
    with ScriptedHTTP(*answers) as server:
        line = Line(gateway(server), PUSH)
        check(line.run(), 1)
    soon, default, longest = line.pauses
    assert 80 < soon <= 100
    assert default <= 1.0
    assert longest == LONGEST_RETRY_AFTER == 300.0


@pytest.mark.parametrize(
    ("field", "seconds"),
    [
        ("2", 2.0),
        (" 120 ", 120.0),
        ("9" * 400, math.inf),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 17.0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 17.0),
        ("Sun Nov  6 08:49:37 1994", 17.0),
        ("Sun, 06 Nov 1994 08:49:37 -0000", 17.0),
        ("Sun, 06 Nov 1994 08:49:20 GMT", None),
        ("Sun, 06 Nov 99994 08:49:20 GMT", None),
        ("Sun, 99 Nov 1994 08:49:20 GMT", None),
        ("-1", None),
        ("1.5", None),
        ("\u00b2", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(field, seconds):
    """In each of the three forms that HTTP has had; anything else asks for nothing."""
    assert retry_after(field, 784_111_760.0) == seconds


class Posting:
    """An adapter that posts entries, a line each, and halves what is refused."""

    stamped = True

    def __init__(self, server: ScriptedHTTP) -> None:
        self._port = server.port

    def encode(self, snapshot, since):
        raise NotImplementedError

    def send(self, batch, timeout):
        connection = http.client.HTTPConnection(HOST, self._port, timeout=timeout)
        connection.request("POST", "/", b"\n".join(batch.frames))
        code = connection.getresponse().status
        connection.close()
        if code == 400:
            raise Rejected("bad")
        return DELIVERED

    def split(self, batch):
        middle = len(batch.frames) // 2
        halves = batch.frames[:middle], batch.frames[middle:]
        return tuple(Batch(half, len(half)) for half in halves)


class Picky(ScriptedHTTP):
    """Refuses, with 400, whatever has poison in it, and remembers what it took."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        super().__init__(default=self._answer)

    def _answer(self):
        entries = self.requests[-1].body.split(b"\n")
        if b"poison" in entries:
            return status(400)()
        self.taken += entries
        return status(204)()


@pytest.mark.scenario(10)
@pytest.mark.parametrize("where", [0, 1, 124, 499, 500, 562, 624, 997, 999])
def test_one_poisoned_entry_of_a_thousand_costs_itself(where):
    """Wherever it is, in few requests: what is known already is not asked again."""
    entries = [b"good %d" % i for i in range(1000)]
    entries[where] = b"poison"
    with Picky() as server:
        balance = Line(Posting(server), Batch(tuple(entries), 1000)).run()
        check(balance, len(set(server.taken)))
        assert balance.dropped["bad"] == 1
        assert balance.delivered == 999
        assert server.taken == [entry for entry in entries if entry != b"poison"], "in order"
        assert len(server.requests) <= 2 * math.log2(1000) + 1


@pytest.mark.scenario(10)
def test_several_poisoned_entries_cost_themselves():
    """Also where both halves hold one."""
    entries = [b"poison" if i in (3, 4, 90) else b"good %d" % i for i in range(100)]
    with Picky() as server:
        balance = Line(Posting(server), Batch(tuple(entries), 100)).run()
        check(balance, len(server.taken))
        assert (balance.delivered, balance.dropped["bad"]) == (97, 3)


def test_an_endpoint_that_refuses_everything_does_not_get_a_request_for_each_entry():
    """And a batch behind it is looked at as closely as any."""
    behind = [b"poison" if i == 3 else b"good %d" % i for i in range(100)]
    with Picky() as server:
        poisoned = Batch((b"poison",) * 4000, 4000)
        balance = Line(Posting(server), poisoned, Batch(tuple(behind), 100)).run()
        check(balance, len(server.taken))
        assert (balance.delivered, balance.dropped["bad"]) == (99, 4001)
        assert len(server.requests) < 250


@pytest.mark.parametrize("first", [0, 700, 3000])
def test_a_long_run_of_poisoned_entries_costs_few_others(first):
    """At most a thirty-second part of the batch for each end of the run."""
    entries = [b"poison" if first <= i < first + 1000 else b"good %d" % i for i in range(4000)]
    with Picky() as server:
        balance = Line(Posting(server), Batch(tuple(entries), 4000)).run()
        check(balance, len(server.taken))
        assert balance.delivered >= 3000 - 2 * 4000 / 32
        assert len(server.requests) < 500


@pytest.mark.parametrize(
    "halves",
    [
        lambda batch: (batch, Batch((), 0)),
        lambda batch: (batch,),
        lambda batch: (Batch((b"x",), 1),) * 2,
        lambda batch: 1 / 0,
    ],
)
def test_a_bad_split_costs_its_batch_and_not_the_sender(halves, caplog):
    """The batches behind it are sent."""
    with Picky() as server:
        adapter = Posting(server)
        adapter.split = halves
        poisoned = Batch((b"poison",) * 5, 5)
        balance = Line(adapter, poisoned, Batch((b"good",), 1)).run()
        check(balance, len(server.taken))
        assert balance.dropped["bad"] == 5
    assert "split raised" in caplog.text


@pytest.mark.parametrize("code", [401, 403])
def test_wrong_credentials_are_loud(code, caplog):
    """A reason of their own, and a line with the remedy, also after another refusal; once."""
    with ScriptedHTTP(status(400), default=status(code)) as server:
        balance = Line(gateway(server), PUSH, PUSH, PUSH).run()
    assert (balance.dropped["rejected"], balance.dropped["unauthorized"]) == (1, 2)
    assert caplog.text.count("set username and password") == 1


@pytest.mark.scenario(11)
@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(code):
    """The other host gets nothing, and what was sent is refused for good."""
    with ScriptedHTTP() as other:
        elsewhere = status(code, location=f"{other.url}/metrics/job/x")
        with ScriptedHTTP(default=elsewhere) as server:
            adapter = gateway(server, username="u", password="p")
            balance = Line(adapter, PUSH).run()
            check(balance, 0)
            assert balance.dropped["rejected"] == 1
            assert len(server.requests) == 1
        assert other.requests == []


BAD_ANSWERS = [
    scripted.silent,
    scripted.endless,
    scripted.huge,
    scripted.dripping,
    scripted.slow_head,
    scripted.continued,
    scripted.endless_head,
    scripted.torn,
    scripted.resetting,
    scripted.garbage,
]


@pytest.mark.scenario(12)
@pytest.mark.parametrize("answer", BAD_ANSWERS, ids=lambda answer: answer.__name__)
def test_no_answer_holds_an_attempt_longer_than_it_may(answer):
    """Nor takes memory: of a body a little is read, of a head a little more."""
    with ScriptedHTTP(answer, default=status(202)) as server:
        adapter = gateway(server)
        tracemalloc.start()
        begun = time.monotonic()
        try:
            outcome = adapter.send(PUSH, 0.5)
        except Unavailable:
            outcome = None
        took = time.monotonic() - begun
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert took <= 1.0
        assert peak < 2**20
        assert (outcome is DELIVERED) == (answer in (scripted.endless, scripted.huge))
        assert adapter.send(PUSH, 5.0) is DELIVERED


@pytest.mark.scenario(12)
def test_an_agent_gets_over_every_such_answer(monkeypatch):
    """Pushes go on, and the ledger counts what the gateway accepted."""
    with ScriptedHTTP(*BAD_ANSWERS, default=status(202)) as server:
        rig = Rig(monkeypatch, timeout=0.2, gateway=gateway(server))
        wait_for(lambda: len(server.requests) > len(BAD_ANSWERS), limit=30, what="a good answer")
        rig.pulls(1)
        rig.settled("gateway")
        rig.stop()
        balance = rig.balance("gateway")
        assert balance.delivered > 0
        assert balance.unconfirmed == 0
        good = {r.body for r in server.requests[len(BAD_ANSWERS) :]}
        # Two of the bad answers began with 200: they were taken, too.
        extra = [
            server.requests[BAD_ANSWERS.index(a)].body for a in (scripted.endless, scripted.huge)
        ]
        assert balance.delivered == sum(entries(body) for body in good | set(extra))


@pytest.mark.scenario(1, 2, 5)
def test_a_gateway_that_is_away_gets_the_newest_push_once(monkeypatch):
    """Refusing or silent: superseded snapshots are counted, the last one arrives."""
    with ScriptedHTTP(default=status(202)) as server:
        rig = Rig(monkeypatch, timeout=0.2, gateway=gateway(server))
        rig.pulls(2)
        server.refuse()
        rig.fails("gateway")
        rig.pulls(5)
        server.listen()
        rig.pulls(1)
        rig.settled("gateway")
        rig.stop()
        balance = rig.balance("gateway")
        assert balance.unconfirmed == 0
        assert balance.dropped["superseded"] > 0
        bodies = {request.body for request in server.requests}
        check(balance, sum(map(entries, bodies)))
        assert b"source_jobs_total %d" % (7 * rig.source.pulls) in server.requests[-1].body


def entries(body: bytes) -> int:
    """Return the entries of a page without histograms."""
    return sum(not line.startswith(b"#") for line in body.splitlines())
