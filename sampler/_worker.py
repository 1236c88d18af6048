"""Foreign code with a deadline: one hand-off per round, never one per call.

A crew owns one daemon thread that works off a whole round of jobs. Between two jobs, under the
round's lock, it commits one result and announces the next; the caller waits for the round with
the time left to the announced job. On overrun the caller keeps what is committed, abandons the
thread, and a new one goes on behind the job that hung. Python code cannot be killed, so an
abandoned thread stays until its call returns; one that still burns CPU is ended by an
asynchronous exception.
"""

from __future__ import annotations

import time
from _thread import allocate_lock, get_ident
from queue import SimpleQueue
from threading import Thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _thread import LockType
    from collections.abc import Callable, Sequence
    from typing import Any

BUDGET = 16
"""Abandoned threads a process may hold before samplers that never answered have to wait."""
_BURNING = 0.5
"""An abandoned thread that uses more than this part of a core is spinning."""
_PATIENCE = 0.1
"""Seconds over which that is measured, at least."""


class Ended(BaseException):
    """Raised inside an abandoned thread that spins, to end it."""


class Job:
    """One call of foreign code and what became of it.

    Attributes:
        result: what it returned.
        error: what it raised, ``SystemExit`` and ``KeyboardInterrupt`` included.
        overran: the abandoned shift, when it did not end in time.
        started: False when the round ended before it, or no thread can start (interpreter exit).
        seconds: how long it took.
    """

    __slots__ = ("call", "error", "overran", "result", "seconds", "started")

    def __init__(self, call: Callable[[], Any]) -> None:
        self.call: Callable[[], Any] = call
        self.result: Any = None
        self.error: BaseException | None = None
        self.overran: Shift | None = None
        self.started: bool = True
        self.seconds: float = 0.0


class Shift:
    """The part of a round that one thread works off.

    Attributes:
        returned: the thread has left; for an abandoned shift, the hung call is over.
    """

    __slots__ = (
        "_cpu",
        "_seen",
        "abandoned",
        "began",
        "finished",
        "ident",
        "index",
        "jobs",
        "lock",
        "returned",
    )

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.jobs: Sequence[Job] = jobs
        self.lock: LockType = allocate_lock()
        self.finished: LockType = allocate_lock()
        self.finished.acquire()
        self.index: int = 0
        self.began: float = time.monotonic()
        self.abandoned: bool = False
        self.returned: bool = False
        self.ident: int = 0
        self._cpu = self._seen = 0.0

    def work(self) -> bool:
        """Run the jobs; False when the caller has given up on this thread meanwhile."""
        self.ident = get_ident()
        jobs, lock, clock = self.jobs, self.lock, time.monotonic
        result: Any = None
        error: BaseException | None = None
        index = 0
        while True:
            with lock:
                if self.abandoned:
                    return False
                now = clock()
                if index:
                    job = jobs[index - 1]
                    job.result, job.error, job.seconds = result, error, now - self.began
                self.index, self.began = index, now
                if index == len(jobs):
                    self.finished.release()
                    return True
            call = jobs[index].call
            result = error = None
            try:
                result = call()
            except BaseException as raised:
                error = raised
            index += 1

    def leave(self) -> None:
        """Note that the thread is out of foreign code, whatever is raised into it meanwhile."""
        while True:
            try:
                with self.lock:
                    self.returned = True
            except Ended:
                continue
            return

    def end_if_spinning(self) -> None:
        """Raise :class:`Ended` inside the abandoned thread when it burns CPU."""
        with self.lock:  # held, the thread cannot leave: its ident stays its own
            if self.returned or not self.ident:
                return
            now, cpu = time.monotonic(), _cpu_seconds(self.ident)
            if not self._seen:
                self._seen, self._cpu = now, cpu
            elif now - self._seen >= _PATIENCE:
                if cpu - self._cpu > _BURNING * (now - self._seen):
                    _raise_in(self.ident)
                self._seen, self._cpu = now, cpu


