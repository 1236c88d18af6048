"""Where an agent's snapshots come from: a Collector, or whatever stands in for one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sampler._contract.snapshot import Snapshot
    from sampler._pull.statistics import Statistics


class Source(Protocol):
    """What a loop or a page of an agent collects from, as a Collector is."""

    @property
    def name(self) -> str:
        """The consumer's name."""
        ...

    @property
    def interval(self) -> float | None:
        """Seconds between pulls."""
        ...

    @property
    def longest(self) -> float:
        """Seconds that a pull may take."""
        ...

    def collect(self, *, within: float | None = None) -> Snapshot:
        """Return what there is now, within some seconds."""
        ...

    def close(self, *, within: float | None = None) -> None:
        """End; twice is harmless."""
        ...

    def statistics(self) -> Sequence[Statistics]:
        """Return what became of samplers' samples."""
        ...
