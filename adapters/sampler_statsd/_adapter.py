"""What the ``statsd`` adapter is configured with, and what the agent calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from sampler.agent import option
from sampler.agent.paths import template_fault
from sampler_statsd._datagrams import Datagrams
from sampler_statsd._texts import Texts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampler.agent import Batch, Outcome, Since, Snapshot


@attrs.define(eq=False)
class StatsD:
    """Send what changed to a StatsD daemon, one datagram after the other.

    UDP answers nothing, so what the kernel takes is unconfirmed, never delivered. A counter whose
    datagram was refused is owed, and part of the next difference.
    """

    stamped = False
    idempotent = False
    host: str = option("127.0.0.1", "Where the daemon runs: a name or an address.")
    port: int = option(8125, "Its UDP port.", minimum=1, maximum=65535)
    prefix: str = option(
        "{service}.{host}.{instance}",
        "What every name begins with; {service}, {host}, {instance}, {pid} and {role} are filled "
        "in.",
        check=template_fault,
    )
    max_datagram: int = option(
        1432, "Largest datagram in bytes; 1432 fits any Ethernet.", minimum=128, maximum=65507
    )
    _texts: Texts = attrs.field(init=False)
    _datagrams: Datagrams = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._texts = Texts(self.prefix, self.max_datagram)
        self._datagrams = Datagrams(self.host, self.port)

    def encode(self, snapshot: Snapshot, since: Since) -> Iterator[Batch]:
        """Yield batches of one datagram each."""
        return self._texts.batches(snapshot, since)

    def send(self, batch: Batch, timeout: float) -> Outcome:
        """Hand one datagram to the kernel.

        Raises:
            Unavailable: this datagram has certainly not arrived.
            Rejected: it is longer than the way there allows (``too_long``).
        """
        return self._datagrams.send(batch, timeout)

    def close(self) -> None:
        """Close the socket."""
        self._datagrams.close()
