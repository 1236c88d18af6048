"""What a relay says of itself and of its processes: two samplers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sampler._contract.names import RESERVED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sampler.relay.members import Members

SERVER, RELAY = "server", f"{RESERVED}.relay"

SERVER_METRICS: Mapping[str, Mapping[str, Any]] = {
    "process.count": {
        "kind": "gauge",
        "unit": "{process}",
        "help": "Processes that report now.",
        "merge": "sum",
    },
    "process.starts": {
        "kind": "counter",
        "unit": "{process}",
        "help": "Processes that have begun to report.",
    },
    "process.exits": {
        "kind": "counter",
        "unit": "{process}",
        "help": "Processes that have ended: they said so, or were killed, or were lost.",
        "labels": ("reason",),
    },
}
RELAY_METRICS: Mapping[str, Mapping[str, Any]] = {
    "entries.received": {
        "kind": "counter",
        "unit": "{entry}",
        "help": "Entries of processes that the relay has counted.",
    },
    "entries.refused": {
        "kind": "counter",
        "unit": "{entry}",
        "help": "Of these, entries of series that are too many, or that a process which began "
        "later declares otherwise.",
    },
}


def samplers(members: Members, *, counting: bool = True) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the samplers ``server`` and ``sampler.relay``.

    Args:
        members: the processes.
        counting: say how many report now; not for a job, as its last numbers stay where they are
            pushed to, and 0 there reads as a server whose processes are gone.
    """

    def server() -> Iterator[tuple[Any, ...]]:
        if counting:
            yield "process.count", len(members)
        yield "process.starts", members.starts
        for reason, processes in members.exits.items():
            yield "process.exits", processes, {"reason": reason}

    def relay() -> Iterator[tuple[Any, ...]]:
        yield "entries.received", members.entries
        yield "entries.refused", members.refused

    return (
        {"name": SERVER, "sample": server, "metrics": SERVER_METRICS},
        {"name": RELAY, "sample": relay, "metrics": RELAY_METRICS},
    )
