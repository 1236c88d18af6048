"""The ``influx`` adapter: lines by HTTP, as versions 1 and 2 take them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn
from urllib.parse import urlencode

import attrs

from sampler.adapterkit.halving import halved_lines
from sampler.adapterkit.http_options import url_fault
from sampler.adapterkit.http_push import HTTPPush
from sampler.adapterkit.identity_labels import labels_fault
from sampler.agent import DELIVERED, MAX_BATCH, Rejected, option
from sampler_influx._lines import LineEncoder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sampler.adapterkit import http
    from sampler.agent import Batch, Outcome, Series, Since, Snapshot

UNSUPPORTED: Mapping[str, str] = {
    "unit": "left out: a line has no place for it",
    "help": "left out: a line has no place for it",
    "kind": "left out: counters are their total",
    "precision": "numbers are floats, as a field has one type for ever: integers above 2**53 are "
    "rounded",
    "histograms": "fields: count, sum, and le_... with the count up to a bound; exponential ones "
    "with bounds that all processes share",
}
TAGS: Mapping[str, str] = {
    "service": "{service}",
    "host": "{host}",
    "instance": "{instance}",
}
TAGS_HELP = (
    "Tags of every series; {service}, {host}, {instance}, {pid} and {role} are filled in. Each "
    "process of a service needs its own."
)
_PARTIAL = "partial write"
_DROPPED = re.compile(r"dropped=([1-9][0-9]{0,8})\W{0,9}\Z")
"""At the end: before it there may be a tag's value, which can be anything."""


@attrs.define(eq=False)
class Influx(HTTPPush):
    """Write to InfluxDB, or to a store that reads its lines, by HTTP.

    To version 1, with ``database``, or to version 2, with ``org`` and ``bucket`` and the header
    field ``Authorization = "Token ..."``.
    """

    backend: ClassVar[str] = "InfluxDB"
    stamped = True
    unsupported: ClassVar[Mapping[str, str]] = UNSUPPORTED
    url: str = option("http://127.0.0.1:8086", "Where the server is.", check=url_fault)
    database: str | None = option(None, "The database, of version 1.", kind=str)
    retention_policy: str | None = option(
        None, "Its retention policy; default: its own.", kind=str
    )
    bucket: str | None = option(None, "The bucket, of version 2.", kind=str)
    org: str | None = option(None, "The organisation that has the bucket.", kind=str)
    tags: dict[str, str] = option(dict(TAGS), TAGS_HELP, check=labels_fault)
    gzip: bool = option(default=True, help="Compress what is sent.")
    _lines: LineEncoder = attrs.field(init=False, repr=False)
    _path: str = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if (self.database is None) == (self.bucket is None):
            raise ValueError("database: set it for version 1, or bucket and org for version 2")
        if self.org is not None and self.bucket is None:
            raise ValueError("org: it has a meaning with bucket only")
        if self.retention_policy is not None and self.database is None:
            raise ValueError("retention_policy: it has a meaning with database only")
        query: dict[str, Any] = {"precision": "ns"}
        if self.database is not None:
            query |= {"db": self.database, "rp": self.retention_policy}
        else:
            query |= {"bucket": self.bucket, "org": self.org}
        given = {key: text for key, text in query.items() if text is not None}
        self._path = ("/write?" if self.database else "/api/v2/write?") + urlencode(given)
        self._lines = LineEncoder(self.tags, MAX_BATCH)

    def encode(self, snapshot: Snapshot, since: Since) -> Iterator[Batch]:
        """Yield batches of at most 512 KiB, before they are compressed."""
        del since
        return self._lines.batches(snapshot)

    def send(self, batch: Batch, timeout: float) -> Outcome:
        """Write one batch within ``timeout`` seconds.

        Raises:
            Unavailable: no reply, or one that asks to try later; a resend is harmless.
            Rejected: the server refuses it, or some points of it.
        """
        if batch.frames:
            body = b"".join(batch.frames)
            self.post(self._path, "text/plain; charset=utf-8", body, timeout, gzip=self.gzip)
        else:
            self.request("GET", "/ping", timeout)
        return DELIVERED

    def called(self, series: Series, identity: Mapping[str, str]) -> str:
        """Return what the backend calls a series."""
        del identity
        return series.name

    def split(self, batch: Batch) -> tuple[Batch, Batch]:
        """Return the halves of a rejected batch."""
        return halved_lines(batch)

    def refuse(self, reply: http.Reply) -> NoReturn:
        """Raise what a reply means: a write may be partial, and then the rest was written."""
        partial = reply.status == 400 and _PARTIAL in reply.text
        if partial and (dropped := _DROPPED.search(reply.text)):
            text = f"{self.where} refuses points: {reply.text}"
            raise Rejected("rejected", int(dropped[1]), message=text)
        super().refuse(reply)
