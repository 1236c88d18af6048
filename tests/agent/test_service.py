"""Threads that serve are supervised, and `unhealthy` is the truth about them."""

from __future__ import annotations

import pytest

from sampler._runtime import service as services
from sampler._runtime.service import Service, unhealthy
from sampler._runtime.threads import Thread, failures
from sampler.adapterkit.threads import Event
from tests.support.waiting import wait_for


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch):
    monkeypatch.setattr(services, "FIRST_PAUSE", 0.01)


@pytest.fixture
def name(request) -> str:
    """A thread's name that no other test uses."""
    return f"test-{request.node.name}"


@pytest.mark.parametrize(
    "kind", [ZeroDivisionError, SystemExit, KeyboardInterrupt, GeneratorExit, MemoryError]
)
def test_whatever_a_loop_raises_is_counted_and_the_thread_goes_on(kind, name, caplog) -> None:
    """The same error is said once, however often it comes."""
    calls, over = [], Event()

    def serve() -> None:
        calls.append(1)
        if len(calls) < 4:
            raise kind("no")
        over.wait()

    service = Service(serve, name)
    service.start()
    wait_for(lambda: len(calls) == 4, what="the fourth call")
    assert failures[name] == 3
    over.set()
    assert service.join(10)
    assert [r.getMessage() for r in caplog.records] == [
        f"thread {name!r} has failed: {kind.__name__}: no"
    ]
    assert name not in unhealthy()


def test_a_thread_in_its_pause_ails_and_is_well_when_it_serves_again(name, monkeypatch) -> None:
    """The reason is what it raised."""
    monkeypatch.setattr(services, "FIRST_PAUSE", 3600.0)
    over, calls = Event(), []

    def serve() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise ValueError("broken")
        over.wait()

    service = Service(serve, name)
    service.start()
    wait_for(lambda: "ValueError: broken" in unhealthy().get(name, ""), what="it to ail")
    service._ending.set()
    wait_for(lambda: len(calls) == 2, what="the second call")
    assert name not in unhealthy()
    over.set()
    assert service.join(10)


def test_whoever_is_asked_to_end_gets_one_more_chance_and_no_other(name, monkeypatch) -> None:
    """A loop that fails at its end, too, does not hold anybody."""
    monkeypatch.setattr(services, "FIRST_PAUSE", 3600.0)
    calls = []

    def serve() -> None:
        calls.append(1)
        raise ValueError

    service = Service(serve, name)
    service.start()
    wait_for(lambda: name in unhealthy(), what="its first failure")
    assert service.join(10)
    assert len(calls) == 2
    assert name not in unhealthy()


def test_work_that_does_not_end_in_time_makes_its_thread_ail(name, monkeypatch) -> None:
    """Until it ends."""
    monkeypatch.setattr(services, "GRACE", 0.0)
    go_on, over = Event(), Event()

    def serve() -> None:
        with service.within(0.01):
            go_on.wait()
        over.wait()

    service = Service(serve, name)
    service.start()
    wait_for(lambda: unhealthy().get(name) == "its work has not ended in time", what="it to ail")
    go_on.set()
    wait_for(lambda: name not in unhealthy(), what="it to be well")
    over.set()
    assert service.join(10)


def test_a_thread_that_never_came_to_its_loop_ails(name) -> None:
    """As one does that something ends from outside."""
    service = Service(lambda: None, name)
    services._wanted.add(service)
    assert unhealthy()[name] == "it has ended"
    assert service.join(0)
    assert name not in unhealthy()


class _Pauses(Event):
    """Notes how long somebody would wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.asked.append(timeout)
        return False


def test_pauses_double_and_begin_anew_after_a_long_time_of_service(name, monkeypatch) -> None:
    """So a defect that comes once an hour costs the first pause each time."""
    now = [0.0]
    monkeypatch.setattr(services, "FIRST_PAUSE", 0.1)
    monkeypatch.setattr(services, "time", type("Clock", (), {"monotonic": lambda: now[0]}))
    calls: list[int] = []

    def serve() -> None:
        calls.append(1)
        if len(calls) == 14:
            return
        if len(calls) == 12:
            now[0] += 31.0
        raise ValueError

    service = Service(serve, name)
    service._ending = _Pauses()
    service.start()
    wait_for(lambda: not service.is_alive(), what="its end")
    doubled = [0.1 * 2**n for n in range(9)]
    assert service._ending.asked == pytest.approx([*doubled, 30.0, 30.0, 0.1, 0.2])


def test_a_thread_that_serves_once_has_its_error_said_and_counted(name, caplog) -> None:
    """Nobody else would see it."""
    thread = Thread(lambda: 1 / 0, name)
    thread.start()
    assert thread.join(10)
    assert failures[name] == 1
    assert "ZeroDivisionError" in caplog.text
