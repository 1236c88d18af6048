"""Foreign code with a deadline: one hand-off per round, never one per call.

A worker owns one daemon thread that runs a whole round of jobs. Between two jobs, under the
batch's lock, it commits one result and announces the next; the caller waits for as long as the
announced job has left. On overrun the caller keeps what is committed and abandons the thread; a
new one continues after the job that hung. Python code cannot be killed, so an abandoned thread
stays until its call returns; one that still burns CPU is ended by an asynchronous exception.
"""

from __future__ import annotations

import time

from sampler._runtime.abandoned import (
    MAX_ABANDONED,
    Ended,
    abandoned,
    end_spinning,
    watch_abandoned,
)
from sampler._runtime.gil_yield import GiveWayTimer
from sampler._runtime.native import RLock, allocate_lock, get_ident
from sampler._runtime.printable import error_line
from sampler._runtime.threads import SimpleQueue, Thread
from sampler._runtime.who_forked import end_forked_copy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _thread import LockType
    from collections.abc import Callable, Sequence
    from typing import Any, Self

__all__ = ("Job", "JobBatch", "Worker", "abandoned")


class Job:
    """One call of foreign code, and its outcome.

    Attributes:
        optional: it is not started while ``MAX_ABANDONED`` threads are abandoned.
        deadline: seconds that it has; None for the round's deadline.
        result: what it returned.
        error: what it raised, ``SystemExit`` and ``KeyboardInterrupt`` included.
        message: the error as a line, made on the worker: ``__str__`` is foreign code, too.
        overran: the abandoned batch, if it did not end in time.
        started: False if the round ended before it, or no thread could start (interpreter exit).
        reason: why it did not end: ``deadline``, ``unreached``, ``exhausted``; or empty.
        seconds: how long it took.
    """

    __slots__ = (
        "call",
        "deadline",
        "error",
        "message",
        "optional",
        "overran",
        "reason",
        "result",
        "seconds",
        "started",
    )

    def __init__(
        self, call: Callable[[], Any], *, optional: bool = False, deadline: float | None = None
    ) -> None:
        self.call: Callable[[], Any] = call
        self.deadline: float | None = deadline
        self.optional: bool = optional
        self.result: Any = None
        self.error: BaseException | None = None
        self.message: str = ""
        self.reason: str = ""
        self.overran: JobBatch | None = None
        self.started: bool = True
        self.seconds: float = 0.0


class JobBatch:
    """The part of a round that one thread runs.

    Attributes:
        ident: the thread; 0 until it has announced its first job.
        returned: the thread has left; of an abandoned batch, the hung call is over.
        failed: what the thread itself raised, at the announced job.
    """

    __slots__ = (
        "abandoned",
        "began",
        "failed",
        "finished",
        "ident",
        "index",
        "jobs",
        "lock",
        "returned",
    )

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.jobs: Sequence[Job] = jobs
        self.lock: RLock = RLock()  # whose owner is known: see serve()
        self.finished: LockType = allocate_lock()
        self.finished.acquire()
        self.index: int = 0
        self.began: float = time.monotonic()
        self.abandoned: bool = False
        self.returned: bool = False
        self.failed: BaseException | None = None
        self.ident: int = 0

    def serve(self) -> bool:
        """Run the jobs; return False if the caller abandoned this thread meanwhile."""
        going = False
        while not self.returned:  # until it is set, Ended may be raised at any point
            try:
                # From 3.14 on Ended may be raised when a lock is taken, before its block begins.
                while self.lock._is_owned():  # type: ignore[attr-defined] # noqa: SLF001
                    self.lock.release()
                going = self._work()
                with self.lock:
                    self.returned = True
            except Ended:
                going = False
        return going

    def fail(self, error: BaseException) -> None:
        """Note that the thread itself raised: the announced job fails, and the caller goes on."""
        with self.lock:
            self.returned = True
            if not self.abandoned and self.failed is None and self.index < len(self.jobs):
                self.failed = error
                self.finished.release()

    def _work(self) -> bool:
        jobs, lock, clock, ident = self.jobs, self.lock, time.monotonic, get_ident()
        result: Any = None
        error: BaseException | None = None
        message = ""
        index = 0
        pause = GiveWayTimer()
        while True:
            with lock:
                if self.abandoned:
                    return False
                self.ident = ident
                now = clock()
                if index:
                    job = jobs[index - 1]
                    job.result, job.error, job.message = result, error, message
                    job.seconds = now - self.began
                self.index, self.began = index, now
                if index == len(jobs):
                    self.finished.release()
                    return True
            pause.give_way_if_due()
            call = jobs[index].call
            result, error, message = None, None, ""
            try:
                result = call()
            except BaseException as raised:
                end_forked_copy(raised)
                error, message = raised, error_line(raised)
                _drop_traceback(raised)
            else:
                end_forked_copy()
            index += 1


