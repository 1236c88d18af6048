"""One consumer's pages: pulled once for all who wait, in the format each of them wants."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import attrs

from sampler import Collector
from sampler_prometheus._negotiate import content_type, wants_gzip
from sampler_prometheus._shared_pages import SharedPages
from sampler_prometheus._text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sampler import Registry
    from sampler.agent import Ledger, Snapshot

_LEVEL = 5
"""Of gzip: beyond it pages get hardly smaller and much slower."""


def consumer(registry: Registry | None, name: str, interval: float, deadline: float) -> Collector:
    """Return the consumer behind a page that no agent serves.

    Args:
        registry: where samplers are found; None: the default registry.
        name: the consumer's name.
        interval: seconds between scrapes; a window is never shorter.
        deadline: seconds each sampler has.
    """
    return Collector(registry, name=name, interval=interval, deadline=deadline, reuse=interval)


@attrs.frozen
class Page:
    """What one client gets.

    Attributes:
        body: as it goes out.
        content_type: its format.
        encoding: ``gzip``, or nothing.
        entries: entries of the snapshot it shows.
        refused: reason to number of entries that are not in it.
    """

    body: bytes
    content_type: str
    encoding: str
    entries: int
    refused: Mapping[str, int]
    _ledger: Ledger = attrs.field(repr=False)
    _mark: object = attrs.field(repr=False)

    def settle(self, taken: bool) -> None:
        """Account for the answer, once.

        Args:
            taken: the client took it whole; else it left early.
        """
        carried = self.entries - sum(self.refused.values())
        self._ledger.count(
            collected=self.entries,
            delivered=carried if taken else 0,
            unconfirmed=0 if taken else carried,
            dropped=self.refused,
        )


class Exposition:
    """Answers scrapes. Safe to use from any thread.

    Args:
        collect: makes a snapshot.
        ledger: filled with every answer that is settled.
        patience: seconds that a client may take over a page.
    """

    def __init__(
        self, collect: Callable[[], Snapshot], ledger: Ledger, patience: float = 10.0
    ) -> None:
        self._pages = SharedPages(collect, patience)
        self._ledger = ledger
        self._text = Text()
        self._zipped: dict[str, tuple[bytes, bytes]] = {}

    def answer(self, accept: str | None = None, accept_encoding: str | None = None) -> Page:
        """Pull, and return the page for the headers of one request.

        Args:
            accept: its ``Accept`` header, if it has one.
            accept_encoding: its ``Accept-Encoding`` header.
        """
        return self.answers([(accept, accept_encoding)])[0]

    def answers(self, wanted: Sequence[tuple[str | None, str | None]]) -> list[Page]:
        """Pull once, and return a page for each ``(Accept, Accept-Encoding)``."""
        snapshot, mark = self._pages.snapshot()
        return [self._page(snapshot, mark, *each) for each in wanted]

    def _page(
        self, snapshot: Snapshot, mark: object, accept: str | None, accept_encoding: str | None
    ) -> Page:
        kind = content_type(accept)
        written = self._text.render(snapshot, kind)
        body, encoding = written.body, ""
        if wants_gzip(accept_encoding):
            body, encoding = self._compressed(kind, body), "gzip"
        return Page(body, kind, encoding, written.entries, written.refused, self._ledger, mark)

    def _compressed(self, kind: str, body: bytes) -> bytes:
        plain, zipped = self._zipped.get(kind, (None, b""))
        if plain is not body:
            zipped = gzip.compress(body, _LEVEL, mtime=0)
            self._zipped[kind] = body, zipped
        return zipped
