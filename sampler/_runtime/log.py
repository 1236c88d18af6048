"""Our log. Handlers and filters are foreign code, so no thread of ours waits for them.

A message is put into a queue, and a thread made for it hands it to :mod:`logging`. A handler or
filter that raises loses that record only; if one hangs, another thread takes over.
"""

from __future__ import annotations

import sys
import time
from typing import NamedTuple

from sampler._runtime.daemon import DaemonThread
from sampler._runtime.fork import in_child
from sampler._runtime.native import allocate_lock, get_ident, sleep
from sampler._runtime.waiting import SimpleQueue
from sampler._runtime.who_forked import call_foreign

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _thread import LockType
    from types import TracebackType
    from typing import Any, TypeAlias

    ExcInfo: TypeAlias = (
        "tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]"
    )

NAME = "sampler"
"""The logger's name."""
MAX_WAITING = 1_000
"""Records that may wait in the queue."""
_PAUSE = 0.01
"""Seconds before what a handler logs itself: such a circle must not use up a core."""
HANG_SECONDS = 1.0
"""Seconds with one record after which its handler counts as hanging."""
_CHECK_EVERY = 0.05
"""Seconds between two checks for a handler that hangs."""
MAX_HANGING = 4
"""Threads that may hang in handlers before no other one is started."""
_DEBUG, _INFO, _WARNING, _ERROR = 10, 20, 30, 40


class _Pending(NamedTuple):
    """A message that waits to become a record."""

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
    """A thread that hands messages to handlers.

    Attributes:
        since: monotonic moment at which it took its present message; 0.0 when it has none.
    """

    def __init__(self, log: Log) -> None:
        self.since: float = 0.0
        self._log: Log = log
        self.thread: DaemonThread = DaemonThread(self._run, "sampler-log")

    def hangs(self) -> bool:
        """Tell whether it has been busy with one record for too long."""
        since = self.since
        return bool(since) and time.monotonic() - since > HANG_SECONDS

    def _run(self) -> None:
        going = True
        while going:
            try:
                going = self._take_one()
            except BaseException:  # there is nobody to tell
                self._log.lost += 1

    def _take_one(self) -> bool:
        """Take a message; return False if another thread takes the next one."""
        message = self._log.queue.get()
        if message is None:
            return False
        self.since = time.monotonic()
        try:
            self._log.take(message)
        finally:
            self.since = 0.0
        return not self._log.replaced(self)


