"""The ``remote_write`` adapter: its options, and the methods that the agent calls."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar, NoReturn

import attrs

from sampler.adapterkit.http_options import url_fault
from sampler.adapterkit.http_push import HTTPPush
from sampler.adapterkit.identity_labels import labels_fault
from sampler.agent import DELIVERED, Rejected, Unavailable, log, masked_line, option
from sampler_remote_write._encoder import Encoder
from sampler_remote_write._peer_clock import PeerClock
from sampler_remote_write._requests import (
    compressed,
    halves,
    latest_of,
    markers_of,
    without_markers,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sampler.adapterkit import http
    from sampler.agent import Batch, Outcome, Since, Snapshot

STOP_TIMEOUT = 2.0
"""Seconds that telling of the end may take, at a clean stop."""
_FIELDS = {"Content-Encoding": "snappy", "X-Prometheus-Remote-Write-Version": "0.1.0"}
_TYPE = "application/x-protobuf"
_BYTES_AT_STOP = 2**22
_CLASSIC, _NATIVE = "classic", "native"


@attrs.define(eq=False)
class RemoteWrite(HTTPPush):
    """Write to a server that speaks Prometheus remote write 1.0.

    Names and labels are those of the ``prometheus`` adapter. A series that ends is marked as
    ended, and so are all at a clean stop.
    """

    backend: ClassVar[str] = "remote write"
    stamped = True
    unsupported: ClassVar[Mapping[str, str]] = {
        "help": "left out: a request has samples only",
        "kind": "left out: a request has samples only; names of counters end in _total",
        "precision": "numbers are doubles: integers above 2**53 are rounded",
        "histograms": "an unknown sum is left out; with native histograms it is written as 0",
    }
    for_jobs: ClassVar[Mapping[str, bool]] = {"end_on_stop": False}
    url: str = option("http://127.0.0.1:9090/api/v1/write", "Where to write to.", check=url_fault)
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
    _encoder: Encoder = attrs.field(init=False, repr=False)
    _clock: PeerClock = attrs.field(factory=PeerClock, init=False, repr=False)
    _written: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._encoder = Encoder(self.labels, native=self.histograms == _NATIVE)

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
        if not batch.frames or not self._clock.known:
            self._write(compressed(b""), timeout)
        if not batch.frames:
            return DELIVERED
        if self._clock.is_ahead(latest_of(batch)):
            raise Rejected(
                "in_future",
                batch.samples,
                message=f"the clock of this host is far ahead of that of {self.where}",
            )
        left = max(0.001, deadline - time.monotonic())
        try:
            self._write(b"".join(batch.frames), left)
        except Rejected:
            if not markers_of(batch):
                raise
            # The entries are not to pay for a marker that the server refuses.
            left = max(0.001, deadline - time.monotonic())
            self._write(b"".join(without_markers(batch).frames), left)
        self._written = True
        return DELIVERED

    def split(self, batch: Batch) -> tuple[Batch, Batch]:
        """Return the halves of a rejected batch."""
        return halves(batch)

    def close(self) -> None:
        """Mark all series as ended, if that is asked for and any was written."""
        if not (self._written and self.end_on_stop):
            return
        self._written = False
        markers, left = [], _BYTES_AT_STOP
        for marker in self._encoder.ends(time.time()):
            left -= len(marker)
            if left < 0:
                log.warning("not all series are marked as ended: there are too many")
                break
            markers.append(marker)
        try:
            self._write(compressed(b"".join(markers)), STOP_TIMEOUT)
        except (Unavailable, Rejected) as error:
            log.warning("series are not marked as ended: %s", masked_line(str(error)))

    def refuse(self, reply: http.Reply) -> NoReturn:
        """Raise what a reply means; a server without native histograms has an error of its own."""
        if "native histograms are disabled" in reply.text:
            raise Rejected("unsupported", message=f"{self.where} does not take native histograms")
        super().refuse(reply)

    def _write(self, body: bytes, timeout: float) -> None:
        reply = self.post("", _TYPE, body, timeout, fields=_FIELDS)
        self._clock.heard(reply.fields.get("date"))
