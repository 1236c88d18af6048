"""The ``graphite`` adapter: its options, and the methods that the agent calls."""

from __future__ import annotations

import struct
import sys
from contextlib import suppress
from socket import SO_LINGER, SOCK_STREAM, SOL_SOCKET
from time import monotonic
from typing import TYPE_CHECKING, ClassVar

import attrs

from sampler.adapterkit.dotted_paths import template_fault
from sampler.adapterkit.endpoint import Endpoint
from sampler.adapterkit.tcp import (
    ConfirmationTimeout,
    connect,
    send_confirmed,
    send_confirmed_over_tls,
)
from sampler.adapterkit.tls import secured, tls_fault
from sampler.adapterkit.tls_files import client_context
from sampler.adapterkit.udp import DatagramSender
from sampler.agent import MAX_BATCH, UNCONFIRMED, Unavailable, option
from sampler_graphite._formats import MAX_DATAGRAM, Pickle, Plaintext
from sampler_graphite._layout import templates_fault
from sampler_graphite._points import PointEncoder

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Mapping, Sequence

    from sampler.adapterkit.sockets import Socket
    from sampler.agent import Batch, Outcome, Series, Since, Snapshot

_PORTS = {"plaintext": 2003, "pickle": 2004, "udp": 2003}
_RESENDS = 2
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@attrs.define(eq=False)
class Graphite:
    """Send every pull to carbon, or to a relay in front of it.

    Over TCP each batch has its own connection. The adapter closes its half after the last byte,
    and carbon closes the other half when it has read everything, which confirms the batch. UDP
    confirms nothing.
    """

    stamped = True
    self_metrics = "changes"
    unsupported: ClassVar[Mapping[str, str]] = {
        "unit": "left out: a path has no place for it",
        "help": "left out: a path has no place for it",
        "kind": "left out: a path is a number over time; a query says nonNegativeDerivative",
        "precision": "numbers are stored as doubles: integers above 2**53 are rounded",
        "timestamps": "whole seconds, cut to the store's resolution",
        "histograms": "count, sum and the quantiles of `quantiles`, estimated by bucket; buckets "
        "are left out",
    }
    host: str = option("127.0.0.1", "Where carbon or a relay runs: a name or an address.")
    protocol: str = option(
        "plaintext",
        "plaintext or pickle over TCP, both confirmed; or udp: plaintext without confirmation.",
        choices=tuple(_PORTS),
    )
    port: int | None = option(
        None, "Its port; default: 2003, for pickle 2004.", kind=int, minimum=1, maximum=65535
    )
    prefix: str = option(
        "{service}.{host}.{instance}",
        "What every path begins with; {service}, {host}, {instance}, {pid} and {role} are filled "
        "in.",
        check=template_fault,
    )
    tags: bool = option(default=False, help="Write labels as ;key=value tags, not as segments.")
    paths: dict[str, str] = option(
        {},
        "Other paths for some metrics, after the prefix: name or pattern to template, such as "
        "'http.*' = '{name}.{route}.{status}'; {labels} stands for all other labels.",
        check=templates_fault,
    )
    counters: str = option(
        "totals",
        "totals: counts since their start; or deltas: the increase since the last pull, for a "
        "store that aggregates by sum.",
        choices=("totals", "deltas"),
    )
    quantiles: tuple[float, ...] = option(
        (0.5, 0.95, 0.99),
        "Quantiles of each histogram, beside its count and sum: estimated from the observations "
        "since the last pull, as p50, p95 ...",
        items=float,
        minimum=0,
        maximum=1,
    )
    tls: bool = option(
        default=False,
        help="Encrypt by TLS, as stunnel and carbon-c-relay accept it; confirmed only where the "
        "receiver ends TLS properly (close_notify).",
    )
    tls_ca: str | None = option(
        None,
        "Certificates that may sign the receiver's: a PEM file; default: those that the system "
        "trusts.",
        kind=str,
    )
    tls_cert: str | None = option(
        None,
        "The certificate that a receiver asks for: a PEM file, its issuers included.",
        kind=str,
    )
    tls_key: str | None = option(
        None,
        "Its private key: a PEM file; default: the file of the certificate.",
        kind=str,
        private=True,
    )
    _points: PointEncoder = attrs.field(init=False)
    _endpoint: Endpoint = attrs.field(init=False)
    _datagrams: DatagramSender = attrs.field(init=False)
    _tls: ssl.SSLContext | None = attrs.field(default=None, init=False, repr=False)
    _unconfirmed: Batch | None = attrs.field(default=None, init=False)
    _resends: int = attrs.field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self._points = PointEncoder(
            self._format(),
            self.prefix,
            tags=self.tags,
            templates=self.paths,
            deltas=self.counters == "deltas",
            quantiles=self.quantiles,
        )
        if self.tls:
            if self.protocol == "udp":
                raise ValueError("tls: datagrams cannot be encrypted: leave protocol out")
            self._tls = client_context(self.tls_ca, self.tls_cert, self.tls_key)
        elif self.files:
            raise ValueError("tls: set it to true, as tls_ca, tls_cert and tls_key need it")
        port = _PORTS[self.protocol] if self.port is None else self.port
        self._endpoint = Endpoint("Graphite", self.host, port)
        self._datagrams = DatagramSender(self._endpoint)

    @property
    def files(self) -> tuple[str, ...]:
        """What was read beside the configuration: a reload looks whether it has changed."""
        return tuple(filter(None, (self.tls_ca, self.tls_cert, self.tls_key)))

    @property
    def relative(self) -> bool:
        """Whether ``encode`` needs the values of the last pull."""
        return self.counters == "deltas" or bool(self.quantiles)

    def encode(self, snapshot: Snapshot, since: Since) -> Iterator[Batch]:
        """Yield batches: of at most 512 KiB over TCP, of one datagram over UDP."""
        return self._points.batches(snapshot, since)

    def called(self, series: Series, identity: Mapping[str, str]) -> str:
        """Return the path of a series; of a histogram, a pattern of its paths."""
        return self._points.called(series, identity)

    def send(self, batch: Batch, timeout: float) -> Outcome:
        """Deliver one batch within ``timeout`` seconds.

        Raises:
            Unavailable: not delivered, or not known; points carry their time, so a resend is
                harmless.
            Rejected: a datagram is longer than the network allows (``too_long``).
        """
        if self.protocol == "udp":
            return self._datagrams.send(batch, timeout)
        deadline = monotonic() + timeout
        addresses = self._endpoint.addresses(SOCK_STREAM, timeout / 2)
        try:
            outcome = self._deliver(connect(addresses, deadline), batch.frames, deadline)
        except ConfirmationTimeout as error:
            if self._sent_often_enough(batch):
                return UNCONFIRMED
            raise Unavailable(f"{self._endpoint}: {error}") from None
        except OSError as error:
            raise Unavailable(f"{self._endpoint}: {tls_fault(error) or error}") from None
        self._unconfirmed = None
        return outcome

    def close(self) -> None:
        """Close the socket for datagrams."""
        self._datagrams.close()

    def _deliver(self, connection: Socket, frames: Sequence[bytes], deadline: float) -> Outcome:
        try:
            if self._tls is None:
                return send_confirmed(connection, frames, deadline)
            channel = secured(connection, self._tls, self.host, deadline)
            return send_confirmed_over_tls(channel, frames, deadline)
        except OSError:
            # The batch is sent again, so the kernel must not go on sending this one.
            with suppress(OSError):  # it may be closed
                connection.setsockopt(SOL_SOCKET, SO_LINGER, _RESET_ON_CLOSE)
            raise
        finally:
            connection.close()

    def _format(self) -> Plaintext | Pickle:
        if self.protocol == "pickle":
            return Pickle()
        return Plaintext(MAX_DATAGRAM if self.protocol == "udp" else MAX_BATCH)

    def _sent_often_enough(self, batch: Batch) -> bool:
        """Tell whether to stop resending, where the kernel cannot tell what the peer has read."""
        if sys.platform == "linux":
            return False
        self._resends = self._resends + 1 if batch is self._unconfirmed else 0
        self._unconfirmed = batch
        return self._resends >= _RESENDS
