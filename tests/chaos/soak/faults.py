"""What goes wrong, chosen by a seed."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from tests.support.proxy import Proxy
    from tests.support.servers import Server

MOODS = ("raises", "hangs", "spins", "endless", "churns")


class Fault(NamedTuple):
    """One of them.

    Attributes:
        name: what is reported.
        begin: makes it happen.
        end: heals it.
    """

    name: str
    begin: Callable[[], object]
    end: Callable[[], object]


def of_server(name: str, server: Server, proxy: Proxy, random: random.Random) -> list[Fault]:
    """Return what may befall a server and the way there."""

    def frozen() -> None:
        os.kill(server.pid, signal.SIGSTOP)

    def thawed() -> None:
        os.kill(server.pid, signal.SIGCONT)

    def late() -> None:
        proxy.latency = delay

    def cut() -> None:
        proxy.reset_after = after

    after = random.choice((0, 1, 1000, 50_000, 300_000))
    delay = random.choice((0.05, 0.3))
    return [
        Fault(f"{name} stops", server.stop, server.start),
        Fault(f"{name} is killed", server.kill, server.start),
        Fault(f"{name} is frozen", frozen, thawed),
        Fault(f"{name} is refused", proxy.refuse, proxy.heal),
        Fault(f"{name}: nothing passes", proxy.blackhole, proxy.heal),
        Fault(f"{name}: {delay:g} s late", late, proxy.heal),
        Fault(f"{name}: reset after {after} bytes", cut, proxy.heal),
    ]


def of_program(pid: int, order: Callable[[str], None]) -> list[Fault]:
    """Return what may befall the program and its samplers."""
    return [
        *(Fault(f"a sampler {m}", lambda m=m: order(m), lambda: order("fine")) for m in MOODS),
        Fault("a sampler comes and goes", lambda: order("guest"), lambda: order("no guest")),
        Fault("the program forks", lambda: order("fork"), lambda: order("fork")),
        Fault(
            "the program is frozen",
            lambda: os.kill(pid, signal.SIGSTOP),
            lambda: os.kill(pid, signal.SIGCONT),
        ),
    ]
