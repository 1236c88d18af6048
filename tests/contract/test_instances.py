"""Factories: an instance per consumer, its window, and its end."""

from __future__ import annotations

from typing import Any

import pytest

from sampler import Collector, CollectorBusy, Registry
from tests.contract.build import Gate, counting, in_thread, values
from tests.support.waiting import SHORT

pytestmark = pytest.mark.usefixtures("no_thread_is_left", "patient")


class Window:
    """A factory whose instances report how often an event came since their last call.

    Attributes:
        environs: what each was told.
        closed: how often an instance was closed.
    """

    def __init__(self) -> None:
        self.events = 0
        self.environs: list[Any] = []
        self.closed = 0
        self.sampler = {"name": "window", "factory": self}

    def __call__(self, environ: Any) -> Any:
        self.environs.append(environ)
        factory = self

        class Instance:
            seen = factory.events

            def __call__(self) -> Any:
                yield "events", factory.events - self.seen
                self.seen = factory.events

            def close(self) -> None:
                factory.closed += 1

        return Instance()


@pytest.mark.clause("C-02", "C-03")
def test_two_consumers_have_windows_of_their_own(registry: Registry) -> None:
    """A fast consumer does not shorten the window of a slow one."""
    window = Window()
    registry.register(window.sampler)
    with (
        Collector(registry, name="fast", interval=1, deadline=5.0) as fast,
        Collector(registry, name="slow", interval=60, deadline=4.0) as slow,
    ):
        fast.collect()
        slow.collect()
        for _ in range(4):
            window.events += 5
            assert values(fast.collect()) == {"window.events": 5}
        assert values(slow.collect()) == {"window.events": 20}
        assert values(slow.collect()) == {"window.events": 0}
    assert window.environs == [
        {"api": 1, "consumer": "fast", "interval": 1, "deadline": 5.0, "settings": {}},
        {"api": 1, "consumer": "slow", "interval": 60, "deadline": 4.0, "settings": {}},
    ]
    assert window.closed == 2


@pytest.mark.clause("C-04", "S-07")
def test_an_instance_is_closed_once(registry: Registry) -> None:
    """When its sampler is unregistered, or when its consumer closes; never twice."""
    window = Window()
    registration = registry.register(window.sampler)
    consumer = Collector(registry, deadline=5.0)
    consumer.collect()
    registration.unregister()
    consumer.collect()
    assert window.closed == 1
    consumer.close()
    consumer.close()
    assert window.closed == 1
    with pytest.raises(CollectorBusy, match="close"):
        consumer.collect()


def test_an_instance_that_never_was_is_not_closed(registry: Registry) -> None:
    """A consumer that never pulled has nothing to close, and makes nothing for it."""
    window = Window()
    registry.register(window.sampler)
    Collector(registry).close()
    assert (window.environs, window.closed) == ([], 0)


@pytest.mark.parametrize("reuse", [0.0, 60.0])
def test_a_window_is_never_shorter_than_reuse(registry: Registry, reuse: float) -> None:
    """Within that time an instance's last block stands; shared samplers are read each time."""
    window = Window()
    registry.register(window.sampler)
    registry.register(counting("shared"))
    registry.register({"name": "silent", "factory": lambda environ: lambda: calls.append(1) or ()})
    calls: list[int] = []
    with Collector(registry, deadline=5.0, reuse=reuse) as consumer:
        first = consumer.collect()
        window.events += 5
        again = consumer.collect()
        assert values(again) == {"shared.calls": 2, "window.events": 0 if reuse else 5}
        assert (again.blocks[0] is first.blocks[0]) == bool(reuse)
        assert len(calls) == (1 if reuse else 2)


def test_a_factory_that_fails_is_asked_again(registry: Registry) -> None:
    """It raises, then returns nothing to call, then works: two failures, then its numbers."""
    answers: list[Any] = [ValueError("not yet"), None, lambda: [("a", 1)]]

    def factory(environ: Any) -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    registry.register({"name": "slow", "factory": factory})
    with Collector(registry, deadline=5.0) as consumer:
        assert "not yet" in consumer.collect().failures[0].message
        assert "factory returned None" in consumer.collect().failures[0].message
        assert values(consumer.collect()) == {"slow.a": 1}
        assert values(consumer.collect()) == {"slow.a": 1}
    assert answers == []


