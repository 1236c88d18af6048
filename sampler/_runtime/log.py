"""What we log, handed over: a handler or a filter is foreign code, and nobody waits for it.

A record is put into a queue, and a thread of its own gives it to :mod:`logging`. What a handler or
filter raises costs that record; one that hangs holds that thread, and another one goes on.
"""

from __future__ import annotations

import sys
import time
from typing import NamedTuple

from sampler._runtime.fork import in_child
from sampler._runtime.native import allocate_lock, get_ident
from sampler._runtime.threads import SimpleQueue, Thread, call_foreign

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _thread import LockType
    from types import TracebackType
    from typing import Any, TypeAlias

    ExcInfo: TypeAlias = (
        "tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]"
    )

NAME = "sampler"
"""Of the logger."""
MAX_WAITING = 1_000
"""Records that may wait."""
HANG_SECONDS = 1.0
"""Seconds over one record after which its handler hangs."""
_CHECK_EVERY = 0.05
"""Seconds between two looks whether a handler hangs."""
MAX_HANGING = 4
"""Threads that may hang in handlers while another one is tried."""
_DEBUG, _INFO, _WARNING, _ERROR = 10, 20, 30, 40


class _Pending(NamedTuple):
    """What becomes a record."""

    level: int
    text: str
    args: tuple[Any, ...]
    trace: ExcInfo | None
    path: str
    line: int
    function: str
    moment: float
    ident: int
    thread: str


class _Emitter:
    """One thread that gives entries to handlers.

    Attributes:
        since: monotonic moment at which it began with the entry at hand; 0.0: with none.
    """

    def __init__(self, log: Log) -> None:
        self.since: float = 0.0
        self._log: Log = log
        self.thread: Thread = Thread(self._run, "sampler-log")

    def hangs(self) -> bool:
        """Tell whether it has been busy with one record for too long."""
        since = self.since
        return bool(since) and time.monotonic() - since > HANG_SECONDS

    def _run(self) -> None:
        going = True
        while going:
            try:
                going = self._take_one()
            except BaseException:  # nobody could be told
                self._log.lost += 1

    def _take_one(self) -> bool:
        """Take an entry; False: another thread takes the next one."""
        entry = self._log.queue.get()
        self.since = time.monotonic()
        try:
            self._log.take(entry)
        finally:
            self.since = 0.0
        return not self._log.spare(self)


