"""The one read of a sampler with ``min_interval`` that all its callers share (R-13).

A registry puts it behind ``sample`` and ``start`` of the mapping that it shows, so that consumers
of any vendor share it. The first caller reads; others that call meanwhile wait for that read. No
lock is held while the sampler runs.
"""

from __future__ import annotations

from sampler._contract.declaration import private_description, seconds, short
from sampler._contract.names import MAX_BUCKETS
from sampler._contract.values import copy_mapping
from sampler._runtime.abandoned import is_foreign
from sampler._runtime.fork import process_id
from sampler._runtime.native import allocate_lock, get_ident

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _thread import LockType
    from collections.abc import Callable, Iterable
    from typing import Any

    from sampler.types import Clock

MAX_HELD = 100_000
"""Samples of a shared read: all of it is held until the next one."""

_lock = allocate_lock()  # one for all: it is never held for long


def renew_lock() -> None:
    """Start over in a forked child: the lock may have been held at the fork."""
    global _lock  # noqa: PLW0603
    _lock = allocate_lock()


class Restarted(Exception):
    """The source started over while it was read: its values may be of either life (S-10)."""


_read_only = type(type.__dict__)  # MappingProxyType, without an import


class HeldRead(tuple):  # type: ignore[type-arg] # noqa: SLOT001 - a tuple has no other slots
    """What one read yielded: private copies of samples, unchecked, that no reader can change.

    Attributes:
        time: epoch seconds at which the read began.
        start: epoch seconds at which the source says its values were zero, or None.
        began: monotonic moment at which the read began.
        pid: the process that read.
    """

    time: float
    start: float | None
    began: float
    pid: int

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a held read is the same for all its readers: copy it first")


class SharedRead:
    """``sample`` and ``start`` of a sampler with ``min_interval``, as its registry shows them.

    Args:
        sample: the sampler's own ``sample``.
        start: the sampler's own ``start``: a number, a callable, or None.
        min_interval: seconds for which a read is held, from its beginning.
        clock: what time it is.
    """

    __slots__ = ("_clock", "_last", "_min_interval", "_pending", "_sample", "_start")

    def __init__(
        self, sample: Callable[[], Any], start: Any, min_interval: float, clock: Clock
    ) -> None:
        self._sample = sample
        self._start = start
        self._min_interval = min_interval
        self._clock = clock
        self._last: HeldRead | None = None
        self._pending: _PendingRead | None = None

    def held(self) -> HeldRead | None:
        """Return the last read, if it is young enough and of this process."""
        last = self._last
        if last is None or last.pid != process_id():
            return None
        return last if self._clock.monotonic() - last.began < self._min_interval else None

    def sample(self, patience: float = -1) -> Any:
        """Return the held read, or a new one; of an asynchronous sampler, an awaitable of it.

        Args:
            patience: seconds to wait for a read that another caller has begun; -1: for ever.

        Raises:
            TimeoutError: that read did not end.
            Restarted: the source started over during the read.
            RuntimeError: the sampler reads itself, and would wait for ever.
            Exception: whatever the sampler raises.
        """
        until = self._clock.monotonic() + patience
        while True:
            with _lock:
                if (last := self.held()) is not None:
                    return last
                pending = self._pending
                mine = pending is None or pending.pid != process_id()
                if mine:
                    self._pending = pending = _PendingRead()
            assert pending is not None  # noqa: S101 - found or made
            if mine:
                return self._read(pending)
            if pending.thread == get_ident():
                raise RuntimeError(
                    "this thread is reading it already: a sampler cannot read itself"
                )
            left = -1.0 if patience < 0 else max(0.0, until - self._clock.monotonic())
            if not pending.gate.acquire(timeout=left):
                raise TimeoutError("the read that another consumer has begun has not ended")
            pending.gate.release()  # for others that wait, too

    def start(self) -> Any:
        """Return the ``start`` of the held read; without one, what the source says now."""
        return self._ask_start() if (last := self.held()) is None else last.start

    def _read(self, pending: _PendingRead) -> Any:
        try:
            began, now, start = self._clock.monotonic(), self._clock.time(), self._ask_start()
            samples = self._sample()
            if is_async(samples):
                return self._gather(samples, began, now, start)
            return self._hold(copy_samples(checked_iterable(samples), MAX_HELD), began, now, start)
        finally:
            with _lock:
                if self._pending is pending:
                    self._pending = None
            pending.gate.release()

    async def _gather(self, samples: Any, began: float, now: float, start: Any) -> HeldRead:
        return self._hold(await gather(samples, MAX_HELD), began, now, start)

    def _hold(
        self, read: tuple[list[Any], bool], began: float, now: float, start: Any
    ) -> HeldRead:
        samples, cut = read
        if cut:
            raise ValueError(f"it yields more than {MAX_HELD} samples: a shared read must end")
        check_start(start, self._ask_start())
        last = self._last
        if last is not None and last.pid == process_id() and last.began > began:
            return last  # read by somebody who asked later: no reader goes back in time
        held = HeldRead(samples)
        vars(held).update(time=now, start=start, began=began, pid=process_id())
        self._last = held
        return held

    def _ask_start(self) -> float | None:
        return ask_start(self._start)


