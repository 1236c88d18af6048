"""The page that ``sampler advise`` and ``sampler record`` read."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import attrs
import psutil

from sampler._runtime.printable import one_line
from sampler.adapterkit import http
from sampler.adapterkit.http_options import basic_authorization, on_loopback, url_fault
from sampler.adapterkit.tls_files import client_context
from sampler.advise import Host, PageError, Scrape, read_page
from sampler.advise._names import METRICS, page_name
from sampler.agent.config.reading import find_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

TIMEOUT = 10.0
"""Seconds that one page may take."""
MOST = 16 * 2**20
"""Bytes of a page; a longer one is not read."""
QUARTERS = 4
"""Parts of a window: a scrape is made at the end of each, and one at the beginning."""

_COUNTS = [
    name.removesuffix("count") for name in map(page_name, METRICS) if name.endswith("_count")
]
_CURRENT = re.compile(rf"^({'|'.join(_COUNTS)})current(?=[{{ ])", re.MULTILINE)


class NoPageError(Exception):
    """There is no page to read; the message says why, and what to do."""


@attrs.frozen
class Source:
    """A page, and how to read it.

    Attributes:
        url: its address.
        authorization: the header of that name; None: there is none.
    """

    url: str
    authorization: str | None = attrs.field(default=None, repr=False)

    def scrape(self) -> Scrape:
        """Read the page.

        Raises:
            NoPageError: it does not answer, or with something else.
        """
        parts = urlsplit(self.url)
        fields = {"Accept": "text/plain;version=0.0.4"}
        if self.authorization is not None:
            fields["Authorization"] = self.authorization
        began = time.monotonic()
        try:
            tls = client_context(None) if parts.scheme == "https" else None
            root = f"{parts.scheme}://{parts.netloc}"
            with http.connect(root, began + TIMEOUT, tls=tls) as connection:
                reply = connection.request("GET", parts.path or "/metrics", fields, most=MOST + 1)
        except (OSError, ValueError) as error:
            why = one_line(str(error)) or type(error).__name__
            raise NoPageError(f"{self.url}: does not answer: {why}") from None
        if reply.status != 200:
            raise NoPageError(f"{self.url}: answered {reply.status}: {reply.text[:80]}")
        if len(reply.body) > MOST:
            raise NoPageError(f"{self.url}: its page is longer than {MOST} bytes")
        at = (began + time.monotonic()) / 2
        try:
            return read_page(
                as_advise_reads(reply.body.decode("utf-8", "replace")),
                at=at,
                time=time.time(),
                host=_host() if on_loopback(parts.hostname or "") else None,
            )
        except PageError as error:
            raise NoPageError(f"{self.url}: {error}") from None

    def window(self, seconds: float) -> Iterator[Scrape]:
        """Yield the scrapes of a window, each once it is made.

        Args:
            seconds: from the first to the last.

        Raises:
            NoPageError: the page cannot be read.
        """
        began = time.monotonic()
        for quarter in range(QUARTERS + 1):
            time.sleep(max(0.0, began + seconds * quarter / QUARTERS - time.monotonic()))
            yield self.scrape()


def as_advise_reads(page: str) -> str:
    """Return a page with its gauges' ``_current`` as ``_count``, as ``read_page`` knows them.

    Its overloads were played with these names, and a change of ``sampler/advise`` would void them.

    Args:
        page: in Prometheus' text format 0.0.4; one with ``_count`` stays as it is.
    """
    return _CURRENT.sub(r"\1count", page)


def _host() -> Host | None:
    """Read the host's CPU times; None where it does not tell."""
    try:
        times: dict[str, float] = psutil.cpu_times()._asdict()
    except (psutil.Error, OSError, RuntimeError):
        return None
    idle = times["idle"] + times.get("iowait", 0.0)
    busy = sum(
        times.get(mode, 0.0) for mode in ("user", "nice", "system", "irq", "softirq", "steal")
    )
    return Host(busy, idle, psutil.cpu_count() or 1)


def source_of(url: str | None, config: str | None) -> Source:
    """Return the page to read.

    Args:
        url: its address; None: the page of the configuration.
        config: the file; None: as for every command.

    Raises:
        NoPageError: it is no such address, or the configuration has no page.
        ConfigurationError: the configuration has problems.
    """
    if url is not None:
        if fault := url_fault(url):
            raise NoPageError(fault)
        return Source(url)
    settings = find_settings(config)
    pages = [each.adapter for each in settings.adapters if each.type == "prometheus"]
    if not pages:
        raise NoPageError(
            f"{settings.file} has no page: add a table [adapters.prometheus], or give its URL"
        )
    return _page(pages[0])


def _page(adapter: Any) -> Source:
    host, _, port = str(adapter.listen).rpartition(":")
    if port == "0":
        raise NoPageError("the page takes a free port: give its URL")
    if adapter.tls_cert is not None:
        raise NoPageError("the page is served over TLS: give its URL, with the host's name in it")
    host = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)
    password = adapter.password or ""
    name = adapter.username
    secret = None if name is None else basic_authorization(name, password)
    return Source(f"http://{host}:{port}/metrics", secret)