class Log:
    """Our logger. Nothing here raises, and nothing waits but :meth:`flush`.

    Attributes:
        lost: records that no handler has taken: one raised, or too many waited.
        ending: the interpreter's end has begun: what comes now is waited for.
    """

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Begin with nothing, as a forked child does: it has none of its parent's threads."""
        self.lost: int = 0
        self.ending: bool = False
        self.queue: SimpleQueue[_Pending | LockType] = SimpleQueue()
        self._emitters: tuple[_Emitter, ...] = ()
        self._lock: LockType = allocate_lock()

    def debug(self, text: str, *args: object) -> None:
        """Log what only developers want to know; ``args`` are filled in as of :mod:`logging`."""
        self._put(_DEBUG, text, args)

    def info(self, text: str, *args: object) -> None:
        """Log what is good to know."""
        self._put(_INFO, text, args)

    def warning(self, text: str, *args: object) -> None:
        """Log what somebody should look at."""
        self._put(_WARNING, text, args)

    def error(self, text: str, *args: object, error: BaseException | None = None) -> None:
        """Log what has failed, with the traceback of ``error`` if it is given."""
        trace = None if error is None else (type(error), error, error.__traceback__)
        self._put(_ERROR, text, args, trace)

    def exception(self, text: str, *args: object) -> None:
        """Log an error with the traceback of the exception that is being handled."""
        self._put(_ERROR, text, args, sys.exc_info())

    def flush(self, timeout: float = HANG_SECONDS) -> bool:
        """Wait until every record so far has met its handlers, or one of these hangs.

        Args:
            timeout: seconds, at most.

        Returns:
            False when that has not happened.
        """
        if not self._emitters:
            return True
        self._attend()
        if self._stuck():
            return False
        done = allocate_lock()
        done.acquire()
        self.queue.put(done)
        until = time.monotonic() + timeout
        while not done.acquire(timeout=min(_CHECK_EVERY, max(0.0, until - time.monotonic()))):
            self._attend()
            if time.monotonic() >= until or self._stuck():
                return False
        return True

    def take(self, entry: _Pending | LockType) -> None:
        """Give an entry to the handlers, or tell who flushes that it has come so far."""
        try:
            if isinstance(entry, _Pending):
                call_foreign(_emit, entry)
            else:
                entry.release()
        except BaseException:  # of a handler, a filter, an argument's own __str__
            self.lost += 1

    def spare(self, emitter: _Emitter) -> bool:
        """Tell an emitter that was slow whether another one works in its place."""
        with self._lock:
            others = tuple(each for each in self._emitters if each is not emitter)
            if not any(not each.hangs() for each in others):
                return False
            self._emitters = others
            return True

    def _put(
        self, level: int, text: str, args: tuple[Any, ...], trace: ExcInfo | None = None
    ) -> None:
        frame = sys._getframe(2)  # noqa: SLF001 - the line that logs, as logging finds it
        code = frame.f_code
        entry = _Pending(
            *(level, text, args, trace),
            *(code.co_filename, frame.f_lineno, code.co_name),
            *(time.time(), get_ident(), _thread_name()),
        )
        if self.queue.qsize() >= MAX_WAITING:
            self.lost += 1
            return
        self.queue.put(entry)
        self._attend()
        if self.ending:
            self.flush()

    def _stuck(self) -> bool:
        return all(each.hangs() for each in self._emitters)

    def _attend(self) -> None:
        """See that a thread takes what waits."""
        if not self._stuck() or len(self._emitters) > MAX_HANGING:
            return
        if not self._lock.acquire(blocking=False):  # another thread does it just now
            return
        try:
            if self._stuck():
                emitter = _Emitter(self)
                emitter.thread.start()
                if not self._emitters:
                    _flush_at_exit()
                self._emitters = (*self._emitters, emitter)
        except RuntimeError:  # no new thread at the interpreter's end
            while not self.queue.empty():
                self.take(self.queue.get())
        finally:
            self._lock.release()


def _emit(entry: _Pending) -> None:
    """Make a record and give it to the handlers. Runs foreign code."""
    import logging

    logger = logging.getLogger(NAME)
    if not logger.isEnabledFor(entry.level):
        return
    place = (entry.path, entry.line)
    record = logger.makeRecord(
        NAME, entry.level, *place, entry.text, entry.args, entry.trace, entry.function
    )
    record.relativeCreated += (entry.moment - record.created) * 1000
    record.created, record.msecs = entry.moment, int(entry.moment % 1 * 1000) + 0.0
    record.thread, record.threadName = entry.ident, entry.thread
    logger.handle(record)


def _thread_name() -> str:
    """Return the calling thread's name, without making :mod:`threading` know one it does not."""
    threading = sys.modules.get("threading")
    thread = getattr(threading, "_active", {}).get(get_ident())
    return getattr(thread, "name", None) or "sampler"


def _flush_at_exit() -> None:
    import atexit
    import logging  # noqa: F401 - what it does at exit comes after what is registered later

    atexit.unregister(_at_exit)
    atexit.register(_at_exit)


def _at_exit() -> None:
    """Let what waits come out; where a handler hangs in a record of ours, let the program end.

    :func:`logging.shutdown` takes the lock of each handler, which that record holds for good.
    """
    log.ending = True
    if log.flush():
        return
    import logging

    for reference in list(logging._handlerList):  # type: ignore[attr-defined]  # noqa: SLF001
        handler = reference()
        lock = getattr(handler, "lock", None)
        if lock is None:
            continue
        if lock.acquire(blocking=False):
            lock.release()
        else:
            handler.createLock()


log: Log = Log()
"""The one of this process."""
in_child(log.begin)
