"""Foreign code with a deadline: the worker, its batches, and the threads it abandons."""

from __future__ import annotations

import random
import sys
import threading
import time
from collections import Counter
from typing import Any

import pytest

from sampler._runtime import abandoned as abandoned_threads
from sampler._runtime.abandoned import MAX_ABANDONED, Ended, abandoned, end_spinning, raise_in
from sampler._runtime.log import log
from sampler._runtime.worker import Job, JobBatch, Worker
from tests.contract.build import Busy, Gate, Spin, in_thread
from tests.support.interpreter import ends_threads
from tests.support.waiting import SHORT, PatientClock, wait_for

pytestmark = pytest.mark.usefixtures("no_thread_is_left")


@pytest.fixture
def worker() -> Any:
    worker = Worker("worker")
    yield worker
    worker.close()


def run(worker: Worker, *calls: Any, deadline: float = 20.0, **options: Any) -> list[Job]:
    jobs = [Job(call) for call in calls]
    worker.run(jobs, deadline, **options)
    return jobs


def test_jobs_run_in_order_on_one_thread(worker: Worker) -> None:
    """Results are in the jobs; the thread is the same for every round."""
    idents = set()

    def call() -> int:
        idents.add(threading.get_ident())
        return len(idents)

    for _ in range(3):
        jobs = run(worker, call, lambda: 7, call)
        assert [job.result for job in jobs] == [1, 7, 1]
        assert all(job.started and not job.reason and job.seconds >= 0 for job in jobs)
    assert idents != {threading.get_ident()}


def test_no_jobs_start_no_thread(worker: Worker) -> None:
    """An empty round is free."""
    before = threading.active_count()
    run(worker)
    assert threading.active_count() == before


@pytest.mark.parametrize("kind", [ValueError, SystemExit, KeyboardInterrupt, Ended, BaseException])
def test_whatever_is_raised_is_the_jobs_error(worker: Worker, kind: type[BaseException]) -> None:
    """It ends neither the round nor the thread."""

    def call() -> None:
        raise kind("broken")

    for _ in range(2):
        bad, good = run(worker, call, lambda: 1)
        assert type(bad.error) is kind
        assert bad.message == f"{kind.__name__}: broken"
        assert (good.result, good.error, good.message) == (1, None, "")


@pytest.mark.usefixtures("patient")
def test_an_error_that_hangs_when_shown_overruns(worker: Worker) -> None:
    """An author's ``__str__`` is foreign code, so it runs inside the guard."""
    with Gate() as gate:

        class Slow(Exception):
            def __str__(self) -> str:
                return str(list(gate.sample()))

        def call() -> None:
            raise Slow

        bad, good = run(worker, call, lambda: 1, deadline=SHORT)
        assert (bad.reason, good.result) == ("deadline", 1)


def test_an_overrun_costs_its_own_deadline_only(worker: Worker) -> None:
    """What stood before it is kept, what stands behind it runs on another thread."""
    with Gate() as gate:
        idents: list[int] = []
        jobs = run(
            worker,
            lambda: idents.append(threading.get_ident()),
            lambda: list(gate.sample()),
            lambda: idents.append(threading.get_ident()),
            deadline=1.0,
        )
        assert [job.reason for job in jobs] == ["", "deadline", ""]
        assert jobs[1].overran is not None
        assert jobs[1].seconds >= 1.0
        assert not jobs[1].overran.returned
        assert len(set(idents)) == 2
        assert abandoned() == 1
        gate.open()
        wait_for(lambda: jobs[1].overran and jobs[1].overran.returned)
        assert jobs[1].result is None


def test_each_job_has_the_whole_deadline(worker: Worker, patient: PatientClock) -> None:
    """Six that take nearly all of it are no overrun."""
    jobs = run(worker, *[lambda: patient.pass_by(0.9)] * 6, deadline=1.0)
    assert [job.reason for job in jobs] == [""] * 6


