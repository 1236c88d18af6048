"""The ``remote_write`` adapter: its options, and the methods that the agent calls."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import attrs

from sampler.adapterkit.http_options import url_fault
from sampler.adapterkit.http_push import HTTPPush
from sampler.adapterkit.identity_labels import labels_fault
from sampler.adapterkit.prometheus_names import called
from sampler.agent import (
    DELIVERED,
    HistogramValue,
    Rejected,
    Unavailable,
    log,
    masked_line,
    option,
)
from sampler_remote_write._encoder import Encoder
from sampler_remote_write._encoder_2 import Encoder2
from sampler_remote_write._native import exponential_of
from sampler_remote_write._peer_clock import PeerClock
from sampler_remote_write._requests import (
    compressed,
    downgraded,
    halves,
    is_new,
    latest_of,
    markers_of,
    without_markers,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sampler.adapterkit import http
    from sampler.agent import Batch, Outcome, Series, Since, Snapshot

STOP_TIMEOUT = 2.0
"""Seconds that telling of the end may take, at a clean stop."""
_OLD, _NEW = "1.0", "2.0"
_VERSION = "X-Prometheus-Remote-Write-Version"
_TYPE = "application/x-protobuf"
_NEW_TYPE = "application/x-protobuf;proto=io.prometheus.write.v2.Request"
_WRITTEN = "x-prometheus-remote-write-samples-written"
_UNSUPPORTED_TYPE = 415
_BYTES_AT_STOP = 2**22
_CLASSIC, _NATIVE = "classic", "native"


@attrs.define(eq=False)
class RemoteWrite(HTTPPush):
    """Write to a server that speaks Prometheus remote write, 1.0 or 2.0.

    Names and labels are those of the ``prometheus`` adapter. A series that ends is marked as
    ended, and so are all at a clean stop.
    """

    backend: ClassVar[str] = "remote write"
    stamped = True
    unsupported: ClassVar[Mapping[str, str]] = {
        "unit": "left out with protocol 1.0, but for words in names",
        "help": "left out with protocol 1.0: a request has samples only",
        "kind": "left out with protocol 1.0: names of counters end in _total",
        "precision": "numbers are doubles: integers above 2**53 are rounded",
        "histograms": "exponential ones get bounds that all processes share; with native "
        "histograms an unknown sum is 0, and one that cannot be exponential there has bounds only",
    }
    for_jobs: ClassVar[Mapping[str, bool]] = {"end_on_stop": False}
    url: str = option("http://127.0.0.1:9090/api/v1/write", "Where to write to.", check=url_fault)
    protocol: str = option(
        _OLD,
        "2.0 has help, units and starts too; to a server that turns out not to read it, 1.0 is "
        "sent.",
        choices=(_OLD, _NEW),
    )
    labels: dict[str, str] = option(
        {"job": "{service}", "instance": "{host}:{instance}"},
        "Labels that every series gets; {service}, {host}, {instance}, {pid} and {role} are "
        "filled in. Each process of a service needs its own.",
        check=labels_fault,
    )
    histograms: str = option(
        _CLASSIC,
        "classic: a series for each bucket; native: one sample with all buckets, which the "
        "server has to have enabled.",
        choices=(_CLASSIC, _NATIVE),
    )
    end_on_stop: bool = option(
        default=True,
        help="Mark all series as ended at a clean stop, as Prometheus does with those of a "
        "target that is gone.",
    )
    _encoder: Encoder | Encoder2 = attrs.field(init=False, repr=False)
    _clock: PeerClock = attrs.field(factory=PeerClock, init=False, repr=False)
    _written: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        kind = Encoder2 if self.protocol == _NEW else Encoder
        self._encoder = kind(self.labels, native=self.histograms == _NATIVE)

    def encode(self, snapshot: Snapshot, since: Since) -> Iterator[Batch]:
        """Yield batches of at most 512 KiB before they are compressed."""
        del since
        return self._encoder.batches(snapshot)

    def send(self, batch: Batch, timeout: float) -> Outcome:
        """Write one batch within ``timeout`` seconds.

        Raises:
            Unavailable: no reply, or one that asks to try later; a resend is harmless.
            Rejected: the server refuses it, or its clock shows that ours is far ahead
                (``in_future``).
        """
        deadline = time.monotonic() + timeout
        if not batch.frames:
            self._write(compressed(b""), timeout)
            return DELIVERED
        if not self._clock.asked:
            self._ask_clock(timeout)
        if self._clock.is_ahead(latest_of(batch)):
            self._ask_clock(_left(deadline))  # either clock may have been set since the last reply
        if self._clock.is_ahead(latest_of(batch)):
            raise Rejected(
                "in_future",
                batch.samples,
                message=f"the clock of this host is far ahead of that of {self.where}",
            )
        try:
            self._deliver(batch, deadline)
        except Rejected as error:
            if error.whole or not markers_of(batch):
                raise
            # The entries are not to pay for a marker that the server refuses.
            self._deliver(without_markers(batch), deadline)
        self._written = True
        return DELIVERED

    def called(self, series: Series, identity: Mapping[str, str]) -> str:
        """Return what the backend calls a series."""
        del identity
        return called(series)

    def loses(self, word: str, series: Series, value: Any) -> bool:
        """Tell whether an entry loses by a word of ``unsupported``."""
        del series
        if word in {"unit", "help", "kind"}:
            return self.protocol == _OLD
        if not isinstance(value, HistogramValue):
            return True
        if word == "precision":  # the counts of a native one are integers
            rounded = value.sum is not None and value.sum != float(value.sum)
            return rounded or self.histograms == _CLASSIC
        if word == "histograms":
            exponential = value.scale is not None
            if self.histograms == _CLASSIC:
                return exponential
            return value.sum is None or (exponential and exponential_of(value) is None)
        return True

    def split(self, batch: Batch) -> tuple[Batch, Batch]:
        """Return the halves of a rejected batch."""
        return halves(batch)

    def close(self) -> None:
        """Mark all series as ended, if that is asked for and any was written."""
        if not (self._written and self.end_on_stop):
            return
        self._written = False
        body, whole = self._encoder.ending(time.time(), _BYTES_AT_STOP)
        try:
            self._write(body, STOP_TIMEOUT, new=isinstance(self._encoder, Encoder2))
        except (Unavailable, Rejected) as error:
            log.warning("series are not marked as ended: %s", masked_line(str(error)))
        if not whole:
            log.warning("not all series are marked as ended: there are too many")

    def refuse(self, reply: http.Reply) -> NoReturn:
        """Raise what a reply means; a server without native histograms has an error of its own."""
        if "native histograms are disabled" in reply.text:
            raise Rejected("unsupported", message=f"{self.where} does not take native histograms")
        if reply.status == _UNSUPPORTED_TYPE and self.protocol == _NEW:
            raise _UnknownType
        super().refuse(reply)

    def _ask_clock(self, timeout: float) -> None:
        """Hear the receiver's clock, by a request of nothing."""
        with suppress(Rejected):  # what it says to a request of something is what counts
            self._write(compressed(b""), timeout)
        self._clock.asked = True

    def _deliver(self, batch: Batch, deadline: float) -> None:
        """Write a batch; in version 1.0 if the server does not read the other one."""
        if is_new(batch) and isinstance(self._encoder, Encoder2):
            reply = self._write(b"".join(batch.frames), _left(deadline), new=True)
            if reply is not None and _WRITTEN in reply.fields:
                return
            log.warning("%s does not read protocol 2.0: 1.0 is sent", self.where)
            self._encoder = Encoder(self.labels, native=self.histograms == _NATIVE)
        old = downgraded(batch) if is_new(batch) else batch
        self._write(b"".join(old.frames), _left(deadline))

    def _write(self, body: bytes, timeout: float, *, new: bool = False) -> http.Reply | None:
        """Make a request, and return the reply; None: the server does not know version 2.0."""
        fields = {"Content-Encoding": "snappy", _VERSION: "2.0.0" if new else "0.1.0"}
        try:
            reply = self.post("", _NEW_TYPE if new else _TYPE, body, timeout, fields=fields)
        except _UnknownType:
            if new:
                return None
            text = f"{self.where} does not know the type of a request"
            raise Rejected("rejected", message=text) from None
        self._clock.heard(reply.fields.get("date"))
        return reply


class _UnknownType(Exception):
    """The server does not know the type of the content."""


def _left(deadline: float) -> float:
    return max(0.001, deadline - time.monotonic())
