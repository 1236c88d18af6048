"""What happens to a program, one function an event; each has work done before and after it.

A function says what it saw in the cell that it is given. What was counted and what has arrived is
compared when it returns.
"""

from __future__ import annotations

import os
import signal
import time
from functools import partial
from typing import TYPE_CHECKING

from tests.processes import procfs
from tests.processes.life import INTERVAL, Life
from tests.processes.work import Requests

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.processes.judge import Cell

_FEW = 30
_MANY = 100
_LAG = 0.5  # seconds that a busy machine may be late with an interval
_FROZEN = 2.0
_RELAY = _REPLACED = _KILLED = 15.0


def steady(life: Life, cell: Cell) -> None:
    """Work, by all workers."""
    life.work.drive(_MANY)
    _processes(life, cell)


def hup(life: Life, cell: Cell) -> None:
    """Reload."""
    before = frozenset(life.workers())
    gone = frozenset() if life.row.lone else before  # one process becomes the next program
    life.work.drive(_FEW)
    since = time.time()
    if life.row.touch:
        file = life.home.folder / life.row.touch
        os.utime(file, (time.time() + 2, time.time() + 2))
    else:
        life.signal(signal.SIGHUP)
    _processes(life, cell, gone)
    if "hup" in life.row.kills:
        cell.losable = sum(pid in before and at >= since for at, pid in life.work.done)
    life.work.drive(_FEW)


def kill_idle(life: Life, cell: Cell) -> None:
    """Kill a worker that has nothing to do, and has had nothing for some intervals."""
    time.sleep(life.row.rest)
    _kill(life, cell, life.work.done[-1][1])


def kill_busy(life: Life, cell: Cell) -> None:
    """Kill a worker inside a request, or right after a task."""
    time.sleep(life.row.rest)
    life.work.drive(_FEW)
    http = isinstance(life.work, Requests)
    _kill(life, cell, life.told("/linger") if http else life.work.done[-1][1])


def kill_child(life: Life, cell: Cell) -> None:
    """Kill a worker whose forked child goes on, and holds each socket that it had open."""
    time.sleep(life.row.rest)
    life.work.drive(_FEW)
    if isinstance(life.work, Requests):
        life.work.request("/child")
    _kill(life, cell, life.work.done[-1][1])


def timeout(life: Life, cell: Cell) -> None:
    """Let a worker hang, so that its server kills it."""
    life.work.drive(_FEW)
    victim = life.told("/freeze")
    begun = time.time()
    life.wait(lambda: not procfs.lives(victim), _KILLED)
    if procfs.lives(victim):
        cell.faults.append("the server did not kill it")
    _killed(life, cell, victim, begun)


def max_requests(life: Life, cell: Cell) -> None:
    """Work so much that each worker ends several times."""
    for _ in range(4):
        life.work.drive(_FEW)
    _processes(life, cell)


def usr2(life: Life, cell: Cell) -> None:
    """Replace the program by a new one beside it, and end the old one."""
    old = frozenset(life.workers())
    master = life.master()
    life.work.drive(_FEW)
    os.kill(master, signal.SIGUSR2)
    life.wait(lambda: life.work.drive(_FEW) or life.work.done[-1][1] not in old, _REPLACED)
    life.work.drive(_FEW)
    os.kill(master, signal.SIGTERM)
    deadline = time.monotonic() + _REPLACED
    while procfs.lives(master) and time.monotonic() < deadline:
        time.sleep(0.05)
    life.work.drive(_FEW)
    life.follow(life.work.done[-1][1])
    _processes(life, cell, gone=old)


def relay_kill(life: Life, cell: Cell) -> None:
    """Kill the relay while there is work, so that another one takes over."""
    relay = _relay(life, cell)
    life.work.drive(_FEW)
    if relay:
        since = time.time() - INTERVAL - _LAG
        cell.losable = sum(at >= since for at, _ in life.work.done)
        os.kill(relay, signal.SIGKILL)
        life.work.drive(_FEW)
        life.wait(lambda: life.relay() not in {None, relay} and life.endpoints.answers(), _RELAY)
        if life.relay() in {None, relay}:
            cell.faults.append("there is no other relay")
    life.work.drive(_FEW)


