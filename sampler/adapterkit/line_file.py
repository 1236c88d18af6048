"""Lines at the end of a file or on a standard stream, whole batches of them.

A file is opened for each batch, so a rotated one is left alone and a new one begun. Writers of one
file take turns by a lock. A batch of which only a part could be written, as on a full disk, is
taken back, so it can be written again. What a pipe has taken nobody takes back; a line that it has
in part gets an end before the next one.
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from select import PIPE_BUF, POLLOUT
from typing import TYPE_CHECKING

from sampler._runtime.native import original, sleep
from sampler.adapterkit.deadline import seconds_left
from sampler.agent import DELIVERED, UNCONFIRMED, Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sampler.agent import Outcome

__all__ = ["STREAMS", "append_lines", "path_fault"]

STREAMS: dict[str, int] = {"-": 1, "stdout": 1, "stderr": 2}
"""Words for standard streams, and their file descriptors."""
_LOOK_AGAIN = 0.01
"""Seconds until a lock is tried again."""
_torn: set[str] = set()
"""Streams and pipes whose last line has no end."""


def path_fault(path: str) -> str | None:
    """Say what is wrong with the path of a file, or return None."""
    if not path or "\0" in path:
        return "must be a path, or 'stdout' or 'stderr'"
    return None


def append_lines(
    path: str, frames: Sequence[bytes], timeout: float, *, sync: bool, idempotent: bool = True
) -> Outcome:
    """Write frames, each of which ends with a line feed.

    Args:
        path: a file, which is made if it is not there, or one of :data:`STREAMS`.
        frames: what to write; with nothing, find out whether the file can be written.
        timeout: seconds that it may take.
        sync: have the disk confirm it.
        idempotent: lines that are written twice do no harm.

    Returns:
        ``DELIVERED``; ``UNCONFIRMED`` for a stream or a pipe that has taken it: nobody says that
        it was read. Also where it has taken a part, if to write that again would do harm.

    Raises:
        Unavailable: nothing was written; or a part was, to a stream or a pipe, and may be again.
    """
    deadline = time.monotonic() + timeout
    data = b"".join(frames)
    try:
        if path in STREAMS:
            _write_all(STREAMS[path], path, data, deadline, idempotent=idempotent)
            return UNCONFIRMED
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
        file = os.open(path, flags, 0o644)
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                _write_all(file, path, data, deadline, idempotent=idempotent)
                return UNCONFIRMED
            _append(file, data, deadline, sync=sync)
        finally:
            os.close(file)
    except OSError as error:
        raise Unavailable(f"{path}: {error.strerror or error}") from None
    return DELIVERED


def _append(file: int, data: bytes, deadline: float, *, sync: bool) -> None:
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            sleep(min(_LOOK_AGAIN, seconds_left(deadline)))
    before = os.fstat(file).st_size
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(file, rest) :]
        if sync and data:
            os.fsync(file)
    except OSError:
        os.ftruncate(file, before)
        raise


def _write_all(file: int, path: str, data: bytes, deadline: float, *, idempotent: bool) -> None:
    """Write to something that may block: as much as a pipe takes at once, when it does."""
    poll = original("select", "poll")()  # unlike epoll it takes any file
    poll.register(file, POLLOUT)
    if data and path in _torn:
        data = b"\n" + data
    rest = data
    try:
        while rest:
            if not poll.poll(seconds_left(deadline) * 1000):
                raise TimeoutError("timed out")
            # As long as it is not longer than this, a pipe takes all of it, and nothing comes
            # between.
            end = rest.rfind(b"\n", 0, PIPE_BUF) + 1 or PIPE_BUF
            rest = rest[os.write(file, rest[:end]) :]
    except OSError:
        if idempotent or rest is data:
            raise
    finally:
        if rest is not data:
            ended = data[: len(data) - len(rest)].endswith(b"\n")
            (_torn.discard if ended else _torn.add)(path)
