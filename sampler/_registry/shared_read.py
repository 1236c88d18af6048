"""One read of a sampler for every consumer within its ``min_interval``.

The read is kept as a private copy, with the time it was taken. The first consumer that asks reads;
others that ask meanwhile wait for that read. No lock is held while the sampler runs.
"""

from __future__ import annotations

from sampler._contract.declaration import short
from sampler._contract.names import MAX_BUCKETS
from sampler._contract.values import copy_mapping
from sampler._runtime.abandoned import is_foreign
from sampler._runtime.fork import process_id
from sampler._runtime.native import allocate_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _thread import LockType
    from collections.abc import Callable, Iterable
    from typing import Any

_lock = allocate_lock()  # one for all: it is never held for long


def renew_lock() -> None:
    """Start over in a forked child: the lock may have been held at the fork."""
    global _lock  # noqa: PLW0603
    _lock = allocate_lock()


class RawRead:
    """What one call of a sampler yielded, unchecked.

    Attributes:
        samples: a private copy of what it yielded.
        time: epoch seconds at which the read began.
        start: epoch seconds at which the source says its values were zero, or None.
        cut: the sampler had more samples than the reader wanted.
        pid: the process that read.
        began: monotonic moment at which the read began.
    """

    __slots__ = ("began", "cut", "pid", "samples", "start", "time")

    def __init__(
        self,
        samples: list[Any],
        time: float,
        start: float | None,
        began: float,
        *,
        cut: bool,
    ) -> None:
        self.samples: list[Any] = samples
        self.time: float = time
        self.start: float | None = start
        self.began: float = began
        self.cut: bool = cut
        self.pid: int = process_id()


class _PendingRead:
    """A read under way, for which other consumers may wait.

    Attributes:
        gate: held until the read has ended.
        read: its result; None while it runs, and if it failed.
    """

    __slots__ = ("gate", "pid", "read")

    def __init__(self) -> None:
        self.gate: LockType = allocate_lock()
        self.gate.acquire()
        self.read: RawRead | None = None
        self.pid: int = process_id()


class SharedRead:
    """The last read of one registration.

    Args:
        min_interval: seconds for which a read is used.
    """

    __slots__ = ("_last", "_min_interval", "_pending")

    def __init__(self, min_interval: float) -> None:
        self._min_interval = min_interval
        self._last: RawRead | None = None
        self._pending: _PendingRead | None = None

    def is_current(self, read: RawRead | None, now: float) -> bool:
        """Tell whether ``read`` is the last one and still young enough at the moment ``now``."""
        return read is not None and read is self._last and self._young(read, now)

    def get(self, take: Callable[[], RawRead], limit: int, patience: float, now: float) -> RawRead:
        """Return the last read if it is young enough, or a new one.

        Args:
            take: calls the sampler.
            limit: samples the caller wants; a read that was cut below it is read anew.
            patience: seconds to wait for a read that another consumer has begun.
            now: the monotonic moment.

        Raises:
            TimeoutError: that read did not end.
            RuntimeError: that read failed.
        """
        with _lock:
            last, pending = self._last, self._pending
            if last is not None and self._young(last, now):
                if not last.cut or len(last.samples) >= limit:
                    return last
                pending = None
            mine = pending is None or pending.pid != process_id()
            if mine:
                self._pending = pending = _PendingRead()
        assert pending is not None  # noqa: S101 - found or made
        return self._take(pending, take) if mine else _wait(pending, patience)

    def _take(self, pending: _PendingRead, take: Callable[[], RawRead]) -> RawRead:
        try:
            pending.read = self._last = read = take()
            return read
        finally:
            with _lock:
                if self._pending is pending:
                    self._pending = None
            pending.gate.release()

    def _young(self, read: RawRead, now: float) -> bool:
        age = now - read.began
        return age < self._min_interval and read.pid == process_id()


def _wait(pending: _PendingRead, patience: float) -> RawRead:
    if not pending.gate.acquire(timeout=patience):
        raise TimeoutError("the read that another consumer has begun has not ended")
    pending.gate.release()  # for others that wait, too
    if pending.read is None:
        raise RuntimeError("the read that another consumer had begun failed")
    return pending.read


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
    if isinstance(samples, str | bytes | dict) or not hasattr(samples, "__iter__"):
        kind = type(samples).__name__
        raise TypeError(f"expected an iterable of (name, value[, labels]) tuples, got {kind}")
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
        parts[1]["buckets"] = _copied_mapping(parts[1]["buckets"])
    return tuple(parts)


def _copied_mapping(part: Any) -> Any:
    return copy_mapping(part, MAX_BUCKETS + 1) if hasattr(part, "keys") else part
