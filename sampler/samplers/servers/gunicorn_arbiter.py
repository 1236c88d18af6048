"""The ``gunicorn.arbiter`` sampler: what gunicorn's arbiter tells on its control socket.

No agent runs in the arbiter, so a worker asks it (gunicorn 25.1 and later, unless started with
``--no-control-socket``; as a user that may open the socket). One worker's answer stands.

All gunicorns of a user have one path by default, and each takes it from the others whenever it
forks a worker. That is no failure of this sampler: it says so once, and has no values until the
arbiter can be asked again. Its series stay in their place, so totals go on from where they were.
"""

from __future__ import annotations

import json
import os
import struct
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import psutil

from sampler._runtime.instance_lock import lock
from sampler._runtime.log import log
from sampler.adapterkit.sockets import Socket
from sampler.samplers._metrics import metric
from sampler.samplers.servers.gunicorn import WORKER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ("SAMPLER",)

MIN_INTERVAL = 10.0
"""Seconds for which an answer stands: each worker asks."""
TIMEOUT = 1.0
"""Seconds for one answer."""
MOST = 65_536
"""Bytes of an answer."""

PATIENCE = 2
"""Reads in a row without an answer before that is said: its socket is away while it forks."""

_UNIX, _STREAM = 1, 1
_METRICS = {
    "worker.count": "workers_current",
    "worker.target": "workers_target",
    "worker.starts": "workers_spawned",
    "worker.kills": "workers_killed",
    "reloads": "reloads",
    "uptime": "uptime",
}


class _Lost(Exception):
    """The arbiter cannot be asked; its text says why.

    Args:
        why: the text.
        weight: for how many reads without an answer it stands.
    """

    def __init__(self, why: str, weight: int = 1) -> None:
        super().__init__(why)
        self.weight = weight


class _Known:
    """What is known of the arbiter.

    Attributes:
        misses: reads in a row without an answer.
        said: the log has it.
    """

    misses: int = 0
    said: bool = False


_known = _Known()


def sample() -> Iterator[tuple[Any, ...]]:
    """Yield what the arbiter of this worker tells; nothing where it has no socket.

    While it cannot be asked, no series has a value.

    Raises:
        OSError, ValueError: as of the arbiter's answer.
    """
    worker = WORKER.find()
    path = getattr(WORKER.told(worker, "cfg"), "control_socket", None) if worker else None
    if not path or worker.cfg.control_socket_disable:
        return
    try:
        told = _ask_own(os.path.abspath(path), worker.ppid)  # noqa: PTH100 - a plain text
    except _Lost as lost:
        _known.misses += lost.weight
        if _known.misses > PATIENCE:
            _say(str(lost), worker.ppid)
        told = {}
    else:
        _known.misses = 0
    for name, key in _METRICS.items():
        yield name, told.get(key)


def _ask_own(path: str, pid: int) -> dict[str, Any]:
    """Return the statistics of the arbiter that is this process.

    Raises:
        _Lost: it cannot be asked.
        OSError, ValueError: as of its answer.
    """
    try:
        told = _ask(path)
    except (FileNotFoundError, ConnectionRefusedError):
        raise _Lost(f"nobody listens at {path}") from None
    except PermissionError:
        raise _Lost(f"the user of this worker may not open {path}", PATIENCE + 1) from None
    if (other := told.get("pid")) != pid:  # so it is at a start, too, for a moment
        raise _Lost(f"{path} is that of gunicorn {other}", PATIENCE)
    return told


def _say(why: str, arbiter: int) -> None:
    """Log why the arbiter cannot be asked; one of its workers does, once."""
    if not _known.said and _is_first(arbiter):
        _known.said = True
        log.warning(
            "sampler %r has no numbers for now: %s; --control-socket PATH gives a gunicorn a path "
            "of its own, which its workers have to be able to open, and --no-control-socket none",
            SAMPLER["name"],
            why,
        )


def _is_first(arbiter: int) -> bool:
    try:
        return lock("gunicorn.arbiter", str(arbiter))
    except Exception:  # this host does not tell: better twice than never
        return True


def start() -> float | None:
    """Return when the arbiter of this worker began, in epoch seconds; to a second in all workers.

    So totals go on where another worker begins to speak for all (M-05).
    """
    worker = WORKER.find()
    try:
        return _birth(worker.ppid) if worker else None
    except psutil.Error:
        return None


@lru_cache(maxsize=1)
def _birth(pid: int) -> float:
    """Return when a process began; the same each time, and never too early by a second.

    The system tells its own start in whole seconds, so what psutil makes of it may be.
    """
    born = psutil.Process(pid).create_time()
    if not hasattr(time, "CLOCK_BOOTTIME"):
        return born
    return born - psutil.boot_time() + time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)


def _ask(path: str) -> dict[str, Any]:
    """Return the arbiter's statistics.

    Raises:
        OSError: it cannot be reached, or does not answer in time.
        ValueError: its answer is none.
    """
    until = time.monotonic() + TIMEOUT
    request = json.dumps({"id": 1, "command": "show", "args": ["stats"]}).encode()
    with Socket(_UNIX, _STREAM) as arbiter:
        arbiter.settimeout(TIMEOUT)
        arbiter.connect(path)
        arbiter.sendall(struct.pack(">I", len(request)) + request)
        (length,) = struct.unpack(">I", _read(arbiter, 4, until))
        if length > MOST:
            raise ValueError(f"{path}: an answer of {length} bytes; it may have {MOST}")
        answer = json.loads(_read(arbiter, length, until))
    told = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(told, dict):
        raise ValueError(f"{path}: its answer has no data: is it gunicorn's control socket?")  # noqa: TRY004
    return told


def _read(arbiter: Socket, length: int, until: float) -> bytes:
    found = b""
    while len(found) < length:
        arbiter.settimeout(max(0.001, until - time.monotonic()))
        piece = arbiter.recv(length - len(found))
        if not piece:
            raise ConnectionError("gunicorn's control socket was closed within an answer")
        found += piece
    return found


def _described(kind: str, unit: str, text: str) -> dict[str, Any]:
    return metric(kind, unit, text, scope="server")


SAMPLER: dict[str, str | float | Callable[..., Any] | dict[str, Any]] = {
    "name": "gunicorn.arbiter",
    "sample": sample,
    "start": start,
    "min_interval": MIN_INTERVAL,
    "metrics": {
        "worker.count": _described("gauge", "{process}", "Workers there are."),
        "worker.target": _described("gauge", "{process}", "Workers there should be."),
        "worker.starts": _described("counter", "{process}", "Workers started."),
        "worker.kills": _described(
            "counter", "{process}", "Workers that the arbiter has ended by TERM or KILL."
        ),
        "reloads": _described("counter", "{reload}", "Reloads by HUP."),
        "uptime": _described("gauge", "s", "Time since the arbiter started."),
    },
}
"""The ``gunicorn.arbiter`` sampler."""
