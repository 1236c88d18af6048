"""The ``pushgateway`` adapter: each snapshot takes the place of the last one in the gateway."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

import attrs

from sampler.adapterkit.dotted_paths import filled_in, placeholder_fault
from sampler.adapterkit.http_options import url_fault
from sampler.adapterkit.http_push import HTTPPush
from sampler.adapterkit.identity_labels import labels_fault
from sampler.adapterkit.prometheus_names import called, label_name
from sampler.agent import DELIVERED, Batch, Rejected, Unavailable, log, masked_line, option
from sampler_prometheus._losses import BOUNDS, PRECISION, UNIT, ZERO_SUM, loses_in_text
from sampler_prometheus._text import TEXT, TextRenderer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sampler.adapterkit import http
    from sampler.agent import Outcome, Series, Since, Snapshot

DELETE_TIMEOUT = 2.0
"""Seconds that deleting the group at a clean stop may take."""
_PLAIN = re.compile(r"[A-Za-z0-9_.:@~+-]+")
_LONGEST = 200
_PUT, _POST = "put", "post"


def _job_fault(template: str) -> str | None:
    return (
        placeholder_fault(template) if template else "must not be empty: a gateway requires a job"
    )


def _grouping_fault(grouping: Mapping[str, str]) -> str | None:
    for label in ("job", "instance"):
        if label in grouping:
            return f"{label!r} cannot be a grouping label: it is a key of its own"
    return labels_fault(grouping)


@attrs.define(eq=False)
class Pushgateway(HTTPPush):
    """Push each snapshot to a Pushgateway, for programs that end before they could be scraped.

    A group holds the numbers of one process, or of all runs of a job. A gateway keeps groups for
    ever: the numbers of a job stay, and those of a service are deleted if it asks for that.
    """

    backend: ClassVar[str] = "Pushgateway"
    stamped = False
    idempotent = True
    relative = False
    unsupported: ClassVar[Mapping[str, str]] = {
        "unit": UNIT,
        "precision": PRECISION,
        "timestamps": "left out: a gateway refuses them; the time of its scrape is stored",
        "histograms": f"{BOUNDS}; {ZERO_SUM}",
    }
    loses = staticmethod(loses_in_text)
    for_jobs: ClassVar[Mapping[str, Any]] = {"instance": "", "method": _POST}
    url: str = option("http://127.0.0.1:9091", "Where the gateway is.", check=url_fault)
    job: str | bool = option(
        "{service}",
        "The job label; {service}, {host}, {instance}, {pid} and {role} are filled in. true: it "
        "is a batch job, with the service as its label and without an instance label, so that "
        "each run takes the place of the last one, wherever it runs.",
        also=(True,),
        check=_job_fault,
    )
    instance: str = option(
        "{host}:{instance}",
        "The instance label, with the same placeholders; each process of a service needs its "
        'own. "": none.',
        check=placeholder_fault,
    )
    method: str = option(
        _PUT,
        "put: each push replaces the whole group; post: only the metrics that it has, so that "
        "what a failed run does not report stays.",
        choices=(_PUT, _POST),
    )
    grouping: dict[str, str] = option(
        {}, "More labels of the group, with the same placeholders.", check=_grouping_fault
    )
    gzip: bool = option(default=True, help="Compress each push.")
    delete_on_stop: bool | None = option(
        None,
        "Delete the group at a clean stop, as a service does whose numbers are nothing without "
        "it; default: false.",
        kind=bool,
    )
    _text: TextRenderer = attrs.field(factory=TextRenderer, init=False, repr=False)
    _group: str = attrs.field(default="", init=False)
    _group_exists: bool = attrs.field(default=False, init=False)

    @property
    def notice(self) -> str | None:
        """What is to be known at the start; None where the configuration shows that it is."""
        job = self.job is True or not self.instance or self.method == _POST
        if job or self.delete_on_stop is not None:
            return None
        return (
            "leaves its group in the gateway when the program ends: right for sampler job, which "
            "sets job = true itself; else set job = true for a batch job, or delete_on_stop = "
            "true for a service (or false, and this is not said)"
        )

    def encode(self, snapshot: Snapshot, since: Since) -> Iterator[Batch]:
        """Yield one batch: a push replaces what is there, so a second would delete the first."""
        del since
        group = self._labels(snapshot)
        if group != self._text.group:
            self._text = TextRenderer(group)
        written = self._text.render(snapshot, TEXT)
        body = written.compressed() if self.gzip else written.body
        carried = written.entries - sum(written.refused.values())
        if written.entries:
            path = "/metrics/" + "/".join(map(_pair, group, group.values()))
            yield Batch((body,) if carried else (), carried, written.refused, path)

    def send(self, batch: Batch, timeout: float) -> Outcome:
        """Replace the group, or what a snapshot has of it, within ``timeout`` seconds.

        Raises:
            Unavailable: no reply, or one that asks to try later; a resend is harmless.
            Rejected: the gateway refuses the whole push.
        """
        if not batch.samples:
            self._request("GET", "/-/ready", (), timeout)
            return DELIVERED
        encoding = (("Content-Encoding", "gzip"),) if self.gzip else ()
        self._group = batch.note
        self._request(
            self.method.upper(),
            batch.note,
            (("Content-Type", TEXT), *encoding),
            timeout,
            b"".join(batch.frames),
        )
        return DELIVERED

    def connect(self, deadline: float) -> http.Connection:
        """Return an open connection to the gateway, which may get the group from now on."""
        connection = super().connect(deadline)
        self._group_exists = self._group_exists or bool(self._group)
        return connection

    def called(self, series: Series, identity: Mapping[str, str]) -> str:
        """Return what the backend calls a series."""
        del identity
        return called(series)

    def close(self) -> None:
        """Delete the group, if that is asked for: its numbers do not outlive the program then."""
        if not (self._group_exists and self.delete_on_stop):
            return
        self._group_exists = False
        try:
            self._request("DELETE", self._group, (), DELETE_TIMEOUT)
        except (Unavailable, Rejected) as error:
            reason = masked_line(str(error))
            log.warning("the group %s stays in the gateway: %s", self._group, reason)

    def _labels(self, snapshot: Snapshot) -> dict[str, str]:
        """Return the group's labels: an operator's labels for every series are among them."""
        labels = {"job": "{service}" if isinstance(self.job, bool) else self.job}
        if self.instance and self.job is not True:
            labels["instance"] = self.instance
        common = {label_name(label): text for label, text in snapshot.labels.items()}
        named = {k: filled_in(text, snapshot.identity) for k, text in labels.items()}
        own = {k: filled_in(text, snapshot.identity) for k, text in self.grouping.items()}
        return {**named, **common, **own}

    def _request(
        self,
        method: str,
        path: str,
        fields: tuple[tuple[str, str], ...],
        timeout: float,
        body: bytes | None = None,
    ) -> None:
        """Make one request; return when the gateway has accepted it."""
        self.request(method, path, timeout, body, fields=dict(fields))


def _pair(label: str, value: str) -> str:
    """Return a grouping label as part of a path; in base64 where a path needs that."""
    text = value[:_LONGEST]
    if _PLAIN.fullmatch(text) and text not in (".", ".."):
        return f"{label}/{quote(text, safe='')}"
    encoded = base64.urlsafe_b64encode(text.encode("utf-8", "replace")).decode()
    return f"{label}@base64/{encoded or '='}"