class Crew:
    """Runs rounds of jobs on one daemon thread, replaced when it hangs. One caller at a time."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._tasks: SimpleQueue[Shift | None] | None = None
        self._members: set[int] = set()

    def run(self, jobs: Sequence[Job], deadline: float, until: float = float("inf")) -> None:
        """Run ``jobs`` in order; results are in the jobs.

        Args:
            jobs: what to call.
            deadline: seconds each of them has.
            until: monotonic moment at which the round ends in any case; jobs that were not
                reached are not ``started``.
        """
        end_spinning()
        while jobs:
            if time.monotonic() >= until:
                _give_up(jobs)
                return
            shift = Shift(jobs)
            try:
                self._queue().put(shift)
            except RuntimeError:  # no new thread at interpreter exit (3.12)
                _give_up(jobs)
                return
            late = self._wait(shift, deadline, until)
            if late is None:
                return
            jobs = jobs[late + 1 :]

    def is_mine(self) -> bool:
        """Tell whether the calling thread is, or was, one of this crew's."""
        return get_ident() in self._members

    def close(self) -> None:
        """Let the thread end."""
        if self._tasks is not None:
            self._tasks.put(None)
            self._tasks = None

    def _wait(self, shift: Shift, deadline: float, until: float) -> int | None:
        """Wait for the shift; return the index of the job that overran, or None."""
        left = min(deadline, until - time.monotonic())
        try:
            while not shift.finished.acquire(timeout=max(left, 0.0)):
                with shift.lock:
                    if shift.index == len(shift.jobs):
                        return None
                    now = time.monotonic()
                    left = min(shift.began + deadline, until) - now
                    if left <= 0:
                        shift.jobs[shift.index].overran = shift
                        shift.jobs[shift.index].seconds = now - shift.began
                        self._abandon(shift)
                        return shift.index
        except BaseException:  # KeyboardInterrupt in the waiting thread
            with shift.lock:
                self._abandon(shift)
            raise
        return None

    def _abandon(self, shift: Shift) -> None:
        shift.abandoned = True
        self._tasks = None
        with _abandoned_lock:
            _abandoned.append(shift)

    def _queue(self) -> SimpleQueue[Shift | None]:
        if self._tasks is None:
            tasks: SimpleQueue[Shift | None] = SimpleQueue()
            Thread(target=self._serve, args=(tasks,), name=self._name, daemon=True).start()
            self._tasks = tasks
        return self._tasks

    def _serve(self, tasks: SimpleQueue[Shift | None]) -> None:
        ident = get_ident()
        self._members.add(ident)
        try:
            while (shift := tasks.get()) is not None:
                try:
                    going = shift.work()
                except Ended:
                    going = False
                shift.leave()
                if not going:
                    return
        finally:
            self._members.discard(ident)


_abandoned: list[Shift] = []
_abandoned_lock = allocate_lock()


def abandoned() -> int:
    """Count the threads of this process that were abandoned and have not returned."""
    with _abandoned_lock:
        _abandoned[:] = [shift for shift in _abandoned if not shift.returned]
        return len(_abandoned)


def _give_up(jobs: Sequence[Job]) -> None:
    for job in jobs:
        job.started = False


def end_spinning() -> None:
    """End the abandoned threads that burn CPU."""
    with _abandoned_lock:
        shifts = tuple(_abandoned)
    for shift in shifts:
        shift.end_if_spinning()


def forget_after_fork() -> None:
    """Start over in a forked child: the parent's threads do not exist here."""
    global _abandoned_lock  # noqa: PLW0603 - it may have been held at the fork
    _abandoned_lock = allocate_lock()
    _abandoned.clear()


def _cpu_seconds(ident: int) -> float:
    clock = getattr(time, "pthread_getcpuclockid", None)  # Unix only
    return float(time.clock_gettime(clock(ident))) if clock else 0.0


def _raise_in(ident: int) -> None:
    import ctypes

    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(Ended))
