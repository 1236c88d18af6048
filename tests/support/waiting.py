"""Waiting for a condition, never for a time; and time that a busy machine does not take."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pytest

T = TypeVar("T")

SHORT = 0.1
"""Seconds that a sampler has in tests of those that overrun; on a `PatientClock`, if others are
there that do not."""
SLACK = 20.0
"""Seconds by which a machine with other work may be late with anything. What tests tell from it
(a hang, a limit that is not kept) takes longer."""


def wait_for(
    condition: Callable[[], T],
    limit: float = 10.0,
    what: str = "the condition",
    pause: float = 0.02,
) -> T:
    """Poll `condition` until it returns something true, and return that.

    Between two looks are `pause` seconds.

    Raises AssertionError, naming `what` and the last value, after `limit` seconds, and the
    `SLACK` that a busy machine needs.
    """
    deadline = time.monotonic() + limit + SLACK
    while not (value := condition()):
        if time.monotonic() >= deadline:
            raise AssertionError(f"waited {limit:g} s in vain for {what}; last: {value!r}")
        time.sleep(pause)
    return value


def stop_child(pid: int) -> None:
    """Stop a child process by SIGSTOP, which takes effect some time after it is sent."""
    os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: os.waitpid(pid, os.WUNTRACED | os.WNOHANG)[0], what=f"{pid} to stop")


@contextmanager
def within(limit: float, what: str = "this") -> Iterator[None]:
    """Insist that a block ends in `limit` seconds, and in the `SLACK` that a busy machine needs.

    What must not happen instead has to take longer than both.
    """
    begun = time.monotonic()
    yield
    timely(time.monotonic() - begun, limit, what)


def timely(took: float, limit: float, what: str = "this") -> None:
    """Insist on the same of seconds that were measured elsewhere."""
    assert took <= limit + SLACK, f"{what} took {took:.1f} s instead of {limit:g} s"


class PatientClock:
    """The time of samplers' deadlines, which passes only where a test says so.

    A good sampler takes none of it, however late the machine is with its thread; a bad one says
    `hangs()`, and its deadline is over at once.
    """

    def __init__(self) -> None:
        self.changed = threading.Condition()
        # Moments that others take from the real clock are never reached.
        self._now = time.monotonic() - 100_000.0
        self._waiting = 0

    def monotonic(self) -> float:
        """Return the moment it is."""
        return self._now

    def pass_by(self, seconds: float, waiting: int = 0) -> None:
        """Let time pass, as soon as so many wait with a limit; and wake up who does."""
        with self.changed:
            self.changed.wait_for(lambda: self._waiting >= waiting, SLACK)
            self._now += seconds
            self.changed.notify_all()

    def wait_for(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Wait in this time; `changed` is held."""
        limited = timeout >= 0
        until = self._now + timeout if limited else float("inf")
        self._waiting += limited
        self.changed.notify_all()
        try:
            while not condition():
                if self._now >= until:
                    return False
                self.changed.wait()
            return True
        finally:
            self._waiting -= limited


class _Lock:
    """A lock whose limits are in the time of a clock."""

    def __init__(self, clock: PatientClock) -> None:
        self._clock, self._held = clock, False

    def acquire(self, blocking: bool = True, timeout: float = -1.0) -> bool:
        with self._clock.changed:
            free = self._clock.wait_for(lambda: not self._held, timeout if blocking else 0.0)
            self._held = self._held or free
            return free

    def release(self) -> None:
        with self._clock.changed:
            self._held = False
            self._clock.changed.notify_all()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class _Event:
    """An event whose limits are in the time of a clock."""

    def __init__(self, clock: PatientClock) -> None:
        self._clock, self._set = clock, False

    def is_set(self) -> bool:
        return self._set

    def set(self) -> None:
        with self._clock.changed:
            self._set = True
            self._clock.changed.notify_all()

    def wait(self, timeout: float) -> bool:
        with self._clock.changed:
            return self._clock.wait_for(self.is_set, timeout)


_clocks: list[PatientClock] = []


@contextmanager
def patience(patch: pytest.MonkeyPatch) -> Iterator[PatientClock]:
    """Measure the deadlines of samplers on a clock of the test's, for as long as a block lasts."""
    clock = PatientClock()
    patch.setattr("sampler._runtime.worker.time", clock)
    patch.setattr("sampler._runtime.worker.allocate_lock", lambda: _Lock(clock))
    patch.setattr("sampler._pull.async_call.Event", lambda: _Event(clock))
    _clocks.append(clock)
    try:
        yield clock
    finally:
        _clocks.remove(clock)


def hangs(seconds: float = 2 * SHORT, waiting: int = 1) -> None:
    """Say that the caller, a bad sampler, begins to hang: on a patient clock time passes.

    It does when the consumer waits; of an ``async def`` sampler a thread does as well.
    """
    for clock in _clocks:
        clock.pass_by(seconds, waiting)
