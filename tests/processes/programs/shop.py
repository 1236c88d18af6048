"""What every program of the table counts: by an instrument, by a histogram, by a pull-type source.

The environment says how the agent gets here: ``WIRING=start`` is what the documentation has people
write, and with ``WIRING=run`` nobody writes anything.
"""

import os
import threading
import time

import sampler

WRITTEN = os.environ.get("WIRING") == "start"
"""Whether the agent is started by what people write."""

_group = sampler.Instruments("shop")
_requests = _group.counter("requests", help="Pieces of work that were done.")
_latency = _group.histogram("latency", unit="s", help="What they took.")
_lock = threading.Lock()
_checkouts = 0


def _sample():
    yield "checkouts", _checkouts
    yield "pid", os.getpid()


sampler.register(
    {
        "name": "pool",
        "sample": _sample,
        "metrics": {"checkouts": {"kind": "counter"}, "pid": {"kind": "gauge"}},
    }
)


def work(seconds: float = 0.002) -> int:
    """Do a piece of work, count it in three ways, and return the id of this process."""
    global _checkouts  # noqa: PLW0603
    time.sleep(seconds)
    with _lock:
        _checkouts += 1
    _requests.inc()
    _latency.observe(seconds)
    return os.getpid()


def work_and_tell() -> None:
    """Do a piece of work, and tell the client by a line of a file, which appends whole."""
    told = b"%d\n" % work()
    file = os.open(os.environ["DONE"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.write(file, told)
    os.close(file)
