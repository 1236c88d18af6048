"""Every thread of ours, found by running the product: each call of its loop raises, in turn."""

from __future__ import annotations

import gc
import re
import socket
import sys
import threading
from itertools import cycle
from typing import TYPE_CHECKING, NamedTuple

import pytest

from sampler import Registry
from sampler._runtime import service as services
from sampler._runtime.daemon import DaemonThread
from sampler._runtime.log import log
from sampler._runtime.service import Service, unhealthy
from sampler._runtime.threads import failures, running
from sampler.agent import Agent
from sampler.agent.config.reading import parse
from tests.support.doubles import LineSink
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# A lock that is not let go of, because letting go of it has raised, is no case; nor is what
# a finalizer raises: nobody gets it.
_NEVER = {"__del__", "release", "__exit__", "_release_save", "_acquire_restore", "setprofile"}
_KINDS = (RuntimeError, OSError, SystemExit, KeyboardInterrupt, MemoryError)


class Site(NamedTuple):
    """A call that a loop makes."""

    thread: str
    function: str
    line: int
    callee: str


def kind(name: str) -> str:
    """A thread's name without what tells it from others of its kind."""
    return re.sub(r"[-_.\d]+(s|localhost)?$", "", name)


def all_ended(before: set[DaemonThread]) -> bool:
    """Whether no thread of an agent is left: two live as long as the process."""
    left = {thread.name for thread in running() if thread not in before}
    return left <= {"sampler-log", "sampler-wakeups"}


class Watch:
    """Notes the calls that loops make, and raises at the first that is wanted, once."""

    def __init__(self) -> None:
        self.seen: dict[Site, None] = {}
        self.wanted: set[Site] = set()
        self.raised = threading.Event()
        self.raised_at: list[Site] = []
        self._kinds = cycle(_KINDS)

    def wrapped(self, loop: Callable[..., object], name: str) -> Callable[..., object]:
        """A loop whose calls are seen: its own, and those of the functions beside it."""
        code = getattr(loop, "__func__", loop).__code__

        def within(frame) -> bool:
            for _ in range(3):
                if frame is None or frame.f_code.co_filename != code.co_filename:
                    return False
                if frame.f_code is code:
                    return True
                frame = frame.f_back
            return False

        def watch(frame, event, argument) -> None:
            if event == "call":
                caller, callee = frame.f_back, frame.f_code.co_name
            elif event == "c_call":
                caller, callee = frame, argument.__name__
            else:
                return
            if callee in _NEVER or caller is None or not within(caller):
                return
            if name == "sampler-change":  # no loop: its errors are the caller's
                return
            site = Site(kind(name), caller.f_code.co_name, caller.f_lineno, callee)
            self.seen.setdefault(site)
            if site in self.wanted:
                self.wanted = set()
                self.raised_at.append(site)
                self.raised.set()
                raise next(self._kinds)("injected")

        def run(*arguments: object) -> object:
            sys.setprofile(watch)
            try:
                return loop(*arguments)
            finally:
                sys.setprofile(None)

        return run


