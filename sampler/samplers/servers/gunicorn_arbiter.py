"""The ``gunicorn.arbiter`` sampler: what gunicorn's arbiter tells on its control socket.

No agent runs in the arbiter, so a worker asks it (gunicorn 25.1 and later, unless started with
``--no-control-socket``; as a user that may open the socket). One worker's answer stands.

All gunicorns of a user have one path by default, and each new one takes it from the one before.
"""

from __future__ import annotations

import json
import os
import struct
import time
from typing import TYPE_CHECKING, Any

import psutil

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
"""Reads in a row that find no socket before that is a failure."""

_REMEDY = (
    "gunicorns of one user share the path of the control socket unless told otherwise, and the "
    "last one to start has it: give each a path of its own (--control-socket PATH), or none "
    "(--no-control-socket), and restart it"
)
_UNIX, _STREAM = 1, 1
_METRICS = {
    "worker.count": "workers_current",
    "worker.target": "workers_target",
    "worker.starts": "workers_spawned",
    "worker.kills": "workers_killed",
    "reloads": "reloads",
    "uptime": "uptime",
}


class LostSocketError(Exception):
    """The arbiter's control socket has gone, or is another arbiter's."""


class _Socket:
    """What is known of the control socket.

    Attributes:
        misses: reads in a row that found none.
    """

    misses: int = 0


_socket = _Socket()


def sample() -> Iterator[tuple[Any, ...]]:
    """Yield what the arbiter of this worker tells; nothing where it has no socket.

    Raises:
        LostSocketError: another gunicorn has taken its place; the message says what to do.
        OSError, ValueError: as of the arbiter's answer.
    """
    worker = WORKER.find()
    path = getattr(WORKER.told(worker, "cfg"), "control_socket", None) if worker else None
    if not path or worker.cfg.control_socket_disable:
        return
    path = os.path.abspath(path)  # noqa: PTH100 - a plain text
    try:
        told = _ask(path)
    except (FileNotFoundError, ConnectionRefusedError):
        _socket.misses += 1
        if _socket.misses > PATIENCE:
            raise LostSocketError(f"nobody listens at {path} any more; {_REMEDY}") from None
        return  # while the arbiter forks, or ends, its socket is away
    if (other := told.get("pid")) != worker.ppid:
        _socket.misses = PATIENCE
        raise LostSocketError(f"{path} is that of gunicorn {other} now; {_REMEDY}")
    _socket.misses = 0
    for name, key in _METRICS.items():
        yield name, told.get(key)


def start() -> float | None:
    """Return when the arbiter of this worker began, the same in all workers, in epoch seconds.

    So totals go on where another worker begins to speak for all.
    """
    worker = WORKER.find()
    try:
        return psutil.Process(worker.ppid).create_time() if worker else None
    except psutil.Error:
        return None


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
