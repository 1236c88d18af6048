"""Eight overloads: four that the thresholds were set by, and four that they had not seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from examples.talk.frame.load import Closed, Open, SlowReaders
from tests.advise.overloads.overload import CAPACITY, Overload
from tests.samplers.servers.daemons import Postgres

if TYPE_CHECKING:
    from contextlib import ExitStack
    from pathlib import Path

CPU, GIL, QUEUE, LONG = "CPU or waiting", "interpreter (GIL)", "queue", "long requests"
BACKLOG, FUNNEL, SLOW, LEFT = "backlog", "funnel", "slow clients", "clients who left"
DATABASE, NEXT = "database", "next limit"
_WAITS = {
    CPU: ("I/O-bound",),
    GIL: ("is no limit",),
    QUEUE: ("requests wait",),
    LONG: ("hold no threads",),
    BACKLOG: ("empty", "connections wait"),
    FUNNEL: ("at the application's threads",),
    SLOW: ("none seen",),
    LEFT: ("none",),
    NEXT: ("threads",),
}
"""What may be said where requests wait for threads, and nothing else is wrong."""
_COMPUTES = {
    CAPACITY: ("2 processes", "the host is full"),
    CPU: ("CPU-bound",),
    GIL: ("is a limit",),
    QUEUE: ("requests wait",),
    LONG: ("hold no threads",),
    BACKLOG: ("empty", "connections wait"),
    FUNNEL: ("at the application's threads",),
    LEFT: ("none",),
    SLOW: ("none seen",),
    NEXT: ("cores of single processes", "CPUs of the host", "threads"),
}
"""What may be said where they wait for CPU, on a host of two."""


def _database(around: ExitStack, folder: Path) -> dict[str, str]:
    database = around.enter_context(Postgres(folder / "postgres"))
    where = f"host=127.0.0.1 port={database.port} dbname=postgres user=shop"
    return {"TALK_DATABASE": where}


SEEN = (
    Overload(
        "too few threads",
        (Closed(40, "/wait/0.02"),),
        cause={CAPACITY: ("2 processes with",)},
        truths={**_WAITS, CAPACITY: ("2 processes with",)},
        workers=2,
    ),
    Overload(
        "long requests",
        (Closed(4, "/wait/2", name="long"), Closed(4, "/wait/0.012")),
        cause={LONG: ("hold the threads",)},
        truths={**_WAITS, CAPACITY: ("1 process with",), LONG: ("hold the threads",)},
    ),
    Overload(
        "some compute, some wait",
        (Closed(10, "/wait/0.03"), Closed(2, "/compute/0.004")),
        cause={CAPACITY: ("1 process with", "2 processes with")},
        truths={
            **_WAITS,
            CAPACITY: ("1 process with", "2 processes with"),
            CPU: ("I/O-bound", "both"),
        },
    ),
    Overload(
        "CPU",
        (Closed(8, "/compute/0.005"),),
        cause={CPU: ("CPU-bound",)},
        truths=_COMPUTES,
        threads=8,
        cpu=True,
    ),
)
"""Of these kinds were the runs that the thresholds were set after."""
UNSEEN = (
    Overload(
        "strangers, near what fits",
        (Open(66, "/wait/0.04"),),
        cause={CAPACITY: ("1 process with",), FUNNEL: ("at the application's threads",)},
        truths={**_WAITS, CAPACITY: ("1 process with", "enough, nearly")},
        threads=3,
    ),
    Overload(
        "a connection for each request",
        (Closed(6, "/connect"),),
        cause={DATABASE: ("connecting costs",)},
        truths={DATABASE: ("connecting costs",), SLOW: ("none seen",), LEFT: ("none",)},
        samplers=("db.client.connection",),
        around=_database,
    ),
    Overload(
        "slow readers, no proxy",
        (SlowReaders(3, "/give/16000000"), Closed(6, "/wait/0.02")),
        cause={SLOW: ("they hold threads",)},
        truths={
            CAPACITY: (),
            CPU: ("I/O-bound",),
            QUEUE: (),
            LONG: ("hold the threads",),
            SLOW: ("they hold threads",),
            LEFT: ("none",),
        },
        nginx=False,
    ),
    Overload(
        "CPU, all of the host",
        (Closed(16, "/compute/0.01"),),
        cause={CAPACITY: ("the host is full",), CPU: ("CPU-bound",)},
        truths={**_COMPUTES, CAPACITY: ("the host is full",)},
        workers=2,
        threads=2,
        cpu=True,
    ),
)
"""Written once the thresholds stood."""
OVERLOADS = (*SEEN, *UNSEEN)
