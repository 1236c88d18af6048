"""A day without an endpoint: few lines of log, few attempts, no memory."""

from __future__ import annotations

import gc
import logging
import sys
from functools import partial

import pytest

from sampler import Collector, Registry
from sampler._runtime.worker import Worker
from sampler.agent import Batch
from sampler.agent.channel import PushChannel, fan_out
from sampler.agent.config.settings import AdapterSettings
from sampler.agent.delivery.delivery_log import HOUR, SETTLED, DeliveryLog
from sampler.agent.delivery.ledger import Ledger
from sampler.agent.delivery.outbox import Outbox
from sampler.agent.delivery.sender import LONGEST_PAUSE, Sender
from sampler.testing import FakeClock
from sampler_prometheus import Pushgateway
from tests.chaos.delivering import Source, counted, graphite, statsd
from tests.chaos.ledger import check
from tests.support.doubles import LineSink
from tests.support.scripted import ScriptedHTTP
from tests.support.waiting import wait_for

INTERVAL = 300.0
DAY = 86_400.0


class Day:
    """One destination on a clock that goes on only while its sender pauses.

    Ticks, encoders, queue, sender, log and the refused connections are the real ones.

    Args:
        adapter: what sends.
        seconds: how long the outage lasts.
        returns: ends it.
    """

    def __init__(self, adapter, seconds, returns) -> None:
        self.clock = FakeClock(1_700_000_000.0)
        self.source = Source()
        self.attempts = 0
        self.memory: list[int] = []  # in objects, as tracing bytes takes thrice the time
        self._worker = Worker("encode")
        registry = Registry()
        registry.register(self.source.mapping())
        self._collector = Collector(registry, name="day", interval=INTERVAL, clock=self.clock)
        self.channel = PushChannel(
            AdapterSettings("it", "it", adapter, INTERVAL, outbox=20_000), adapter
        )
        self._sender = Sender(
            "it", adapter, self.channel.outbox, 5.0, clock=self.clock, wait=self._pause
        )
        self._due = self.clock.monotonic()
        self._ends = self._due + seconds
        self._returns = returns
        self._over = False

    def tick(self) -> None:
        fan_out(self._worker, [self.channel], self._collector.collect())

    def _pause(self, seconds: float) -> None:
        self.attempts += 1
        until = self.clock.monotonic() + seconds
        while self._due + INTERVAL <= until:
            self._due += INTERVAL
            self.clock.advance(self._due - self.clock.monotonic())
            self.tick()
            if not self.source.pulls % 24:  # every two hours
                gc.collect()
                self.memory.append(sys.getallocatedblocks())
        self.clock.advance(until - self.clock.monotonic())
        if until >= self._ends:
            self._returns()
            self._over = True

    def _settled(self) -> bool:
        return self.channel.balance().queued == 0

    def run(self):
        """Live through it; return the balance at its end."""
        self.tick()
        self._sender.start()
        wait_for(lambda: self._over and self._settled(), limit=100, what="the day to pass")
        for _ in range(5):  # well after it
            self.clock.advance(INTERVAL)
            self.tick()
            wait_for(self._settled, what="a push")
        self._sender.finish(self.clock.monotonic() + 1.0)
        self._sender.join()
        self._collector.close()
        self._worker.close()
        return self.channel.balance()


@pytest.mark.scenario(40)
@pytest.mark.parametrize("name", ["graphite", "statsd", "pushgateway"])
def test_an_outage_of_a_day_is_quiet(name, caplog):
    """At most thirty lines, no attempt more than one for each longest pause, no growing memory."""
    with LineSink() as sink, ScriptedHTTP() as http:
        adapter, double = {
            "graphite": (graphite(sink.port), sink),
            "statsd": (statsd(sink.port, transport="tcp"), sink),
            "pushgateway": (Pushgateway(url=http.url, gzip=False), http),
        }[name]
        double.refuse()
        day = Day(adapter, DAY, double.listen)
        balance = day.run()
        lines = [record.getMessage() for record in caplog.records if record.name == "sampler"]
        assert 24 <= len(lines) <= 30, lines
        assert "retrying" in lines[0]
        assert sum("away for" in line for line in lines) in (22, 23, 24)
        assert sum("answers again" in line for line in lines) == 1
        assert day.attempts <= DAY / LONGEST_PAUSE + 10
        assert day.source.pulls >= DAY / INTERVAL
        settled = day.memory[2:]
        assert max(settled) - min(settled) < 2_000, day.memory
        assert balance.unconfirmed == 0
        if name == "graphite":
            check(balance, len(set(sink.lines)))
            assert balance.dropped["oldest"] == balance.collected - balance.delivered > 0
            assert sum("the outbox is full" in line for line in lines) == 1
            assert sum("the outbox has room again" in line for line in lines) == 1
        elif name == "statsd":
            assert counted(sink.lines) == day.source.grown
        else:
            assert balance.dropped["superseded"] > 0


