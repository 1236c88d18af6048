"""The ``dogstatsd`` adapter: its options, and the methods that the agent calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import attrs

from sampler.adapterkit.endpoint import Endpoint
from sampler.adapterkit.identity_labels import filled_in_labels, labels_fault
from sampler.adapterkit.packing import Packing
from sampler.adapterkit.render_cache import NotRendered, RenderCache, iter_entries
from sampler.adapterkit.udp import DatagramSender
from sampler.agent import ABSENT, option
from sampler_dogstatsd._texts import DISTRIBUTIONS, SUMS, Named, lines, named, tag_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sampler.agent import Batch, Outcome, Series, Since, Snapshot

_UDP, _UNIX = 1432, 8192
"""Bytes of a datagram that Datadog's agent reads, by transport."""


@attrs.define(eq=False)
class DogStatsD:
    """Send increases of counters, gauges and distributions to Datadog's agent.

    By UDP, or to its unix socket. Nothing confirms a datagram, so a batch that the kernel took is
    unconfirmed, never delivered. Metrics are tagged with who measures, and not with a container:
    that is the agent's to know.
    """

    stamped = False
    idempotent = False
    self_metrics = "changes"
    unsupported: ClassVar[Mapping[str, str]] = {
        "unit": "left out: a line has no place for it",
        "help": "left out: a line has no place for it",
        "precision": "numbers are read as doubles: integers above 2**53 are rounded",
        "timestamps": "left out: the agent stores the time of its flush",
        "histograms": "sums, or distributions: each observation is taken as the middle of its "
        "bucket",
        "zeros": "left out: a counter or a histogram is told once it has grown",
    }
    host: str = option("127.0.0.1", "Where the agent runs: a name or an address.")
    port: int = option(8125, "Its port.", minimum=1, maximum=65535)
    path: str | None = option(None, "Its unix socket, instead of host and port.", kind=str)
    tags: dict[str, str] = option(
        {"service": "{service}", "instance": "{host}:{instance}"},
        "Tags of every metric; {service}, {host}, {instance}, {pid} and {role} are filled in. "
        "Each process of a service needs its own.",
        check=labels_fault,
    )
    histograms: str = option(
        SUMS,
        "sums: count and sum, as counters; distributions: as many observations as each bucket "
        "got, with a sample rate.",
        choices=(SUMS, DISTRIBUTIONS),
    )
    max_datagram: int | None = option(
        None,
        "Largest datagram in bytes; default: 1432 by UDP, which fits any Ethernet, 8192 to a unix "
        "socket.",
        kind=int,
        minimum=128,
        maximum=65507,
    )
    _datagrams: DatagramSender = attrs.field(init=False, repr=False)
    _common: dict[str, str] = attrs.field(factory=dict, init=False)
    _cache: RenderCache[Named] = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        host, port = ("", 0) if self.path else (self.host, self.port)
        endpoint = Endpoint("Datadog's agent", host, port, self.path)
        self._datagrams = DatagramSender(endpoint)
        self._begin({})

    def encode(self, snapshot: Snapshot, since: Since) -> Iterator[Batch]:
        """Yield batches of one datagram each."""
        common = filled_in_labels(self.tags, snapshot.identity)
        common = {tag_name(name): text for name, text in common.items()}
        if common != self._common:
            self._begin(common)
        limit = self.max_datagram or (_UNIX if self.path else _UDP)
        distributions = self.histograms == DISTRIBUTIONS
        packing = Packing(limit, trim=1)
        for _, entries in iter_entries(self._cache.of(snapshot)):
            texts: list[bytes] = []
            missing: list[tuple[int, str]] = []
            for place, (name, series, value) in enumerate(entries):
                text = ""
                if value is ABSENT:
                    missing.append((place, ""))
                elif isinstance(name, NotRendered):
                    missing.append((place, name.reason))
                else:
                    earlier = since.get(series)
                    made = lines(name, series, value, earlier, distributions=distributions)
                    text = "".join(f"{line}\n" for line in made)
                    if len(text) - 1 > limit:
                        missing.append((place, "too_long"))
                        text = ""
                texts.append(text.encode())
            yield from packing.add(b"".join(texts), len(texts), missing, map(len, texts))
        yield from packing.rest()

    def send(self, batch: Batch, timeout: float) -> Outcome:
        """Send one batch within ``timeout`` seconds.

        Raises:
            Unavailable: it has certainly not arrived.
            Rejected: a datagram is longer than the network allows (``too_long``).
        """
        return self._datagrams.send(batch, timeout)

    def called(self, series: Series, identity: Mapping[str, str]) -> str:
        """Return what the backend calls a series."""
        del identity
        return series.name

    def close(self) -> None:
        """Close the socket."""
        self._datagrams.close()

    def _begin(self, common: dict[str, str]) -> None:
        """Begin with other tags: nothing that was kept can be used."""
        self._common = common
        self._cache = RenderCache(lambda series: named(series, common), lambda each: each.names)