class Log:
    """Our logger. No method raises, and only :meth:`flush` waits.

    Attributes:
        lost: records that were not logged: a handler raised, or too many were waiting.
        ending: the interpreter is ending, so each message is flushed at once.
    """

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Start empty, as a forked child does: it has none of its parent's threads."""
        self.lost: int = 0
        self.ending: bool = False
        self.queue: SimpleQueue[_Pending | LockType | None] = SimpleQueue()
        self._emitters: tuple[_Emitter, ...] = ()
        self._lock: LockType = allocate_lock()
        self._draining: bool = False

    def debug(self, text: str, *args: object) -> None:
        """Log a message for developers; ``args`` are filled in as :mod:`logging` does."""
        self._put(_DEBUG, text, args)

    def info(self, text: str, *args: object) -> None:
        """Log a message at level INFO."""
        self._put(_INFO, text, args)

    def warning(self, text: str, *args: object) -> None:
        """Log a message at level WARNING."""
        self._put(_WARNING, text, args)

    def error(self, text: str, *args: object, error: BaseException | None = None) -> None:
        """Log a failure, with the traceback of ``error`` if one is given."""
        trace = None if error is None else (type(error), error, error.__traceback__)
        self._put(_ERROR, text, args, trace)

    def exception(self, text: str, *args: object) -> None:
        """Log a failure with the traceback of the exception that is being handled."""
        self._put(_ERROR, text, args, sys.exc_info())

    def flush(self, timeout: float = HANG_SECONDS) -> bool:
        """Wait until handlers have had every record so far, or one of them hangs.

        Args:
            timeout: seconds, at most.

        Returns:
            False if a handler hangs, or time is up.
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

    def end(self) -> None:
        """Let the threads end, as their interpreter does; what is logged later starts others."""
        with self._lock:
            emitters, self._emitters = self._emitters, ()
        for _ in emitters:
            self.queue.put(None)

    def take(self, message: _Pending | LockType | None) -> None:
        """Hand a message to the handlers; or release the lock that a flush waits for."""
        try:
            if isinstance(message, _Pending):
                call_foreign(_emit, message)
            elif message is not None:
                message.release()
        except BaseException:  # of a handler, a filter, an argument's own __str__
            self.lost += 1

    def replaced(self, emitter: _Emitter) -> bool:
        """Dismiss an emitter if another one works in its place; tell whether one does."""
        with self._lock:
            others = tuple(each for each in self._emitters if each is not emitter)
            if not any(not each.hangs() for each in others):
                return False
            self._emitters = others
            return True

    def _put(
        self, level: int, text: str, args: tuple[Any, ...], trace: ExcInfo | None = None
    ) -> None:
        if any(each.thread.is_current() for each in self._emitters):
            sleep(_PAUSE)  # a handler that logs: one record brings the next, for ever
        frame = sys._getframe(2)  # noqa: SLF001 - the line that logs, as logging finds it
        code = frame.f_code
        message = _Pending(
            *(level, text, args, trace),
            *(code.co_filename, frame.f_lineno, code.co_name),
            *(time.time(), get_ident(), _thread_name()),
        )
        if self.queue.qsize() >= MAX_WAITING:
            self.lost += 1
            return
        self.queue.put(message)
        self._attend()
        if self.ending:
            self.flush()

    def _stuck(self) -> bool:
        return all(each.hangs() for each in self._emitters)

    def _attend(self) -> None:
        """Start a thread for what waits, unless one works."""
        if not self._stuck() or len(self._emitters) > MAX_HANGING:
            return
        if not self._lock.acquire(blocking=False):  # another thread does it just now
            return
        drain = False
        try:
            if self._stuck():
                emitter = _Emitter(self)
                emitter.thread.start()
                if not self._emitters:
                    _flush_at_exit()
                self._emitters = (*self._emitters, emitter)
        except RuntimeError:  # no new thread at the interpreter's end
            drain, self._draining = not self._draining, True
        finally:
            self._lock.release()
        if drain:
            self._drain()

    def _drain(self) -> None:
        """Take on this thread what waits; the lock is free, as handlers are foreign code."""
        try:
            while not self.queue.empty():
                self.take(self.queue.get())
        finally:
            self._draining = False


def _emit(message: _Pending) -> None:
    """Make a record and hand it to the handlers. Runs foreign code."""
    import logging

    logger = logging.getLogger(NAME)
    if not logger.isEnabledFor(message.level):
        return
    place = (message.path, message.line)
    record = logger.makeRecord(
        NAME, message.level, *place, message.text, message.args, message.trace, message.function
    )
    record.relativeCreated += (message.moment - record.created) * 1000
    record.created, record.msecs = message.moment, int(message.moment % 1 * 1000) + 0.0
    record.thread, record.threadName = message.ident, message.thread
    logger.handle(record)


def _thread_name() -> str:
    """Return the calling thread's name, without registering it with :mod:`threading`."""
    threading = sys.modules.get("threading")
    thread = getattr(threading, "_active", {}).get(get_ident())
    return getattr(thread, "name", None) or "sampler"


def _flush_at_exit() -> None:
    import atexit
    import logging  # noqa: F401 - its own exit function then runs after ours

    atexit.unregister(_at_exit)
    atexit.register(_at_exit)


def _at_exit() -> None:
    """Flush; where a handler hangs in a record of ours, see that the program can end.

    :func:`logging.shutdown` takes the lock of each handler, and one that hangs never releases its.
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
"""This process' log."""
in_child(log.begin)