class Worker:
    """Runs rounds of jobs on one daemon thread, which is replaced if it hangs.

    For one caller at a time. A context manager that ends the thread.

    Args:
        name: the thread's name.
        once: the thread ends with its first round, even where Ctrl-C comes before ``close``.
    """

    def __init__(self, name: str, *, once: bool = False) -> None:
        self._name = name
        self._once = once
        self._tasks: SimpleQueue[JobBatch | None] | None = None
        self._members: set[int] = set()

    def run(self, jobs: Sequence[Job], deadline: float, until: float = float("inf")) -> None:
        """Run ``jobs`` in order, and put the results into them.

        Args:
            jobs: what to call.
            deadline: seconds for each job that has no deadline of its own.
            until: monotonic moment at which the round ends in any case; jobs not reached by
                then are not ``started``.
        """
        end_spinning()
        while jobs:
            if abandoned() >= MAX_ABANDONED:
                _skip([job for job in jobs if job.optional], "exhausted")
                jobs = [job for job in jobs if not job.optional]
                if not jobs:
                    return
            if time.monotonic() >= until:
                _skip(jobs, "unreached")
                return
            batch = JobBatch(jobs)
            try:
                self._queue().put(batch)
            except RuntimeError:  # no new thread at interpreter exit (from 3.12 on)
                _skip(jobs, "unreached")
                return
            late = self._wait(batch, deadline, until)
            if late is None:
                return
            jobs = jobs[late + 1 :]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def runs_here(self) -> bool:
        """Tell whether the calling thread is, or was, this worker's."""
        return get_ident() in self._members

    def close(self) -> None:
        """End the thread."""
        if self._tasks is not None:
            self._tasks.put(None)
            self._tasks = None

    def _wait(self, batch: JobBatch, deadline: float, until: float) -> int | None:
        """Wait for the batch; return the index of the job that overran, or None."""
        try:
            # No job can be overdue earlier, whichever is under way.
            shortest = min((_deadline_of(job, deadline) for job in batch.jobs), default=deadline)
            left = min(shortest, until - time.monotonic())
            while not batch.finished.acquire(timeout=min(max(left, 0.0), shortest)):
                with batch.lock:
                    if batch.index == len(batch.jobs):
                        return None
                    now, overdue_at = time.monotonic(), batch.began
                    overdue_at += _deadline_of(batch.jobs[batch.index], deadline)
                    left = min(overdue_at, until) - now
                    if left <= 0:
                        # Not the job's fault if the thread has not begun yet.
                        overdue = batch.ident and now >= overdue_at
                        self._abandon(batch, "deadline" if overdue else "unreached")
                        return batch.index
        except BaseException:  # KeyboardInterrupt in the waiting thread
            with batch.lock:
                self._abandon(batch, "unreached")
            raise
        if batch.failed is None:
            return None
        job = batch.jobs[batch.index]
        job.error, job.message = batch.failed, error_line(batch.failed)
        self.close()
        return batch.index

    def _abandon(self, batch: JobBatch, reason: str) -> None:
        """Abandon the thread; the batch's lock is held."""
        if batch.index < len(batch.jobs):
            job = batch.jobs[batch.index]
            job.overran, job.reason = batch, reason
            job.seconds = time.monotonic() - batch.began
        batch.abandoned = True
        self.close()  # also ends a thread that has finished just now
        watch_abandoned(batch)

    def _queue(self) -> SimpleQueue[JobBatch | None]:
        if self._tasks is None:
            tasks: SimpleQueue[JobBatch | None] = SimpleQueue()
            self._tasks = tasks  # before the start, so that close() ends it whatever interrupts
            try:
                Thread(self._serve, self._name, (tasks,)).start()
            except Exception:
                self._tasks = None
                raise
        return self._tasks

    def _serve(self, tasks: SimpleQueue[JobBatch | None]) -> None:
        ident = get_ident()
        batch: JobBatch | None = None
        try:
            self._members.add(ident)
            while (batch := tasks.get()) is not None:
                if not batch.serve() or self._once:
                    return
                batch = None  # do not keep the samplers' results alive while waiting
        except BaseException as error:  # our own: what a sampler raises is caught in the batch
            if self._tasks is tasks:
                self._tasks = None
            if batch is not None:
                batch.fail(error)
            while not tasks.empty():
                if (left := tasks.get()) is not None:
                    left.fail(error)
            raise
        finally:
            self._members.discard(ident)


def _deadline_of(job: Job, deadline: float) -> float:
    return deadline if job.deadline is None else job.deadline


def _skip(jobs: Sequence[Job], reason: str) -> None:
    for job in jobs:
        job.started, job.reason = False, reason


def _drop_traceback(error: BaseException) -> None:
    """Drop an error's traceback, which refers back to the jobs."""
    try:
        error.__traceback__ = None
    except BaseException:  # an author's own attribute
        return
