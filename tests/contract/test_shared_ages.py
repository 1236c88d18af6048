"""How long a shared read stands, and for whom: the moments themselves."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from sampler._registry import shared_read
from sampler._registry.shared_read import RawRead, SharedRead, _wait, checked_iterable
from tests.contract.build import in_thread

pytestmark = pytest.mark.usefixtures("no_thread_is_left")


def reading(began: float, samples: int = 1, *, cut: bool = False) -> RawRead:
    return RawRead([("n", n) for n in range(samples)], 1_700_000_000.0, None, began, cut=cut)


def never() -> Any:
    raise AssertionError("it was read again")


@pytest.mark.clause("C-10")
def test_a_read_stands_for_less_than_its_interval() -> None:
    """From the moment at which it began; at the end of the interval it is old."""
    shared, first = SharedRead(1.0), reading(10.0)
    assert shared.get(lambda: first, 5, 0.0, 10.0) is first
    for now in (10.0, 10.5, 10.999):
        assert shared.is_current(first, now)
        assert shared.get(never, 5, 0.0, now) is first
    assert not shared.is_current(first, 11.0)
    second = reading(11.0)
    assert shared.get(lambda: second, 5, 0.0, 11.0) is second
    assert shared.is_current(second, 11.5)
    assert not shared.is_current(first, 10.5), "another one was read"
    assert not shared.is_current(None, 10.5)


def test_who_waits_for_a_read_learns_that_it_failed() -> None:
    """It is not called once more for whoever waited; the next one reads anew."""
    shared, inside, end = SharedRead(1.0), threading.Event(), threading.Event()

    def fail() -> Any:
        inside.set()
        end.wait(60)
        raise OSError("away")

    reader = in_thread(lambda: shared.get(fail, 5, 0.0, 10.0))
    assert inside.wait(60)
    turn = shared._pending
    assert turn is not None
    end.set()
    with pytest.raises(OSError, match="away"):
        reader()
    for _ in range(2):  # each of those who wait
        with pytest.raises(RuntimeError, match="failed"):
            _wait(turn, 60.0)
    found = reading(10.0)
    assert shared.get(lambda: found, 5, 0.0, 10.0) is found


def test_who_has_no_patience_is_told_that_the_read_goes_on() -> None:
    """And the read is not disturbed."""
    shared, inside, end = SharedRead(1.0), threading.Event(), threading.Event()
    found = reading(10.0)

    def slow() -> Any:
        inside.set()
        end.wait(60)
        return found

    reader = in_thread(lambda: shared.get(slow, 5, 0.0, 10.0))
    assert inside.wait(60)
    with pytest.raises(TimeoutError, match="has not ended"):
        shared.get(never, 5, 0.0, 10.0)
    end.set()
    assert reader() is found


def test_a_child_has_a_lock_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was held at the fork is held for ever: nobody waits for it."""
    with shared_read._lock:
        monkeypatch.setattr(shared_read, "_lock", shared_read._lock)  # as it was, afterwards
        shared_read.renew_lock()
        found = reading(10.0)
        assert in_thread(lambda: SharedRead(1.0).get(lambda: found, 5, 0.0, 10.0))() is found


@pytest.mark.parametrize("given", ["text", b"bytes", {"a": 1}, 7, None])
def test_what_is_no_iterable_of_samples_is_told_by_its_type(given: Any) -> None:
    """A text or a mapping would be gone through, and is none."""
    with pytest.raises(TypeError, match=rf"tuples, got {type(given).__name__}\Z"):
        checked_iterable(given)
