"""What a row of the table is: a program, how work gets to it, and which events it has."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

EVENTS = {
    "steady": "steady",
    "hup": "HUP, or a touched file",
    "kill_idle": "kill -9, idle",
    "kill_busy": "kill -9 in a request",
    "kill_child": "kill -9, a child holds the sockets",
    "relay_kill": "relay killed",
    "relay_stop": "relay stopped",
    "term": "TERM",
    "end": "its own end",
    "int": "INT",
    "quit": "QUIT",
    "usr2": "USR2",
    "max_requests": "max-requests",
    "timeout": "timeout kill",
    "relay_late": "late relay",
    "relay_restart": "relay restarted",
    "read_only": "read-only",
    "older": "older wire",
}
"""The columns, in the order in which they are lived."""

FIRST_LIFE = (
    *("steady", "hup", "kill_idle", "kill_busy", "kill_child"),
    *("relay_kill", "relay_stop", "term", "end"),
)
"""What happens to one and the same program; for each other event it boots anew."""
OWN_RELAY = ("relay_late", "relay_restart")
"""Lives with a relay that is started beside the program, by ``sampler relay``."""


@attrs.frozen(kw_only=True)
class Row:
    """One program.

    Attributes:
        name: what people call it.
        command: its words; ``{port}``, ``{folder}`` and others of :class:`.Home` are filled in.
        written: words that stand for ``{written}`` where the application starts the agent.
        work: how it gets work: by HTTP, by its standard input, or by a queue.
        workers: how many processes do the work at a time; 0: as many as there are pieces of it.
        without: the events that do not apply, and why.
        options: words that stand for ``{options}`` in the life of an event.
        statuses: the exit statuses that the program has without an agent, by event; 0 otherwise.
        files: makes the files that it needs in its folder, which is given, as is the port.
        lone: its first process does the work: no supervisor.
        touch: the file that makes it load its code anew, where no HUP does.
        user: to whom a server that was started by root changes.
        to_all: signals go to all of its processes, as a service manager sends them.
        idle: the events whose last signal comes once all its workers wait for requests: at
            another moment it does harm, with or without us.
        slower: by how much its tasks take longer than requests.
        rest: seconds that a worker has to live before it may be killed.
        resets: the events at which it closes connections without an answer, with or without us.
        kills: the events at which it ends its own processes by SIGKILL, or while they still
            serve, with or without us.
        brief: its workers end by themselves, maybe within an interval: no gauge tells of them.
        needs: paths of files and names of modules without which it cannot run.
        not_by_start: why the application cannot start an agent in it; empty where it can.
    """

    name: str
    command: tuple[str, ...]
    work: Literal["http", "input", "celery", "rq"] = "http"
    workers: int = 3
    without: Mapping[str, str] = attrs.field(factory=dict)
    options: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    statuses: Mapping[str, int] = attrs.field(factory=dict)
    files: Callable[[Path, int], None] | None = None
    lone: bool = False
    touch: str = ""
    to_all: bool = False
    idle: tuple[str, ...] = ()
    user: str = ""
    needs: tuple[str, ...] = ()
    slower: int = 1
    rest: float = 0.0
    resets: tuple[str, ...] = ()
    kills: tuple[str, ...] = ()
    brief: bool = False
    not_by_start: str = ""
    written: tuple[str, ...] = ()

    def closed(self) -> str:
        """Return the first place on the way to this file that is closed to the row's user."""
        here = Path(__file__).resolve()
        for path in (*here.parents[::-1], here) if self.user else ():
            wanted = 0o005 if path.is_dir() else 0o004
            if path.stat().st_mode & wanted != wanted:
                return str(path)
        return ""

    def missing(self) -> list[str]:
        """Return what this machine does not have, of what the program needs."""
        return [
            need
            for need in self.needs
            if not (Path(need).exists() if "/" in need else find_spec(need))
        ]
