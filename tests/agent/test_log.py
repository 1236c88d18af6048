"""Logging is foreign code: whatever handlers and filters do costs their record only."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from sampler import Registry
from sampler._runtime.log import MAX_HANGING, MAX_WAITING, Log, log
from sampler.adapterkit.threads import unhealthy
from sampler.agent import Agent
from sampler.agent.config.reading import parse
from tests.support.command import environment
from tests.support.doubles import LineSink
from tests.support.waiting import wait_for

ROOT = Path(__file__).parents[2]
LOGGER = logging.getLogger("sampler")


class Handler(logging.Handler):
    """Does what it is told to with each record."""

    def __init__(self, does) -> None:
        super().__init__()
        self.does = does

    def emit(self, record: logging.LogRecord) -> None:
        self.does(record)


@contextmanager
def handling(*, handler=None, filter_=None):
    if handler is not None:
        LOGGER.addHandler(handler)
    if filter_ is not None:
        LOGGER.addFilter(filter_)
    try:
        yield
    finally:
        LOGGER.removeHandler(handler)
        LOGGER.removeFilter(filter_)


def test_a_record_says_who_logged_it_where_and_when(caplog) -> None:
    """Not the thread that carries it."""
    log.warning("%d of %s", 3, "it")
    (record,) = caplog.records
    assert record.getMessage() == "3 of it"
    assert (record.name, record.levelname) == ("sampler", "WARNING")
    assert Path(record.pathname) == Path(__file__)
    assert record.funcName == "test_a_record_says_who_logged_it_where_and_when"
    assert record.threadName == threading.current_thread().name
    assert record.thread == threading.get_ident()


def test_where_no_thread_can_start_records_come_out_at_once_without_a_lock(monkeypatch) -> None:
    """As at the interpreter's end; a handler that logs itself is no recursion."""

    def refuse(_thread) -> None:
        raise RuntimeError("can't create new thread")

    mine, seen = Log(), []

    def emit(record: logging.LogRecord) -> None:
        if len(seen) < 2:
            mine.warning("from the handler")
        seen.append((record.getMessage(), mine._lock.locked()))

    monkeypatch.setattr("sampler._runtime.log.DaemonThread.start", refuse)
    with handling(handler=Handler(emit)):
        mine.warning("first")
        mine.warning("last")
    texts = ["first", "from the handler", "from the handler", "last"]
    assert seen == [(text, False) for text in texts]


def test_levels_traces_and_the_logger_s_own_level_are_logging_s(caplog) -> None:
    """As if it had been asked itself."""
    with caplog.at_level(logging.DEBUG, "sampler"):
        log.debug("a")
        log.info("b")
        log.error("c", error=ValueError("why"))
        try:
            raise OSError("gone")
        except OSError:
            log.exception("d")
    assert [r.levelname for r in caplog.records] == ["DEBUG", "INFO", "ERROR", "ERROR"]
    assert "ValueError: why" in caplog.text
    assert "OSError: gone" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.ERROR, "sampler"):
        log.warning("e")
    assert caplog.records == []


@pytest.mark.parametrize(
    "kind", [AttributeError, SystemExit, KeyboardInterrupt, RecursionError, GeneratorExit]
)
@pytest.mark.parametrize("where", ["handler", "filter", "argument"])
def test_whatever_a_handler_a_filter_or_an_argument_raises_costs_that_record(
    kind, where, caplog
) -> None:
    """The next one comes out, and the lost one is counted."""

    def fail(record: logging.LogRecord) -> bool:
        if where != "argument" and "bad" in record.msg:
            raise kind
        return True

    class Argument:
        def __str__(self) -> str:
            raise kind

    before = log.lost
    handler, filter_ = Handler(lambda record: record.getMessage()), None
    if where == "filter":
        filter_ = fail
    elif where == "handler":
        handler = Handler(fail)
    with handling(handler=handler, filter_=filter_):
        if where == "argument":
            log.warning("%s", Argument())
        else:
            log.warning("bad")
        log.warning("good")
        assert log.flush(10)
    assert log.lost == before + 1
    assert "good" in caplog.handler.stream.getvalue()


def test_a_handler_that_logs_with_our_logger_again_ends_nothing(caplog) -> None:
    """Each record of ours makes another one: the queue is bounded."""
    mine = Log()
    handled = []

    def again(record: logging.LogRecord) -> None:
        handled.append(record)
        if len(handled) < 20:
            mine.warning("again")

    with handling(handler=Handler(again)):
        mine.warning("first")
        wait_for(lambda: len(handled) == 20, what="the last record")
    assert mine.lost == 0


