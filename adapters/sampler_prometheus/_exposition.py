"""The pages of one consumer: one pull for all clients that wait, each in the format it accepts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from sampler import Collector
from sampler_prometheus._negotiate import content_type, wants_gzip
from sampler_prometheus._shared_pages import SharedPages
from sampler_prometheus._text import TextRenderer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sampler import Registry
    from sampler.agent import Ledger, Snapshot


def page_collector(
    registry: Registry | None, name: str, interval: float, deadline: float
) -> Collector:
    """Return the Collector for pages that are served without an agent.

    Args:
        registry: whose samplers are pulled; None: the default registry.
        name: the consumer's name.
        interval: expected seconds between scrapes; more frequent scrapes share a pull.
        deadline: seconds that each sampler has.
    """
    return Collector(registry, name=name, interval=interval, deadline=deadline, reuse=interval)


@attrs.frozen
class Page:
    """The page for one client.

    Attributes:
        parts: its body as it is sent, in parts.
        content_type: its format.
        encoding: ``gzip``, or nothing.
        entries: number of the snapshot's entries.
        refused: reason to number of entries that the page does not contain.
    """

    parts: tuple[bytes, ...] = attrs.field(repr=False)
    content_type: str
    encoding: str
    entries: int
    refused: Mapping[str, int]
    _ledger: Ledger = attrs.field(repr=False)
    _kept: tuple[object, object] = attrs.field(repr=False)
    """The mark of its pull, and the text, which others share as long as somebody has it."""

    @property
    def body(self) -> bytes:
        """The body as one."""
        return self.parts[0] if len(self.parts) == 1 else b"".join(self.parts)

    @property
    def length(self) -> int:
        """Bytes of its body."""
        return sum(map(len, self.parts))

    def settle(self, taken: bool) -> None:
        """Count the page's entries in the ledger; called once.

        Args:
            taken: the client read the whole page.
        """
        carried = self.entries - sum(self.refused.values())
        self._ledger.count(
            collected=self.entries,
            delivered=carried if taken else 0,
            unconfirmed=0 if taken else carried,
            dropped=self.refused,
        )


class Exposition:
    """Makes pages. Safe to use from any thread.

    Args:
        collect: makes a snapshot.
        ledger: counts the entries of every page that is settled.
        reply_timeout: seconds that a client may take to read a page.
    """

    def __init__(
        self, collect: Callable[[], Snapshot], ledger: Ledger, reply_timeout: float = 10.0
    ) -> None:
        self._pages = SharedPages(collect, reply_timeout)
        self._ledger = ledger
        self._text = TextRenderer()

    def answer(self, accept: str | None = None, accept_encoding: str | None = None) -> Page:
        """Pull, and return the page for one request.

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
        parts, encoding = written.parts, ""
        kept: tuple[object, object] = mark, written
        if wants_gzip(accept_encoding):
            parts, encoding = (self._text.compressed(snapshot, kind),), "gzip"
            kept = mark, None
        return Page(parts, kind, encoding, written.entries, written.refused, self._ledger, kept)
