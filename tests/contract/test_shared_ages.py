"""How long a shared read stands, and for whom: the moments themselves."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from sampler._registry import shared_read
from sampler._registry.shared_read import SharedRead, checked_iterable
from sampler.testing import FakeClock
from tests.contract.build import in_thread

pytestmark = pytest.mark.usefixtures("no_thread_is_left")


def shared(sample: Any, start: Any = None, clock: FakeClock | None = None) -> SharedRead:
    return SharedRead(sample, start, 1.0, clock or FakeClock())


class Source:
    """Counts its calls; the first of them may wait, and fail."""

    def __init__(self, error: str = "") -> None:
        self.inside, self.end = threading.Event(), threading.Event()
        self.reads = 0
        self._error = error

    def sample(self) -> Any:
        self.reads += 1
        if self.reads == 1:
            self.inside.set()
            self.end.wait(60)
            if self._error:
                raise OSError(self._error)
        return [("reads", self.reads)]


@pytest.mark.clause("R-13")
def test_a_read_stands_for_less_than_its_interval() -> None:
    """From the moment at which it began; at the end of the interval it is old."""
    source, clock = Source(), FakeClock(1000.0)
    source.end.set()
    reads = shared(source.sample, clock=clock)
    assert reads.held() is None
    first = reads.sample()
    assert (first, first.time) == ((("reads", 1),), 1000.0)
    clock.advance(0.999)
    assert reads.sample() is reads.held() is first
    clock.advance(0.001)
    assert reads.held() is None
    second = reads.sample()
    assert (second, second.time) == ((("reads", 2),), 1001.0)


@pytest.mark.clause("R-13")
def test_its_age_is_that_of_its_beginning() -> None:
    """A read that takes as long as its interval is old when it ends."""
    clock = FakeClock()

    def sample() -> Any:
        clock.advance(1.0)
        return [("n", 1)]

    reads = shared(sample, clock=clock)
    assert reads.sample() == (("n", 1),)
    assert reads.held() is None


@pytest.mark.clause("R-13")
def test_the_start_is_that_of_the_read() -> None:
    """While it is held; without one, what the source says now."""
    state = {"start": 5.0}
    reads = shared(lambda: [("n", 1)], lambda: state["start"])
    assert reads.start() == 5.0
    assert reads.sample().start == 5.0
    state["start"] = 7.0
    assert reads.start() == 5.0


@pytest.mark.clause("R-13", "S-10")
def test_a_read_with_two_starts_is_not_held() -> None:
    """Its values may be of either life."""
    starts = iter([1.0, 2.0, 2.0, 2.0])
    reads = shared(lambda: [("n", 1)], lambda: next(starts))
    with pytest.raises(shared_read.Restarted, match="started over during the read"):
        reads.sample()
    assert reads.held() is None
    assert reads.sample().start == 2.0


@pytest.mark.clause("R-13")
def test_who_waits_for_a_read_that_fails_reads() -> None:
    """A read that failed is held for nobody."""
    source = Source("away")
    reads = shared(source.sample)
    reader = in_thread(reads.sample)
    assert source.inside.wait(60)
    waiting = [in_thread(reads.sample) for _ in range(3)]
    source.end.set()
    with pytest.raises(OSError, match="away"):
        reader()
    assert [one() for one in waiting] == [(("reads", 2),)] * 3


@pytest.mark.clause("R-13")
def test_who_has_no_patience_is_told_that_the_read_goes_on() -> None:
    """And the read is not disturbed."""
    source = Source()
    reads = shared(source.sample)
    reader = in_thread(reads.sample)
    assert source.inside.wait(60)
    with pytest.raises(TimeoutError, match="has not ended"):
        reads.sample(0.0)
    source.end.set()
    assert reader() == (("reads", 1),)
    assert source.reads == 1


@pytest.mark.clause("R-13")
def test_what_callers_get_cannot_be_changed_by_one_of_them() -> None:
    """Nor does the source change it afterwards."""
    labels, buckets = {"k": "v"}, {1.0: 1}
    said: dict[str, Any] = {"kind": "counter", "labels": iter(["k"])}
    reads = shared(lambda: [("n", 1, labels, said), ("h", {"count": 1, "buckets": buckets})])
    held = reads.sample()
    labels["k"] = "w"
    buckets[2.0] = 1
    said["kind"] = "gauge"
    assert isinstance(held, tuple)
    assert held[0] == ("n", 1, {"k": "v"}, {"kind": "counter", "labels": ("k",)})
    assert held[1] == ("h", {"count": 1, "buckets": {1.0: 1}})


def test_a_child_has_a_lock_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was held at the fork is held for ever: nobody waits for it."""
    with shared_read._lock:
        monkeypatch.setattr(shared_read, "_lock", shared_read._lock)  # as it was, afterwards
        shared_read.renew_lock()
        assert in_thread(shared(lambda: [("n", 1)]).sample)() == (("n", 1),)


class Keyed:
    """A mapping of its own kind."""

    def keys(self) -> Any:
        return iter(())

    def __getitem__(self, key: str) -> Any:
        raise KeyError(key)

    def __iter__(self) -> Any:
        return iter(())


@pytest.mark.parametrize("given", ["text", b"bytes", {"a": 1}, Keyed(), 7, None])
@pytest.mark.clause("S-13")
def test_what_is_no_iterable_of_samples_is_told_by_its_type(given: Any) -> None:
    """A text or a mapping would be gone through, and is none."""
    with pytest.raises(TypeError, match=rf"tuples, got {type(given).__name__}\Z"):
        checked_iterable(given)
