"""The ``pushgateway`` adapter: the newest snapshot, put in place of the last one."""

from __future__ import annotations

import base64
import gzip
import re
import ssl
from time import monotonic
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote, urlsplit

import attrs

from sampler.adapterkit import http
from sampler.adapterkit.dotted_paths import PLACEHOLDERS
from sampler.agent import DELIVERED, Batch, Rejected, Unavailable, log, option
from sampler.agent.config.secrets import shown
from sampler_prometheus._security import basic, client_context, on_loopback
from sampler_prometheus._text import TEXT, Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sampler.agent import Outcome, Since, Snapshot

GOODBYE = 2.0
"""Seconds that deleting the group at a clean stop may take."""
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_PLAIN = re.compile(r"[A-Za-z0-9_.:@~+-]+")
_LONGEST = 200


def url_fault(url: str) -> str | None:
    """Say what is wrong with a gateway's address, or return None."""
    if "@" in url:  # the sentence must not repeat it
        return "a URL with a password is shown in logs: use the keys username and password"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return f"{url!r} is no URL such as 'http://127.0.0.1:9091'"
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        return f"expected a URL such as 'http://127.0.0.1:9091', got {url!r}"
    if parts.query or parts.fragment:
        return f"a URL without '?' and '#' is expected, got {url!r}"
    if not (parts.path.isascii() and url.isprintable()) or " " in parts.path:
        return f"a path with spaces or other letters has to be written with %, got {url!r}"
    return None


def group_fault(template: str) -> str | None:
    """Say what is wrong with a template of a grouping value, or return None."""
    unknown = [word for word in _PLACEHOLDER.findall(template) if word not in PLACEHOLDERS]
    if unknown:
        known = ", ".join(f"{{{word}}}" for word in PLACEHOLDERS)
        return f"unknown placeholder {{{unknown[0]}}} (known: {known})"
    return None


def _job_fault(template: str) -> str | None:
    return group_fault(template) if template else "a gateway wants a job: it must not be empty"


def _grouping_fault(grouping: Mapping[str, str]) -> str | None:
    for label, template in grouping.items():
        if not _LABEL.fullmatch(label) or label.startswith("__") or label in ("job", "instance"):
            return f"{label!r} cannot be a grouping label"
        if fault := group_fault(template):
            return f"{label}: {fault}"
    return None


