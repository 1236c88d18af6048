"""The ``influx_udp`` adapter: lines in datagrams."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import attrs

from sampler.adapterkit.endpoint import Endpoint
from sampler.adapterkit.identity_labels import labels_fault
from sampler.adapterkit.udp import DatagramSender
from sampler.agent import option
from sampler_influx._http import TAGS, TAGS_HELP, UNSUPPORTED
from sampler_influx._lines import LineEncoder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sampler.agent import Batch, Outcome, Series, Since, Snapshot


@attrs.define(eq=False)
class InfluxUDP:
    """Send datagrams to InfluxDB's UDP service, or to Telegraf.

    Nothing confirms a datagram, so a batch that the kernel took is unconfirmed, never delivered.
    """

    stamped = True
    idempotent = True
    unsupported: ClassVar[Mapping[str, str]] = UNSUPPORTED
    host: str = option("127.0.0.1", "Where the server runs: a name or an address.")
    port: int = option(8089, "Its port.", minimum=1, maximum=65535)
    tags: dict[str, str] = option(dict(TAGS), TAGS_HELP, check=labels_fault)
    max_datagram: int = option(
        1432, "Largest datagram in bytes; 1432 fits any Ethernet.", minimum=128, maximum=65507
    )
    _lines: LineEncoder = attrs.field(init=False, repr=False)
    _datagrams: DatagramSender = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._lines = LineEncoder(self.tags, self.max_datagram)
        self._datagrams = DatagramSender(Endpoint("InfluxDB", self.host, self.port))

    def encode(self, snapshot: Snapshot, since: Since) -> Iterator[Batch]:
        """Yield batches of one datagram each."""
        del since
        return self._lines.batches(snapshot)

    def send(self, batch: Batch, timeout: float) -> Outcome:
        """Send one batch within ``timeout`` seconds.

        Raises:
            Unavailable: it has certainly not arrived.
            Rejected: a datagram is longer than the network allows (``too_long``).
        """
        return self._datagrams.send(batch, timeout)

    def called(self, series: Series, identity: Mapping[str, str]) -> str:
        """Return what the backend calls a series."""
        del identity
        return series.name

    def close(self) -> None:
        """Close the socket."""
        self._datagrams.close()
