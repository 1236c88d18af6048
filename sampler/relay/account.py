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
    "series.refused": {
        "kind": "counter",
        "unit": "{series}",
        "help": "Series that are too many, or that newer processes declare otherwise.",
    },
}


def samplers(members: Members) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the samplers ``server`` and ``sampler.relay``."""

    def server() -> Iterator[tuple[Any, ...]]:
        yield "process.count", len(members)
        yield "process.starts", members.starts
        for reason, processes in members.exits.items():
            yield "process.exits", processes, {"reason": reason}

    def relay() -> Iterator[tuple[Any, ...]]:
        yield "entries.received", members.entries
        yield "series.refused", members.refused

    return (
        {"name": SERVER, "sample": server, "metrics": SERVER_METRICS},
        {"name": RELAY, "sample": relay, "metrics": RELAY_METRICS},
    )