class _PendingRead:
    """A read under way, for which other callers wait.

    Attributes:
        gate: held until the read has ended.
        pid: the process that reads.
        thread: the thread that reads.
    """

    __slots__ = ("gate", "pid", "thread")

    def __init__(self) -> None:
        self.gate: LockType = allocate_lock()
        self.gate.acquire()
        self.pid: int = process_id()
        self.thread: int = get_ident()


def ask_start(start: Any) -> float | None:
    """Return what a sampler's ``start`` says now (S-10). Runs foreign code.

    Raises:
        TypeError: it is not a number.
    """
    said = start() if callable(start) else start
    if said is None:
        return None
    if (number := seconds(said)) is None:
        raise TypeError(f"'start' returned {short(said)}, not epoch seconds")
    return number


def check_start(before: float | None, after: float | None) -> None:
    """Check that a source has not started over during a read (S-10).

    Raises:
        Restarted: ``start`` was another number after the samples than before them.
    """
    if before is not None and after is not None and before != after:
        raise Restarted(f"the source started over during the read: 'start' {before} -> {after}")


def is_async(samples: object) -> bool:
    """Tell whether ``samples`` have to be awaited."""
    return hasattr(samples, "__await__") or hasattr(samples, "__aiter__")


async def gather(samples: Any, limit: int) -> tuple[list[Any], bool]:
    """Do on its loop for an asynchronous sampler what :func:`copy_samples` does for others."""
    if hasattr(samples, "__await__"):
        samples = await samples
    if not hasattr(samples, "__aiter__"):
        return copy_samples(checked_iterable(samples), limit)
    kept: list[Any] = []
    async for item in samples:
        if len(kept) == limit:
            if (close := getattr(samples, "aclose", None)) is not None:
                await close()
            return kept, True
        kept += copy_samples((item,), 1)[0]
    return kept, False


def copy_samples(samples: Iterable[Any], limit: int) -> tuple[list[Any], bool]:
    """Return a private copy of at most ``limit`` samples, and whether there were more.

    An item that is not a sample is kept as it is: the intake refuses it and says why.
    """
    kept: list[Any] = []
    for item in samples:
        if len(kept) == limit:
            if (close := getattr(samples, "close", None)) is not None:
                close()
            return kept, True
        kept.append(_copied(item))
    return kept, False


def checked_iterable(samples: Any) -> Any:
    """Return ``samples``, which must be an iterable of samples.

    Raises:
        TypeError: they are not.
    """
    mapping = hasattr(samples, "keys") and hasattr(samples, "__getitem__")
    if mapping or isinstance(samples, str | bytes) or not hasattr(samples, "__iter__"):
        kind = type(samples).__name__
        raise TypeError(
            f"expected an iterable of (name, value[, labels[, description]]) tuples, got {kind}"
        )
    return samples


def _copied(item: Any) -> Any:
    try:
        return _copy(item) if isinstance(item, tuple) else item
    except BaseException as error:  # an author's own mapping: only its sample is lost
        if not is_foreign(error):
            raise
        return Unreadable(short(error))


class Unreadable:
    """Stands for a sample that could not be copied; its ``repr`` says why."""

    def __init__(self, why: str) -> None:
        self._why = why

    def __repr__(self) -> str:
        return self._why


def _copy(item: tuple[Any, ...]) -> tuple[Any, ...]:
    """Copy the mappings in a sample: labels, and a histogram with its buckets.

    Of each, one key more than an intake takes.
    """
    parts = [_copied_mapping(part) for part in item]
    if len(parts) > 1 and isinstance(parts[1], dict) and "buckets" in parts[1]:
        buckets = _copied_mapping(parts[1]["buckets"])
        parts[1]["buckets"] = _read_only(buckets) if isinstance(buckets, dict) else buckets
    if len(parts) > 3 and isinstance(parts[3], dict):
        parts[3] = private_description(parts[3])
    return tuple(_read_only(part) if isinstance(part, dict) else part for part in parts)


def _copied_mapping(part: Any) -> Any:
    return copy_mapping(part, MAX_BUCKETS + 1) if hasattr(part, "keys") else part
