"""A plain program that a signal ends delivers what it has counted, if it has asked for that."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from tests.support.doubles import LineSink
from tests.support.program import program
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROGRAM = """
import faulthandler; faulthandler.dump_traceback_later(60, exit=True)
import os, signal, sys, threading, time
import sampler, sampler.agent
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup has the tests ignore it
file, sink = sys.argv[1:]
with open(file, "w") as out:
    out.write(f'interval = 60\\nservice = "s"\\n[adapters.graphite]\\nport = {sink}\\n')
orders = sampler.Instruments("shop").counter("orders")
def work():
    orders.inc(7)
    print("worked", os.getpid(), flush=True)
    time.sleep(50)
    print("slept", flush=True)
"""


@pytest.fixture
def sink() -> Iterator[LineSink]:
    with LineSink() as sink:
        yield sink


def ended(tmp_path: Path, sink: LineSink, text: str, number: int) -> tuple[int, str, str]:
    """Run a program until it has worked, and send a signal; return status and what it printed."""
    with program(tmp_path, sink, text, begin=PROGRAM) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        os.kill(int(said.split()[1]), number)
        rest, errors = process.communicate(timeout=60)
    return process.returncode, rest, errors


def orders(sink: LineSink) -> list[float]:
    """Return the values of the counter that have arrived."""
    return [float(line.split()[1]) for line in sink.lines if b".orders " in line]


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_program_that_a_signal_ends_delivers_first(
    tmp_path: Path, sink: LineSink, name: str
) -> None:
    """And ends by the signal, as its parent expects."""
    number = getattr(signal, name)
    text = "sampler.agent.start(file, signals=True)\nwork()"
    assert ended(tmp_path, sink, text, number) == (-number, "", "")
    assert orders(sink)[-1] == 7


def test_without_asking_nothing_is_installed(tmp_path: Path, sink: LineSink) -> None:
    """The program ends at once, as it did before it had an agent."""
    text = "sampler.agent.start(file)\nwork()"
    assert ended(tmp_path, sink, text, signal.SIGTERM) == (-signal.SIGTERM, "", "")
    assert orders(sink) in ([], [0])


def test_a_programs_own_handler_stays(tmp_path: Path, sink: LineSink) -> None:
    """And a signal that it ignores is ignored."""
    text = """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    sampler.agent.start(file, signals=True)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    work()
    """
    assert ended(tmp_path, sink, text, signal.SIGTERM) == (5, "", "")
    assert orders(sink)[-1] == 7  # by atexit


def test_a_handler_that_ends_the_program_during_its_last_delivery_ends_it_afterwards(
    tmp_path: Path, sink: LineSink
) -> None:
    """As Celery's, whose parent tells a process to end that is about to."""
    text = """
    handled = threading.Event()
    def handle(*_):
        handled.set()
        sys.exit(5)
    class Slow:
        def encode(self, snapshot, since):
            yield Batch((b"",), len(snapshot))
        def send(self, batch, timeout):
            if stopping.is_set():
                os.kill(os.getpid(), signal.SIGTERM)
                handled.wait(30)
                time.sleep(0.3)  # the wait would be over by now
                print("sent", flush=True)
            return DELIVERED
    from sampler.agent import DELIVERED, Batch
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, handle)
    sampler.agent.start({"interval": 60, "adapters": {"it": {"type": "__main__:Slow"}}})
    sampler.agent.flush()
    stopping.set()
    try:
        sampler.agent.stop()
    except SystemExit:
        print("exits", flush=True)
        os._exit(5)  # as Celery's billiard: nothing follows
    """
    with program(tmp_path, sink, text, begin=PROGRAM) as process:
        said, errors = process.communicate(timeout=60)
    assert (process.returncode, said, errors) == (5, "sent\nexits\n", "")


def test_a_forked_child_delivers_before_it_ends(tmp_path: Path, sink: LineSink) -> None:
    """By the handler that it has inherited."""
    text = """
    sampler.agent.start(file, signals=True)
    child = os.fork()
    if not child:
        work()
    print(os.waitpid(child, 0)[1], flush=True)
    os._exit(0)
    """
    assert ended(tmp_path, sink, text, signal.SIGTERM) == (0, f"{int(signal.SIGTERM)}\n", "")
    wait_for(lambda: 7 in orders(sink), what="the child's orders")