def relay_stop(life: Life, cell: Cell) -> None:
    """Freeze the relay for some intervals."""
    relay = _relay(life, cell)
    if relay:
        os.kill(relay, signal.SIGSTOP)
        life.work.drive(_FEW)
        time.sleep(_FROZEN)
        life.work.drive(_FEW)
        os.kill(relay, signal.SIGCONT)
    life.work.drive(_FEW)


def relay_late(life: Life, cell: Cell) -> None:
    """Start the relay when workers have worked for some time."""
    life.work.drive(_FEW)
    time.sleep(_FROZEN)
    life.start_relay()
    life.work.drive(_FEW)


def relay_restart(life: Life, cell: Cell) -> None:
    """Have the relay end, and another one take over some intervals later.

    The new one's totals stay below what the old one has delivered, so that a store can see that
    they begin anew.
    """
    life.work.drive(_MANY)
    done = len(life.work.done)
    life.settle({("instrument", "statsd"): 0.0}, done, done)
    life.stop_relay()
    life.work.drive(_FEW)
    time.sleep(_FROZEN)
    life.start_relay()
    life.work.drive(_FEW)


def end(life: Life, cell: Cell, event: str) -> None:
    """Have the program end right after work."""
    life.workers()
    life.work.drive(_FEW)
    if event in life.row.kills:
        since = time.time() - INTERVAL - _LAG
        cell.losable = sum(at >= since for at, _ in life.work.done)
    life.until_idle(event)
    cell.status, cell.took = life.end(ENDS[event])
    expected = life.row.statuses.get(event, 0)
    if cell.status != str(expected):
        cell.faults.append(f"exit status {cell.status} instead of {expected}")


def _kill(life: Life, cell: Cell, victim: int) -> None:
    moment = time.time()
    os.kill(victim, signal.SIGKILL)
    _killed(life, cell, victim, moment)


def _killed(life: Life, cell: Cell, victim: int, moment: float) -> None:
    """Go on after a worker was killed: what it did in its last interval may be lost."""
    since = moment - INTERVAL - _LAG
    cell.losable = sum(pid == victim and at >= since for at, pid in life.work.done)
    _processes(life, cell, gone=frozenset([victim]))
    life.work.drive(_FEW)


def _processes(life: Life, cell: Cell, gone: frozenset[int] = frozenset()) -> None:
    """Look who works, and who reports."""
    begun = time.time()
    workers = life.workers(gone)
    wanted = life.row.workers
    life.wait(lambda: not _silent(life, workers, begun), 6 * INTERVAL)
    cell.processes = f"{len(workers)} of {wanted}"
    if wanted and len(workers) < wanted:
        others = procfs.marked(life.home.mark) - workers - {life.pid, life.master()}
        stuck = sum(map(procfs.waits_for_a_lock, others))
        cell.faults.append(f"{len(workers)} of {wanted} work; {stuck} others wait for a lock")
    if wanted and not life.row.brief and (silent := _silent(life, workers, begun)):
        cell.faults.append(f"{len(silent)} of {len(workers)} that work do not report")
    master = life.master()
    if master in life.endpoints.reporting(begun) and not life.row.lone:
        cell.faults.append("the supervisor reports as a worker")


def _silent(life: Life, workers: set[int], begun: float) -> set[int]:
    """Return those that have not reported since then; some end by themselves meanwhile."""
    return {pid for pid in workers - life.endpoints.reporting(begun) if procfs.lives(pid)}


def _relay(life: Life, cell: Cell) -> int:
    relay = life.relay()
    if relay is None:
        cell.faults.append("there is no relay")
    return relay or 0


ENDS = {"term": signal.SIGTERM, "end": 0, "int": signal.SIGINT, "quit": signal.SIGQUIT}
"""The events after which there is no program, and the signals for them; 0: no more work."""

DEEDS: dict[str, Callable[[Life, Cell], None]] = {
    **{event: partial(end, event=event) for event in ENDS},
    "steady": steady,
    "hup": hup,
    "kill_idle": kill_idle,
    "kill_busy": kill_busy,
    "kill_child": kill_child,
    "relay_kill": relay_kill,
    "relay_stop": relay_stop,
    "relay_restart": relay_restart,
    "usr2": usr2,
    "max_requests": max_requests,
    "timeout": timeout,
    "relay_late": relay_late,
    "read_only": steady,
}