@pytest.fixture
def watch(monkeypatch) -> Watch:
    """Watches every thread of ours that begins from now on."""
    made = Watch()
    thread, service = DaemonThread.__init__, Service.__init__

    def new_thread(self, target, name, args=(), *, bare=False) -> None:
        wrapped = target if isinstance(self, Service) else made.wrapped(target, name)
        thread(self, wrapped, name, args, bare=bare)

    def new_service(self, serve, name, *, bare=False) -> None:
        service(self, made.wrapped(serve, name), name, bare=bare)

    monkeypatch.setattr(DaemonThread, "__init__", new_thread)
    monkeypatch.setattr(Service, "__init__", new_service)
    monkeypatch.setattr(services, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(services, "LONGEST_PAUSE", 0.05)
    log.flush()
    log.begin()  # its thread is watched, too
    return made


class Program:
    """An agent with every kind of thread, and somebody who scrapes it."""

    def __init__(self, folder) -> None:
        self.sink = LineSink().__enter__()
        self.datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.datagrams.bind(("127.0.0.1", 0))
        self.scrapes = 0
        self.calls = 0
        registry = Registry()
        registry.register({"name": "n", "sample": self._sample})
        adapters = {
            "graphite": {
                "host": "localhost",
                "port": self.sink.address[1],
                "spool": str(folder),
            },
            "statsd": {"port": self.datagrams.getsockname()[1]},
            "prometheus": {"listen": "127.0.0.1:0"},
        }
        table = {"interval": 0.1, "samplers": {"enable": ["n", "cpython"]}, "adapters": adapters}
        self.agent = Agent(parse(table), registry)
        self.agent.start()
        self._over = threading.Event()
        self._scraper = threading.Thread(target=self._scrape)
        self._scraper.start()

    def goes_on(self) -> None:
        """Wait until everything that should happen has happened again."""
        lines, scrapes, calls = len(self.sink.lines), self.scrapes, self.calls
        wait_for(
            lambda: (
                len(self.sink.lines) > lines and self.scrapes > scrapes and self.calls > calls + 1
            ),
            30,
            what="pulls, deliveries and scrapes to go on",
        )
        wait_for(lambda: not unhealthy(), 30, what="every thread to serve")
        assert self.agent.alive()

    def end(self) -> None:
        self._over.set()
        self._scraper.join(30)
        balances = self.agent.stop()
        assert all(balance.holds for balance in balances.values()), balances
        graphite = balances["graphite"]
        assert graphite.queued == 0
        assert graphite.delivered <= len(self.sink.lines)  # a batch may come twice
        self.sink.__exit__(None, None, None)
        self.datagrams.close()

    def _sample(self) -> Iterator[tuple[str, int]]:
        self.calls += 1
        yield "calls", self.calls

    def _scrape(self) -> None:
        (page,) = (c for c in self.agent.settings.adapters if c.name == "prometheus")
        host, port = page.adapter.address.split(":")
        while not self._over.wait(0.02):
            log.info("scraping")
            try:
                with socket.create_connection((host, int(port)), 10) as connection:
                    connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    answer = b""
                    while data := connection.recv(65536):
                        answer += data
            except OSError:
                continue
            self.scrapes += answer.startswith(b"HTTP/1.1 200") and b"n_calls" in answer


@pytest.mark.scenario(48)
@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # sockets half made
def test_whatever_call_of_a_loop_raises_its_thread_goes_on(tmp_path, watch, caplog) -> None:
    """Pulls, deliveries and scrapes go on after each, and the law holds at the end."""
    others = set(running())
    program = Program(tmp_path)
    program.goes_on()
    program.goes_on()
    kinds = {kind(thread.name) for thread in running() if thread not in others}
    # In the order in which a thread comes to them: one whose error stays within it is not watched
    # any more, so what comes after would be missed.
    left: dict[str, list[Site]] = {}
    for site in reversed(watch.seen):
        left.setdefault(site.thread, []).append(site)
    before = sum(failures.values())
    while any(left.values()):
        watch.raised.clear()
        watch.wanted = {sites[-1] for sites in left.values() if sites}
        if watch.raised.wait(0.4):
            left[watch.raised_at[-1].thread].pop()
            program.goes_on()
            continue
        watch.wanted = set()
        for sites in left.values():  # these belong to the beginning, or to the end
            del sites[-1:]
    watch.wanted = set()
    program.end()
    reached = {site.thread for site in watch.raised_at}
    assert kinds <= reached | {"sampler-resolve"}, kinds - reached
    assert len(watch.raised_at) > 60
    assert sum(failures.values()) > before
    wait_for(lambda: all_ended(others), what="all threads to end")
    caplog.clear()  # of frames
    gc.collect()  # sockets that an error has left half made are this test's


@pytest.mark.scenario(48)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # as above
def test_whatever_call_of_a_loop_raises_at_its_end_it_ends(tmp_path, watch, caplog) -> None:
    """The sites that come with the end of an agent, each in a life of its own."""
    others = set(running())
    first = Program(tmp_path / "first")
    first.goes_on()
    before = set(watch.seen)
    first.end()
    sites = [site for site in watch.seen if site not in before]
    assert sites
    for number, site in enumerate(sites):
        program = Program(tmp_path / str(number))
        program.goes_on()
        watch.wanted = {site}
        program.end()
        watch.wanted = set()
        wait_for(lambda: all_ended(others), what="all threads to end")
    caplog.clear()
    gc.collect()


@pytest.mark.scenario(48)
def test_a_dead_thread_is_told_by_alive(tmp_path, monkeypatch) -> None:
    """By its name, until it serves again."""
    monkeypatch.setattr(services, "FIRST_PAUSE", 3600.0)
    program = Program(tmp_path)
    program.goes_on()
    ticker = program.agent._consumers.loops[0].ticker
    whole, ticker._tick = ticker._tick, lambda: 1 / 0
    wait_for(lambda: not program.agent.alive(), what="it to be told")
    assert list(unhealthy()) == ["sampler-tick-0.1s"]
    ticker._tick = whole
    ticker._service._ending.set()
    wait_for(program.agent.alive, what="it to serve again")
    program.end()