def test_the_round_ends_at_its_own_limit(worker: Worker) -> None:
    """What runs then is abandoned and what was not reached is not started."""
    with Gate() as gate:
        jobs = run(
            worker,
            lambda: 1,
            lambda: list(gate.sample()),
            lambda: 2,
            until=time.monotonic() + 1.0,
        )
        assert [job.reason for job in jobs] == ["", "unreached", "unreached"]
        assert [job.started for job in jobs] == [True, True, False]
        assert jobs[1].overran is not None
        assert jobs[2].overran is None


@pytest.mark.usefixtures("patient")
def test_optional_jobs_wait_while_the_budget_is_spent(worker: Worker) -> None:
    """Also in the round that spends it: others go on."""
    with Gate() as gate:
        hanging = [
            Job(lambda: list(gate.sample()), optional=True) for _ in range(MAX_ABANDONED + 4)
        ]
        needed = Job(lambda: 1)
        worker.run([*hanging, needed], SHORT)
        assert Counter(job.reason for job in hanging) == {
            "deadline": MAX_ABANDONED,
            "exhausted": 4,
        }
        assert needed.result == 1
        assert abandoned() == MAX_ABANDONED


def test_a_thread_that_is_slow_to_begin_is_not_to_blame(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a starved machine a job that was not even called has not missed its deadline."""
    with Gate() as gate:
        serve = Worker._serve
        monkeypatch.setattr(
            Worker, "_serve", lambda self, tasks: (list(gate.sample()), serve(self, tasks))
        )
        (job,) = run(worker, lambda: 1, deadline=0.05)
        assert (job.reason, job.result) == ("unreached", None)


def test_a_worker_that_cannot_start_a_thread_gives_up(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At interpreter exit no thread can be started: nothing runs and nothing raises."""

    def start(self: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", start)
    (job,) = run(worker, lambda: 1)
    assert (job.started, job.reason, job.result) == (False, "unreached", None)


def test_closing_ends_the_thread_and_a_closed_worker_may_start_again(worker: Worker) -> None:
    """close() is harmless at any time."""
    worker.close()
    before = threading.active_count()
    run(worker, lambda: 1)
    worker.close()
    wait_for(lambda: threading.active_count() == before)
    assert run(worker, lambda: 2)[0].result == 2


def test_finishing_and_abandoning_at_the_same_moment_agree(worker: Worker) -> None:
    """A job that ends just at its deadline either counts or is abandoned, never both.

    A thread that the machine gave no time to begin is abandoned, too, and not to blame.
    """
    chance = random.Random(7)
    outcomes: Counter[str] = Counter()
    for n in range(150):
        pause = 0.004 + chance.uniform(-0.0015, 0.0015)

        def call(n: int = n, pause: float = pause) -> int:
            until = time.perf_counter() + pause
            while time.perf_counter() < until:
                time.sleep(0.0002)
            return n

        edge, behind = run(worker, call, lambda n=n: -n, deadline=0.004)
        if edge.overran is None:
            assert (edge.result, edge.reason) == (n, "")
        else:
            assert (edge.result, edge.error) == (None, None)
            assert edge.reason in ("deadline", "unreached")
        assert behind.reason or behind.result == -n
        outcomes[edge.reason] += 1
    wait_for(lambda: abandoned() == 0)
    assert set(outcomes) <= {"", "deadline", "unreached"}
    assert outcomes["unreached"] < 75, "it is the deadline that is tried here"


@pytest.mark.parametrize("where", ["call", "between"])
@ends_threads
def test_an_end_that_comes_late_harms_nothing(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """The exception may arrive when the call is over: the thread still says that it has left."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for n in range(25):
            stop = threading.Event()

            def spin(stop: threading.Event = stop) -> None:
                while not stop.is_set():
                    pass

            (job,) = run(worker, spin, deadline=0.002)
            assert job.overran is not None
            if where == "between":
                stop.set()  # it is on its way out
            with job.overran.lock:
                if not job.overran.returned:
                    raise_in(job.overran.ident)
            wait_for(lambda job=job: job.overran.returned, what=f"thread {n} to leave")
            stop.set()
    finally:
        sys.setswitchinterval(interval)
    wait_for(lambda: abandoned() == 0)


@pytest.mark.usefixtures("patient")
def test_where_no_thread_can_be_ended_the_log_says_so_once(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """And nothing is tried: what spins goes on until it returns by itself."""
    monkeypatch.setattr(abandoned_threads, "ENDS_THREADS", False)
    monkeypatch.setattr(abandoned_threads, "_told", False)
    monkeypatch.setattr(abandoned_threads, "raise_in", None)
    with Spin() as spin, Gate() as gate:
        run(worker, lambda: list(spin.sampler["sample"]()), deadline=SHORT)
        for _ in range(3):
            run(worker, lambda: list(gate.sample()), deadline=SHORT)
    wait_for(lambda: abandoned() == 0)
    log.flush()
    (said,) = [each for each in caplog.messages if "goes on until it returns" in each]
    assert "cannot end it" in said


def test_ending_threads_while_they_leave_is_safe(worker: Worker) -> None:
    """Threads that finish by themselves while they are being watched: no error, none left."""
    stop = threading.Event()

    def spin() -> None:
        while not stop.is_set():
            pass

    jobs = run(worker, *[spin] * 4, deadline=0.01)
    until = time.monotonic() + 0.25
    wait_for(lambda: end_spinning() or time.monotonic() > until)
    stop.set()
    for _ in range(200):
        end_spinning()
    wait_for(lambda: abandoned() == 0)
    assert all(job.overran and job.overran.returned for job in jobs)


def test_a_busy_thread_of_the_program_is_never_ended(worker: Worker) -> None:
    """Only abandoned threads are."""
    with Busy() as busy, Gate() as gate:
        run(worker, lambda: list(gate.sample()), deadline=0.02)
        until = time.monotonic() + 0.4
        wait_for(lambda: end_spinning() or time.monotonic() > until)
        assert busy._thread.is_alive()
        assert gate.inside == 1


def test_the_caller_is_woken_once_a_round(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Structure of the hand-off: one task put, one lock released, for a hundred jobs."""
    released: list[str] = []

    class Counted:
        def __init__(self) -> None:
            self._lock = threading.Lock()

        def acquire(self, *args: Any, **options: Any) -> bool:
            return self._lock.acquire(*args, **options)

        def release(self) -> None:
            released.append(threading.current_thread().name)
            self._lock.release()

    queued: list[JobBatch] = []
    run(worker, lambda: 1)
    queue = worker._tasks
    assert queue is not None

    class Queue:
        def put(self, batch: Any) -> None:
            queued.append(batch)
            if batch is not None:
                batch.finished = Counted()
                batch.finished.acquire()
            queue.put(batch)

    worker._tasks = Queue()  # type: ignore[assignment]
    jobs = run(worker, *[lambda: 1] * 100)
    assert sum(job.result for job in jobs) == 100
    assert len(queued) == 1
    assert released == ["worker"]


def test_an_interrupt_just_as_the_round_ends_leaves_no_thread(worker: Worker) -> None:
    """The thread has finished and waits for more: giving it up must end it."""

    class Interrupted:
        def __init__(self, lock: Any) -> None:
            self._lock = lock

        def acquire(self, *args: Any, **options: Any) -> bool:
            assert self._lock.acquire(timeout=10)
            raise KeyboardInterrupt

        def release(self) -> None:
            self._lock.release()

    run(worker, lambda: 1)
    queue = worker._tasks
    assert queue is not None

    class Queue:
        def put(self, batch: Any) -> None:
            if batch is not None:
                batch.finished = Interrupted(batch.finished)
            queue.put(batch)

    worker._tasks = Queue()  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        run(worker, lambda: 1)
    assert run(worker, lambda: 2)[0].result == 2


@pytest.mark.usefixtures("patient")
def test_a_worker_knows_its_own_threads(worker: Worker) -> None:
    """Also the abandoned ones, until they have ended; nobody else's."""
    with Gate() as gate:

        def late() -> bool:
            list(gate.sample())
            answers.append(worker.runs_here())
            return True

        answers: list[bool] = []
        inside, _ = run(worker, worker.runs_here, late, deadline=SHORT)
        assert inside.result is True
        gate.open()
        wait_for(lambda: answers)
        assert answers == [True]
    assert not worker.runs_here()
    assert in_thread(worker.runs_here)() is False
