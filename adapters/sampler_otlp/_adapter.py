"""The ``otlp`` adapter: its options, and the methods that the agent calls."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import attrs

from sampler.adapterkit.dotted_paths import placeholder_fault
from sampler.adapterkit.http_options import url_fault
from sampler.adapterkit.http_push import HTTPPush
from sampler.agent import DELIVERED, HistogramValue, Rejected, option
from sampler_otlp._encoder import Encoder
from sampler_otlp._points import exponential_of
from sampler_otlp._requests import halves, has_markers, is_compressed, rejected, without_markers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sampler.adapterkit import http
    from sampler.agent import Batch, Outcome, Series, Since, Snapshot

UNSUPPORTED: Mapping[str, str] = {
    "precision": "a histogram's sum is a double: an integer above 2**53 is rounded",
    "histograms": "an exponential one with values below zero, or buckets far apart, gets bounds "
    "that all processes share, and so does each with histograms = 'explicit'",
}
RESOURCE: Mapping[str, str] = {
    "service.name": "{service}",
    "service.instance.id": "{host}:{instance}",
    "host.name": "{host}",
}
EXPONENTIAL, EXPLICIT = "exponential", "explicit"
_TYPE = "application/x-protobuf"
_LATER = (502, 503, 504)
_NEGATIVE = 1 << 63
"""From here on a number of the type ``int64`` is below zero."""
_ATTRIBUTE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*")


def resource_fault(attributes: Mapping[str, str]) -> str | None:
    """Say what is wrong with a table of attributes and templates, or return None."""
    for name, template in attributes.items():
        if not _ATTRIBUTE.fullmatch(name):
            return f"{name!r} cannot be an attribute: use lower-case words, joined by dots"
        if fault := placeholder_fault(template):
            return f"{name}: {fault}"
    return None


def refusal(reply: bytes, where: str) -> None:
    """Raise what a reply says of points that were refused, if any were.

    Raises:
        Rejected: some were.
    """
    try:
        count, why = rejected(reply)
    except ValueError:  # a receiver accepts, and answers in words of its own
        return
    if 0 < count < _NEGATIVE:
        raise Rejected("rejected", count, message=f"{where} refuses {count} points: {why}")


@attrs.define(eq=False)
class OTLP(HTTPPush):
    """Export to a collector of OpenTelemetry, or to a store that speaks OTLP, over HTTP.

    Totals are cumulative and have their start where it is known. A series that ends is marked as
    one without a value.
    """

    backend: ClassVar[str] = "OTLP"
    stamped = True
    unsupported: ClassVar[Mapping[str, str]] = UNSUPPORTED
    url: str = option(
        "http://127.0.0.1:4318/v1/metrics", "Where to post to, path included.", check=url_fault
    )
    resource: dict[str, str] = option(
        dict(RESOURCE),
        "Attributes of who measures; {service}, {host}, {instance}, {pid} and {role} are filled "
        "in. Each process of a service needs its own.",
        check=resource_fault,
    )
    histograms: str = option(
        EXPONENTIAL,
        "exponential: exponential histograms stay what they are; explicit: they get bounds, for "
        "receivers that know no others.",
        choices=(EXPONENTIAL, EXPLICIT),
    )
    gzip: bool = option(default=True, help="Compress requests.")
    _encoder: Encoder = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        exponential = self.histograms == EXPONENTIAL
        self._encoder = Encoder(self.resource, exponential=exponential, gzip=self._compresses)

    def encode(self, snapshot: Snapshot, since: Since) -> Iterator[Batch]:
        """Yield batches of at most 512 KiB before they are compressed."""
        del since
        return self._encoder.batches(snapshot)

    def send(self, batch: Batch, timeout: float) -> Outcome:
        """Export one batch within ``timeout`` seconds.

        Raises:
            Unavailable: no reply, or one that asks to try later; a resend is harmless.
            Rejected: the receiver refuses all of it, or some points.
        """
        deadline = time.monotonic() + timeout
        try:
            self._export(b"".join(batch.frames), timeout)
        except Rejected as error:
            if error.whole or not has_markers(batch):
                raise
            # The entries are not to pay for a mark that the receiver refuses.
            left = max(0.001, deadline - time.monotonic())
            plain = without_markers(batch, gzip=self._compresses)
            self._export(b"".join(plain.frames), left)
        return DELIVERED

    def called(self, series: Series, identity: Mapping[str, str]) -> str:
        """Return what the backend calls a series."""
        del identity
        return series.name

    def loses(self, word: str, series: Series, value: Any) -> bool:
        """Tell whether an entry loses by a word of ``unsupported``."""
        del series
        if not isinstance(value, HistogramValue):
            return False
        if word == "precision":
            return value.sum is not None and value.sum != float(value.sum)
        if value.scale is None:
            return False
        return self.histograms == EXPLICIT or exponential_of(value) is None

    def split(self, batch: Batch) -> tuple[Batch, Batch]:
        """Return the halves of a rejected batch."""
        return halves(batch, gzip=self._compresses)

    def refuse(self, reply: http.Reply) -> NoReturn:
        """Raise what a reply means: of a server's errors only some may be tried again."""
        if reply.status >= 500 and reply.status not in _LATER:
            text = f"{self.where} refuses with {reply.status}: {reply.text}"
            raise Rejected("rejected", message=text)
        super().refuse(reply)

    @property
    def _compresses(self) -> bool:
        """Whether batches are compressed before they are sent."""
        return self.gzip

    def _export(self, data: bytes, timeout: float) -> None:
        encoding = {"Content-Encoding": "gzip"} if is_compressed(data) else {}
        reply = self.post("", _TYPE, data, timeout, fields=encoding)
        refusal(reply.body, self.where)
