"""The built-in ``logging`` sampler: each record once, whatever the program does with logging."""

from __future__ import annotations

import os
from textwrap import dedent

import pytest

from tests.samplers.reading import run

PRELUDE = """
import io, logging, logging.config, logging.handlers
from sampler.samplers.logging import SAMPLER, start

def counts():
    with consumer_of(SAMPLER) as consumer:
        found = read(consumer)
    levels = ("debug", "info", "warning", "error", "critical")
    return [found[f'logging.records{{level="{level}"}}'] for level in levels]

log = logging.getLogger("app.part")
"""


def logged(script: str):
    return run(PRELUDE + dedent(script))


def test_records_are_counted_by_level() -> None:
    """At or above the logger's level, by the next lower standard level; at first all are zero."""
    first, second = logged("""
        first = counts()
        logging.lastResort = None
        log.debug("below the level"); log.info("below the level")
        for _ in range(3): log.warning("%d", 1)
        log.error("e"); logging.critical("c"); log.log(35, "warning"); log.log(99, "critical")
        log.setLevel(1)
        log.log(5, "debug"); log.debug("d"); log.info("i"); log.log(29, "info")
        try: raise ValueError
        except ValueError: log.exception("error")
        print(json.dumps([first, counts()]))
    """)
    assert first == [0, 0, 0, 0, 0]
    assert second == [2, 2, 4, 2, 2]


def test_handlers_and_configuration_make_no_difference() -> None:
    """None, many, at other levels, without propagation, configured anew: counted once each."""
    assert logged("""
        logging.basicConfig(stream=io.StringIO(), level="INFO")
        log.info("one")
        logging.basicConfig(stream=io.StringIO(), level="INFO", force=True)
        log.info("two")
        for _ in range(3):
            for logger in (log, logging.getLogger("app"), logging.getLogger()):
                logger.addHandler(logging.StreamHandler(io.StringIO()))
        log.info("three")
        log.propagate = False
        log.info("four")
        logging.config.dictConfig({
            "version": 1, "disable_existing_loggers": True, "root": {"level": "ERROR"}})
        log.error("of a logger that is disabled")
        logging.getLogger("other").error("five")
        logging.getLogger("other").info("below")
        print(json.dumps(counts()))
    """) == [0, 4, 0, 1, 0]


def test_output_stays_as_it_is() -> None:
    """Text, caller, record and the stack below a handler are those of a program without it."""
    script = """
        import inspect, io, json, logging, sys
        text, said = io.StringIO(), []
        class Handler(logging.StreamHandler):
            def emit(self, record):
                super().emit(record)
                said.append([type(record).__name__, sorted(record.__dict__)])
                said.append([frame.function for frame in inspect.stack()])
        logging.basicConfig(
            handlers=[Handler(text)], format="%(levelname)s %(funcName)s %(lineno)d %(message)s")
        def caller():
            logging.getLogger("x").warning("%s", "w", stack_info=True, extra={"more": 1})
        caller()
        print(json.dumps([text.getvalue(), said]))
    """
    assert run("import logging" + dedent(script)) == run(
        "import sampler.samplers.logging" + dedent(script)
    )


def test_records_from_elsewhere_are_not_counted_again() -> None:
    """What was made in another process, or goes through a queue, is counted where it was made."""
    assert logged("""
        from queue import SimpleQueue
        queue = SimpleQueue()
        log.addHandler(logging.handlers.QueueHandler(queue))
        log.propagate = False
        log.error("once")
        listener = logging.handlers.QueueListener(queue, logging.StreamHandler(io.StringIO()))
        listener.start(); listener.stop()
        log.handle(logging.makeLogRecord({"levelno": 40, "levelname": "ERROR", "msg": "remote"}))
        print(json.dumps(counts()))
    """) == [0, 0, 0, 1, 0]


def test_other_factories_live_beside_it() -> None:
    """Chained, put in its place, taken back: each is used, and nothing is counted twice."""
    assert logged("""
        log.propagate = False
        log.addHandler(handler := logging.handlers.BufferingHandler(1000))
        ours = logging.getLogRecordFactory()

        def chained(*args, **kwargs):
            record = ours(*args, **kwargs)
            record.chained = True
            return record

        class Own(logging.LogRecord): pass

        seen = []
        def log_it():
            log.error("e")
            made = handler.buffer[-1]
            seen.append([counts()[3], type(made).__name__, hasattr(made, "chained")])

        log_it()
        logging.setLogRecordFactory(chained)
        log_it(); log_it()
        logging.setLogRecordFactory(Own)
        log_it()  # nobody has pulled since: not counted
        log_it()
        logging.setLogRecordFactory(ours)
        log_it()
        log_it()
        depth, factory = 0, logging.getLogRecordFactory()
        while hasattr(factory, "inner"): depth, factory = depth + 1, factory.inner
        print(json.dumps([seen, depth]))
    """) == [
        [
            [1, "LogRecord", False],
            [2, "LogRecord", True],
            [3, "LogRecord", True],
            [3, "Own", False],
            [4, "Own", False],
            [4, "LogRecord", False],
            [5, "LogRecord", False],
        ],
        1,
    ]


def test_any_thread_and_any_moment() -> None:
    """Threads, finalizers within collections and signal handlers log at once: none is lost."""
    assert logged("""
        import gc
        log.addHandler(logging.NullHandler()); log.propagate = False
        fired = []

        class Circle:
            def __init__(self): self.me = self
            def __del__(self): log.info("finalizer")

        def tell(*_):
            fired.append(1)
            log.critical("signal")

        def work():
            for _ in range(5000): log.error("thread")

        log.setLevel("INFO")
        signal.signal(signal.SIGALRM, tell)
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        sys.setswitchinterval(1e-5)
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads: thread.start()
        for number in range(2000):
            Circle(); log.warning("main")
            if number % 100 == 0: gc.collect(); counts()
        for thread in threads: thread.join()
        wait_for(lambda: fired)
        signal.setitimer(signal.ITIMER_REAL, 0)
        gc.collect()
        found = counts()
        print(json.dumps([found[:4], found[4] == len(fired)]))
    """) == [[0, 2000, 2000, 20000], True]


def test_mistakes_in_logging_stay_what_they_are() -> None:
    """A wrong level is refused as ever; a factory that raises is told, and not counted."""
    assert logged("""
        told = []
        try: log.log("high", "text")
        except TypeError as error: told.append(str(error))
        def broken(*_, **__): raise KeyError("mine")
        logging.setLogRecordFactory(broken)
        counts()
        try: log.error("e")
        except KeyError as error: told.append(str(error))
        print(json.dumps([told, counts()]))
    """) == [["level must be an integer", "'mine'"], [0, 0, 0, 0, 0]]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_counts_for_itself() -> None:
    """What the parent logged is the parent's."""
    child, later, parent = logged("""
        logging.lastResort = None
        for _ in range(3): log.error("parent")
        began = start()

        def child():
            log.error("child")
            return counts(), start() > began

        print(json.dumps([*in_child(child), counts()]))
    """)
    assert child == [0, 0, 0, 1, 0]
    assert later
    assert parent == [0, 0, 0, 3, 0]