def test_a_child_of_multiprocessing_ends_that_waits_for_a_lock(
    tmp_path: Path, sink: LineSink
) -> None:
    """Though the signal has not interrupted that, as when it comes right before the wait."""
    text = """
    import multiprocessing
    def tell():
        time.sleep(0.2)
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)  # not the main thread
    def child():
        sampler.agent.start(file, signals=True)
        orders.inc(7)
        lock = multiprocessing.Lock()
        lock.acquire()
        threading.Thread(target=tell).start()
        lock.acquire()
    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(40)
    print("worked", os.getpid(), process.exitcode, flush=True)
    os._exit(0)
    """
    with program(tmp_path, sink, text, begin=PROGRAM) as process:
        said, errors = process.communicate(timeout=60)
    assert said.split()[2:] == [str(-signal.SIGTERM)], errors
    assert 7 in orders(sink)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_ctrl_c_does_not_cost_what_a_child_delivers_at_its_end(
    tmp_path: Path, sink: LineSink, method: str
) -> None:
    """It reaches all processes of a terminal, those that are ending, too."""
    text = """
    import multiprocessing
    from sampler.agent import DELIVERED, Batch
    class Slow:
        def encode(self, snapshot, since):
            yield Batch((b"",), len(snapshot))
        def send(self, batch, timeout):
            if ending:
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.3)  # the wait would be over by now
                print("sent", flush=True)
            return DELIVERED
    ending = []
    def child():
        sampler.agent.start({"interval": 60, "adapters": {"it": {"type": __name__ + ":Slow"}}})
        sampler.agent.flush()
        ending.append(True)
    if __name__ == "__main__":
        process = multiprocessing.get_context(METHOD).Process(target=child)
        process.start()
        process.join(40)
        print(process.exitcode, flush=True)
        os._exit(0)
    """
    with program(tmp_path, sink, text.replace("METHOD", repr(method)), begin=PROGRAM) as process:
        said, errors = process.communicate(timeout=60)
    assert (said, errors) == ("sent\n0\n", "")


def test_a_pool_that_terminates_its_processes_again_gets_what_they_have_counted(
    tmp_path: Path, sink: LineSink
) -> None:
    """As an executor does with all others when one of them has ended."""
    text = """
    import multiprocessing
    from sampler.agent import DELIVERED, Batch
    class Slow:
        def encode(self, snapshot, since):
            yield Batch((b"",), len(snapshot))
        def send(self, batch, timeout):
            until = time.monotonic() + 1.0  # beyond what would be the same request elsewhere
            while ending and time.monotonic() < until:
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(0.1)
            if ending:
                print("sent", flush=True)
            return DELIVERED
    ending = []
    def child():
        it = {"it": {"type": "__main__:Slow"}}
        sampler.agent.start({"interval": 60, "adapters": it}, signals=True)
        sampler.agent.flush()
        ending.append(True)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(50)
    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(40)
    print(process.exitcode, flush=True)
    os._exit(0)
    """
    with program(tmp_path, sink, text, begin=PROGRAM) as process:
        said, errors = process.communicate(timeout=60)
    assert (said, errors) == (f"sent\n{-signal.SIGTERM}\n", "")


def test_no_process_is_started_while_a_signal_ends_the_program(
    tmp_path: Path, sink: LineSink
) -> None:
    """As a Pool would, in the place of one that the same signal has ended."""
    sink.hold_eof()
    text = """
    import multiprocessing
    def replace():
        start = multiprocessing.Process.start
        while multiprocessing.Process.start is start:
            time.sleep(0.01)
        multiprocessing.get_context("fork").Process(target=print, args=("started",)).start()
        print("replaced", flush=True)
    sampler.agent.start(file, signals=True)
    threading.Thread(target=replace, daemon=True).start()
    work()
    """
    status, said, _ = ended(tmp_path, sink, text, signal.SIGTERM)
    assert (status, said) == (-signal.SIGTERM, "")


def test_a_second_signal_ends_it_at_once(tmp_path: Path, sink: LineSink) -> None:
    """While what it has counted waits for an endpoint that does not answer."""
    sink.hold_eof()
    text = """
    with open(file, "r+") as out:
        text = "flush_timeout = 300\\n" + out.read(); out.seek(0); out.write(text)
    sampler.agent.start(file, signals=True)
    work()
    """
    with program(tmp_path, sink, text, begin=PROGRAM) as process:
        assert process.stdout is not None
        process.stdout.readline()

        def asked_to_end() -> bool:
            process.send_signal(signal.SIGTERM)
            return process.poll() is not None

        wait_for(asked_to_end, 40, "the end")
        assert process.returncode == -signal.SIGTERM


def test_the_same_request_may_come_many_times(tmp_path: Path, sink: LineSink) -> None:
    """As where a service manager signals all processes, and one of them passes it on."""
    text = """
    def ask():
        for _ in range(100):
            os.kill(os.getpid(), signal.SIGTERM)
    sampler.agent.start(file, signals=True)
    orders.inc(7)
    threading.Thread(target=ask, daemon=True).start()
    time.sleep(50)
    """
    with program(tmp_path, sink, text, begin=PROGRAM) as process:
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (-signal.SIGTERM, "")
    assert orders(sink)[-1] == 7


def test_another_thread_is_told_that_it_cannot_ask(tmp_path: Path, sink: LineSink) -> None:
    """The agent runs all the same."""
    text = """
    thread = threading.Thread(
        target=sampler.agent.start, args=(file,), kwargs={"signals": True}, name="other"
    )
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    work()
    """
    status, _, errors = ended(tmp_path, sink, text, signal.SIGTERM)
    assert status == 0
    assert "signals=True changes nothing on this thread" in errors
    assert "start the agent there" in errors
    assert orders(sink)[-1] == 7