@pytest.mark.clause("C-08")
def test_a_factory_may_use_the_registry_and_not_the_consumer(registry: Registry) -> None:
    """Re-entrance: what it registers is pulled next time; collect() is refused."""
    refused: list[CollectorBusy] = []

    def factory(environ: Any) -> Any:
        registry.register(counting("child"))
        with pytest.raises(CollectorBusy) as caught:
            consumer.collect()
        refused.append(caught.value)
        environ.clear()
        return lambda: [("a", 1)]

    registry.register({"name": "parent", "factory": factory})
    with Collector(registry, deadline=20.0) as consumer:
        assert values(in_thread(consumer.collect)(10.0)) == {"parent.a": 1}
        assert values(consumer.collect()) == {"parent.a": 1, "child.calls": 1}
    assert len(refused) == 1


def test_unregistering_a_hung_sampler_frees_its_place(registry: Registry) -> None:
    """Its instance is not closed under its own feet; nobody waits for it."""
    closed: list[int] = []

    class Hung:
        def __init__(self, environ: Any) -> None:
            pass

        def __call__(self) -> Any:
            return gate.sample()

        def close(self) -> None:
            closed.append(1)

    def sample() -> Any:
        return gate.sample()

    with Gate() as gate, Collector(registry, deadline=SHORT) as consumer:
        registration = registry.register({"name": "hung", "factory": Hung})
        registry.register(counting("good"))
        consumer.collect()
        registration.unregister()
        snapshot = consumer.collect()
        assert values(snapshot) == {"good.calls": 2}
        assert snapshot.failures == ()
    assert closed == []


def test_another_consumers_hung_instance_does_not_keep_this_one_open(registry: Registry) -> None:
    """Each consumer closes its own instance."""
    closed: list[str] = []

    def factory(environ: Any) -> Any:
        class Instance:
            def __call__(self) -> Any:
                if environ["consumer"] == "stuck":
                    return gate.sample()
                return [("a", 1)]

            def close(self) -> None:
                closed.append(environ["consumer"])

        return Instance()

    registry.register({"name": "a", "factory": factory})
    with Gate() as gate, Collector(registry, name="stuck", deadline=SHORT) as stuck:
        fine = Collector(registry, name="fine", deadline=SHORT)
        assert values(fine.collect()) == {"a.a": 1}
        stuck.collect()
        fine.close()
        assert closed == ["fine"]


def test_closing_waits_for_no_instance_longer_than_the_deadline(
    registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    """One whose close() hangs, and one whose close() raises, keep nobody else open."""
    gate, closed = Gate(), []

    def instance(close: Any) -> Any:
        class Instance:
            def __call__(self) -> Any:
                return []

        Instance.close = lambda self: close()  # type: ignore[attr-defined]
        return Instance()

    def fail() -> None:
        raise SystemExit("in close")

    for name, close in (
        ("hangs", lambda: list(gate.sample())),
        ("fails", fail),
        ("fine", lambda: closed.append(1)),
    ):
        registry.register({"name": name, "factory": lambda environ, close=close: instance(close)})
    with gate:
        consumer = Collector(registry, deadline=SHORT)
        consumer.collect()
        in_thread(consumer.close)(10.0)
        assert closed == [1]
        lines = sorted(record.getMessage() for record in caplog.records)
        assert lines == [
            "sampler 'fails': close() failed: SystemExit: in close",
            "sampler 'hangs': close() failed: deadline",
        ]


def test_a_collector_takes_any_iterable_of_registrations(registry: Registry) -> None:
    """A selection of a registry will do."""
    chosen = [registry.register(counting(name)) for name in "abc"][1:]
    with Collector(chosen, deadline=5.0) as consumer:
        assert values(consumer.collect()) == {"b.calls": 1, "c.calls": 1}