@attrs.define(eq=False)
class Pushgateway:
    """Put each pull into a Pushgateway, for programs that end before a scrape would come.

    A group holds one process' numbers; each push replaces all of it. A gateway never forgets a
    group, so a clean stop deletes it.
    """

    stamped = False
    idempotent = True
    relative = False
    unsupported: ClassVar[Mapping[str, str]] = {
        "precision": "numbers are read as doubles: integers above 2**53 are rounded",
        "timestamps": "left out: a gateway refuses them; the time of its scrape stands",
        "histograms": "a sum that is not known is served as 0",
    }
    url: str = option("http://127.0.0.1:9091", "Where the gateway is.", check=url_fault)
    job: str = option(
        "{service}",
        "The job label; {service}, {host}, {instance}, {pid} and {role} are filled in.",
        check=_job_fault,
    )
    instance: str = option(
        "{host}:{instance}",
        "The instance label, filled in alike; two processes of one job must differ in it.",
        check=group_fault,
    )
    grouping: dict[str, str] = option(
        {}, "Further labels of the group, filled in alike.", check=_grouping_fault
    )
    username: str | None = option(None, "For basic authentication.", kind=str)
    password: str | None = option(None, "For basic authentication.", kind=str, secret=True)
    tls_ca: str | None = option(
        None,
        "Who may have signed the certificate of an https gateway: a PEM file; default: those the "
        "system trusts.",
        kind=str,
    )
    gzip: bool = option(default=True, help="Compress what is pushed.")
    delete_on_stop: bool = option(default=True, help="Delete the group at a clean stop.")
    _text: Text = attrs.field(factory=Text, init=False, repr=False)
    _group: str = attrs.field(default="", init=False)
    _held: bool = attrs.field(default=False, init=False)
    _tls: ssl.SSLContext | None = attrs.field(default=None, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password go together: set both or none")
        if urlsplit(self.url).scheme == "https":
            self._tls = client_context(self.tls_ca)
        elif self.tls_ca is not None:
            raise ValueError("tls_ca: url must begin with https:// for it")

    @property
    def files(self) -> tuple[str, ...]:
        """What was read beside the configuration: a reload looks whether it has changed."""
        return () if self.tls_ca is None else (self.tls_ca,)

    @property
    def exposure(self) -> str | None:
        """Who can read the password on its way, and the remedy; None when nobody can."""
        parts = urlsplit(self.url)
        if self.username is None or parts.scheme == "https" or on_loopback(parts.hostname or ""):
            return None
        return f"sends its password for whoever is on the way: use https:// instead of {self.url}"

    def encode(self, snapshot: Snapshot, since: Since) -> Iterator[Batch]:
        """Yield one batch: a push replaces the group, so what is split would be lost."""
        del since
        written = self._text.render(snapshot, TEXT)
        body = gzip.compress(written.body, 5, mtime=0) if self.gzip else written.body
        carried = written.entries - sum(written.refused.values())
        if written.entries:
            group = self._path(snapshot.identity)
            yield Batch((body,) if carried else (), carried, written.refused, group)

    def send(self, batch: Batch, timeout: float) -> Outcome:
        """Put one snapshot in place of the last, within ``timeout`` seconds.

        Raises:
            Unavailable: no answer, or one that says "later"; a resend is harmless.
            Rejected: the gateway refuses the whole push, and says why.
        """
        if not batch.samples:
            self._ask("GET", "/-/ready", (), timeout)
            return DELIVERED
        encoding = (("Content-Encoding", "gzip"),) if self.gzip else ()
        self._group = batch.note
        self._ask(
            "PUT", batch.note, (("Content-Type", TEXT), *encoding), timeout, b"".join(batch.frames)
        )
        return DELIVERED

    def close(self) -> None:
        """Delete the group, so that nobody scrapes a program that has ended."""
        if not (self._held and self.delete_on_stop):
            return
        self._held = False
        try:
            self._ask("DELETE", self._group, (), GOODBYE)
        except (Unavailable, Rejected) as error:
            log.warning("the group %s stays in the gateway: %s", self._group, shown(str(error)))

    def _path(self, identity: Mapping[str, str]) -> str:
        labels = {"job": self.job, "instance": self.instance, **self.grouping}
        pairs = (_pair(label, _filled(text, identity)) for label, text in labels.items())
        return "/metrics/" + "/".join(pairs)

    def _ask(
        self,
        method: str,
        path: str,
        fields: tuple[tuple[str, str], ...],
        timeout: float,
        body: bytes | None = None,
    ) -> None:
        """Make one request; return when the gateway has taken it."""
        headers = dict(fields)
        if self.username is not None:
            headers["Authorization"] = basic(self.username, self.password or "")
        try:
            with http.connected(self.url, monotonic() + timeout, tls=self._tls) as connection:
                self._held = self._held or method == "PUT"  # from here on it may have arrived
                reply = connection.ask(method, path, headers, body)
        except (OSError, ValueError) as error:
            raise self._away(error) from None
        self._judge(reply)

    def _judge(self, reply: http.Reply) -> None:
        status, words = reply.status, reply.text
        if 200 <= status < 300:
            return
        if status in (408, 425, 429) or status >= 500:
            raise Unavailable(f"{self._where} answers {status}: {words}", reply.retry_after)
        reason = "rejected"
        if 300 <= status < 400:
            words = "it answers somewhere else: set url to where that is"
        elif status in (401, 403):
            reason = "unauthorized"
            words = "it wants other credentials: set username and password"
        message = f"{self._where} refuses with {status}: {words}"
        raise Rejected(reason, message=message)

    def _away(self, error: Exception) -> Unavailable:
        said = getattr(error, "strerror", None) or str(error) or type(error).__name__
        if isinstance(error, ssl.SSLCertVerificationError):
            said = f"its certificate is not accepted: {error.verify_message}"
        return Unavailable(f"{self._where}: {said}")

    @property
    def _where(self) -> str:
        return f"Pushgateway at {self.url}"


def _filled(template: str, identity: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda match: identity.get(match[1]) or "unknown", template)


def _pair(label: str, value: str) -> str:
    """Return a grouping label as it stands in a path: in base64 where it has to be."""
    text = value[:_LONGEST]
    if _PLAIN.fullmatch(text) and text not in (".", ".."):
        return f"{label}/{quote(text, safe='')}"
    encoded = base64.urlsafe_b64encode(text.encode("utf-8", "replace")).decode()
    return f"{label}@base64/{encoded or '='}"
