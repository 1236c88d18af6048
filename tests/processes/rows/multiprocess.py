"""A plain program, and programs with workers of multiprocessing and concurrent.futures."""

from __future__ import annotations

from tests.processes.row import Row
from tests.processes.rows.reasons import (
    LONE,
    NO_LIMIT,
    NO_QUIT,
    NO_RELAY,
    NO_RELOAD,
    NO_SEMAPHORES,
    NO_TIMEOUT,
    NO_USR2,
)

_PROGRAM = NO_USR2 | NO_QUIT | NO_LIMIT | NO_TIMEOUT | {"hup": "it ends, as by TERM"}
_ENDS = {"term": -15, "int": -2}
_CTRL_C = "a Pool may hang at it by itself"
_POOLS = {
    "Process": (0, "each process does one piece of work"),
    "Pool": (3, "a Pool hangs: the worker that is killed may hold the lock of its queue"),
    "ProcessPoolExecutor": (3, "an executor is broken when a process of its is killed"),
}


def _pool(kind: str, method: str) -> Row:
    workers, no_kill = _POOLS[kind]
    without = dict.fromkeys(("kill_idle", "kill_busy", "kill_child"), no_kill)
    if kind == "Pool":
        without["int"] = _CTRL_C
    if not workers:
        without |= NO_RELAY
    return Row(
        name=f"{kind} {method}",
        command=("{python}", "pools.py", kind, method),
        work="input",
        workers=workers,
        lone=True,
        to_all=True,
        statuses=_ENDS,
        without=_PROGRAM | without | (NO_SEMAPHORES if workers else {}),
    )


ROWS = [
    Row(
        name="a plain program",
        command=("{python}", "plain.py"),
        work="input",
        workers=1,
        lone=True,
        statuses=_ENDS,
        without=LONE | _PROGRAM | NO_RELOAD,
    ),
    *(
        _pool(kind, method)
        for method in ("fork", "spawn", "forkserver")
        for kind in ("Process", "Pool", "ProcessPoolExecutor")
    ),
]