def test_a_handler_that_hangs_holds_its_record_and_the_next_ones_come_out(monkeypatch) -> None:
    """In a filter nobody holds a lock: another thread goes on at once."""
    monkeypatch.setattr("sampler._runtime.log.HANG_SECONDS", 0.05)
    mine, hang, seen = Log(), threading.Event(), []

    def filter_(record: logging.LogRecord) -> bool:
        if "hang" in record.msg:
            hang.wait(60)
        return True

    with handling(handler=Handler(lambda record: seen.append(record.msg)), filter_=filter_):
        mine.warning("hang")
        for n in range(5):
            assert mine.flush(0.01) in (True, False)  # never longer than it may
            mine.warning(f"good {n}")
        wait_for(lambda: mine.flush(1) and len(seen) >= 5, what="the others")
        hang.set()
        wait_for(lambda: len(seen) == 6, what="the one that hung")
    wait_for(lambda: len(mine._emitters) == 1, what="one thread to be left")


def test_a_handler_that_always_hangs_takes_a_bounded_number_of_threads_and_records(
    monkeypatch,
) -> None:
    """What is beyond is counted."""
    monkeypatch.setattr("sampler._runtime.log.HANG_SECONDS", 0.01)
    mine, hang = Log(), threading.Event()
    with handling(handler=Handler(lambda _: hang.wait(60))):
        for _ in range(MAX_WAITING + 200):
            mine.warning("x")
        wait_for(lambda: mine.flush(0.0) or len(mine._emitters) > MAX_HANGING, what="the threads")
        for _ in range(200):
            mine.warning("x")
        assert len(mine._emitters) == MAX_HANGING + 1
        assert mine.lost >= 200
        assert mine.queue.qsize() <= MAX_WAITING + 1  # and what flush waited for
        hang.set()
        wait_for(lambda: mine.flush(1.0) and mine.queue.empty(), what="what waited")


def agent(sink: LineSink, calls: list[int]) -> Agent:
    def good():
        calls.append(1)
        yield "a", len(calls)

    def bad():
        raise ValueError("x")

    registry = Registry()
    registry.register({"name": "good", "sample": good})
    registry.register({"name": "bad", "sample": bad})
    graphite = {"port": sink.address[1]}
    return Agent(parse({"interval": 0.1, "adapters": {"graphite": graphite}}), registry)


@pytest.mark.scenario(47)
@pytest.mark.parametrize("way", ["raises", "hangs", "logs"])
@pytest.mark.parametrize("where", ["handler", "filter"])
def test_no_tick_send_or_stop_waits_for_logging(way, where) -> None:
    """A sampler fails in each pull; the others are pulled and delivered, and the law holds."""
    hang = threading.Event()

    def does(record: logging.LogRecord) -> bool:
        if way == "raises":
            return bool(record.request_id)
        if way == "hangs":
            hang.wait(60)
        else:
            log.warning("a handler that logs")
        return True

    given = {"handler": Handler(does)} if where == "handler" else {"filter_": does}
    with LineSink() as sink, handling(**given):
        calls: list[int] = []
        running = agent(sink, calls)
        running.start()
        wait_for(lambda: len(calls) >= 20, what="twenty pulls")
        assert running.alive(), unhealthy()
        balances = running.stop()
        hang.set()
        balance = balances["graphite"]
        assert balance.holds
        assert balance.delivered == balance.collected == len(sink.lines)
        log.flush(10)


@pytest.mark.scenario(47)
def test_a_program_whose_handler_hangs_ends_by_itself() -> None:
    """At its end logging takes each handler's lock, which our record holds."""
    program = """
import logging, time, sampler
class Hang(logging.Handler):
    def emit(self, record):
        time.sleep(1000)
logging.getLogger().addHandler(Hang())
def bad():
    raise ValueError
sampler.register({"name": "bad", "sample": bad})
with sampler.Collector(interval=1) as consumer:
    consumer.collect()
print("end", flush=True)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "end\n", "")


def test_what_is_logged_at_the_very_end_comes_out() -> None:
    """Also where no thread can start any more, and from a forked child."""
    program = """
import atexit, os, sampler, sampler.agent
from sampler._runtime.log import log
atexit.register(lambda: log.warning("at exit"))
if not os.fork():
    log.warning("a child")
else:
    os.wait()
    log.warning("a parent")
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert sorted(done.stderr.splitlines()) == ["a child", "a parent", "at exit", "at exit"]


def test_secrets_are_masked_whoever_logs() -> None:
    """The filter sits on the logger, where records come out."""
    from sampler.agent.config.secrets import remember

    remember("hunter2hunter2")
    out = io.StringIO()
    with handling(handler=logging.StreamHandler(out)):
        log.warning("it is %s", "hunter2hunter2")
        assert log.flush(10)
    assert out.getvalue() == "it is (secret)\n"