class Told:
    """A delivery log, what is reported to it, and the lines that it writes."""

    def __init__(self, caplog) -> None:
        self.ledger, self.clock = Ledger(), FakeClock()
        self._caplog = caplog
        self.delivery_log = DeliveryLog("it", self.ledger, self.clock)
        self.failed = partial(self.delivery_log.failed, "no one is there")
        self.sent = partial(self.delivery_log.succeeded, confirmed=False)
        self.delivered = partial(self.delivery_log.succeeded, confirmed=True)

    def lines(self) -> list[str]:
        found = [record.getMessage() for record in self._caplog.records]
        self._caplog.clear()
        return found


@pytest.fixture
def told(caplog):
    """A delivery log under the test's clock."""
    return Told(caplog)


def test_an_endpoint_that_may_be_late_is_no_warning_until_it_is_later_than_that(caplog):
    """As a relay that starts on a busy host: at level INFO, and then as any outage."""
    caplog.set_level(logging.INFO)
    clock, ledger = FakeClock(), Ledger()
    late = DeliveryLog("it", ledger, clock, expected=10.0)
    late.failed("timed out")
    clock.advance(9)
    late.failed("timed out")
    late.succeeded(confirmed=True)
    late.failed("timed out")
    said = [(each.levelname, each.getMessage()) for each in caplog.records]
    assert said == [("INFO", "adapter 'it': timed out; it may be late: retrying")] * 2
    caplog.clear()
    clock.advance(10)
    late.failed("timed out")
    clock.advance(HOUR - 1)
    late.failed("timed out")
    late.succeeded(confirmed=True)
    assert [each.levelname for each in caplog.records] == ["WARNING"] * 2
    first, second = (each.getMessage() for each in caplog.records)
    assert first.startswith("adapter 'it': away for 10 s: timed out")
    assert second.startswith("adapter 'it': the endpoint answers again")


def test_an_outage_is_said_once_and_summed_up_every_hour(told):
    """What waits, what was dropped since, and how long it was."""
    told.ledger.count(collected=9, dropped={"collision": 2}, queued=7)
    told.failed()
    (line,) = told.lines()
    assert line == "adapter 'it': no one is there; retrying, and what waits here is kept"
    told.ledger.count(collected=100, queued=95, dropped={"collision": 5})
    told.clock.advance(HOUR - 1)
    told.failed()
    assert told.lines() == []
    told.clock.advance(1)
    told.failed()
    (line,) = told.lines()
    assert line == (
        "adapter 'it': away for 1 h: no one is there; "
        "102 entries wait here, 5 were dropped here meanwhile"
    )
    told.clock.advance(HOUR / 2)
    told.delivered()
    (line,) = told.lines()
    assert line.startswith("adapter 'it': the endpoint answers again, after 2 h; 102 entries wait")
    told.delivered()
    assert told.lines() == []


def test_a_datagram_that_was_not_refused_is_no_end_of_an_outage(told):
    """From another host every second one is refused late: only a quiet minute ends it."""
    for _ in range(100):
        told.failed()
        told.clock.advance(1.0)
        told.sent()
    assert len(told.lines()) == 1
    told.clock.advance(SETTLED)
    told.sent()
    (line,) = told.lines()
    assert "answers again" in line


def test_drops_at_the_bound_are_said_when_they_begin_and_when_they_end(told):
    """Also without an outage, where the endpoint is slow; and again the next time."""
    for _ in range(2):
        before = told.ledger.balance().dropped["oldest"]
        for _ in range(100):
            told.ledger.count(collected=3, dropped={"oldest": 2}, delivered=1)
            told.clock.advance(1.0)
            told.delivered()
        (line,) = told.lines()
        assert (
            line == "adapter 'it': the outbox is full: from now on the oldest entries are dropped"
        )
        assert told.ledger.balance().dropped["oldest"] == before + 200
        told.ledger.count(collected=1, queued=1)
        told.clock.advance(SETTLED)
        told.delivered()
        assert told.lines() == [], "something waits still"
        told.ledger.count(delivered=1, queued=-1)
        told.delivered()
        (line,) = told.lines()
        assert line == "adapter 'it': the outbox has room again: 200 entries were dropped"


def test_a_defect_or_a_refusal_is_said_once_an_hour(caplog):
    """However often it happens; each kind for itself."""
    clock, outbox = FakeClock(), Outbox(10_000)

    class Bad:
        stamped = idempotent = False

        def send(self, batch, timeout):
            if batch.samples == 1:
                raise ZeroDivisionError(f"at {clock.time()}")
            return

    sender = Sender("it", Bad(), outbox, 1.0, clock=clock)
    for _ in range(240):
        for samples in (1, 2):
            outbox.add([Batch((b"x",), samples)])
            assert sender._attempt(outbox.take()) is None
        clock.advance(60.0)
    messages = [record.getMessage() for record in caplog.records]
    assert sum("ZeroDivisionError" in text for text in messages) == 4
    assert sum("instead of an Outcome" in text for text in messages) == 4
    assert len(messages) == 8
