"""The ``statsd`` adapter: its options, and the methods that the agent calls."""

from __future__ import annotations

from socket import SOCK_STREAM
from time import monotonic
from typing import TYPE_CHECKING, ClassVar

import attrs

from sampler.adapterkit.dotted_paths import template_fault
from sampler.adapterkit.endpoint import Endpoint
from sampler.adapterkit.tcp import connect, peer_has_closed, send_confirmed
from sampler.adapterkit.udp import DatagramSender
from sampler.agent import MAX_BATCH, UNCONFIRMED, Unavailable, option
from sampler_statsd._texts import BUCKETS, QUANTILES, SUMS, TextEncoder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sampler.agent import Batch, Outcome, Series, Since, Snapshot

_STREAMS = ("tcp", "unix")
_UNIX = ("unix", "unixgram")


@attrs.define(eq=False)
class StatsD:
    """Send increases of counters, and gauges, to a StatsD daemon.

    Nothing confirms a datagram, so a batch that the kernel took is unconfirmed, never delivered.
    On a stream each batch has its own connection, which the daemon closes when it has read all of
    it. An increase that was certainly not sent is part of the next one.
    """

    stamped = False
    idempotent = False
    self_metrics = "changes"
    unsupported: ClassVar[Mapping[str, str]] = {
        "unit": "left out: a name has no place for it",
        "help": "left out: a name has no place for it",
        "precision": "the daemon counts in doubles: integers above 2**53 are rounded",
        "timestamps": "left out: the daemon stores the time of its flush",
        "histograms": "sums, counters per bucket, or quantiles as gauges, which the daemon "
        "repeats while nothing new is observed",
        "zeros": "left out: a counter or a histogram is told once it has grown",
    }
    transport: str = option(
        "udp",
        "udp or unixgram: datagrams; tcp or unix: streams, which are confirmed.",
        choices=("udp", "tcp", "unix", "unixgram"),
    )
    host: str = option("127.0.0.1", "Where the daemon runs: a name or an address.")
    port: int = option(8125, "Its port.", minimum=1, maximum=65535)
    path: str | None = option(None, "Its socket, for the transports unix and unixgram.", kind=str)
    prefix: str = option(
        "{service}.{host}.{instance}",
        "What every name begins with; {service}, {host}, {instance}, {pid} and {role} are filled "
        "in.",
        check=template_fault,
    )
    tags: bool = option(
        default=False, help="Write labels as |#key:value tags, not as segments of the name."
    )
    histograms: str = option(
        SUMS,
        "sums: count and sum, as counters; buckets: also a counter for each bucket; quantiles: "
        "also gauges, from the observations since the last pull.",
        choices=(SUMS, BUCKETS, QUANTILES),
    )
    quantiles: tuple[float, ...] = option(
        (0.5, 0.95, 0.99),
        "The quantiles for histograms = 'quantiles'.",
        items=float,
        minimum=0,
        maximum=1,
    )
    max_datagram: int = option(
        1432, "Largest datagram in bytes; 1432 fits any Ethernet.", minimum=128, maximum=65507
    )
    _texts: TextEncoder = attrs.field(init=False)
    _endpoint: Endpoint = attrs.field(init=False)
    _datagrams: DatagramSender = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        if (self.transport in _UNIX) != (self.path is not None):
            need = "set path to the daemon's socket" if self.path is None else "leave path out"
            raise ValueError(f"transport = {self.transport!r}: {need}")
        stream = self.transport in _STREAMS
        self._texts = TextEncoder(
            self.prefix,
            MAX_BATCH if stream else self.max_datagram,
            stream=stream,
            tags=self.tags,
            histograms=self.histograms,
            quantiles=self.quantiles,
        )
        self._endpoint = Endpoint("StatsD", self.host, self.port, self.path)
        self._datagrams = DatagramSender(self._endpoint)

    def encode(self, snapshot: Snapshot, since: Since) -> Iterator[Batch]:
        """Yield batches: of one datagram each, or of at most 512 KiB on a stream."""
        return self._texts.batches(snapshot, since)

    def called(self, series: Series, identity: Mapping[str, str]) -> str:
        """Return the name of a series; of a histogram, a pattern of its names."""
        return self._texts.called(series, identity)

    def send(self, batch: Batch, timeout: float) -> Outcome:
        """Send one batch within ``timeout`` seconds.

        Raises:
            Unavailable: it has certainly not arrived.
            Rejected: a datagram is longer than the network allows (``too_long``).
        """
        if self.transport not in _STREAMS:
            return self._datagrams.send(batch, timeout)
        if batch.samples and not batch.frames:
            return UNCONFIRMED  # no value has changed
        deadline = monotonic() + timeout
        addresses = self._endpoint.addresses(SOCK_STREAM, timeout / 2)
        try:
            connection = connect(addresses, deadline)
        except OSError as error:
            raise Unavailable(f"{self._endpoint}: {error.strerror or error}") from None
        # Close, never reset: statsd 0.9 crashes when an idle connection is reset.
        with connection:
            if peer_has_closed(connection):
                raise Unavailable(f"{self._endpoint}: it closes connections at once")
            try:
                return send_confirmed(connection, batch.frames, deadline)
            except OSError:
                # The daemon may have counted a part, and a resend would count it twice.
                if batch.samples:
                    return UNCONFIRMED
                raise Unavailable(f"{self._endpoint}: it does not read") from None

    def close(self) -> None:
        """Close the socket for datagrams."""
        self._datagrams.close()
