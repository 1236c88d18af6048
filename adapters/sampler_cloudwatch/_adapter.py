"""The ``emf`` adapter: its options, and the methods that the agent calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from sampler.adapterkit.identity_labels import filled_in_labels, labels_fault
from sampler.adapterkit.line_file import append_lines, path_fault
from sampler.adapterkit.packing import Packing
from sampler.adapterkit.render_cache import NotRendered, RenderCache, Unencodable, iter_entries
from sampler.agent import ABSENT, option
from sampler_cloudwatch._documents import MAX_METRICS, Named, document, named, numbers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sampler.agent import Batch, Block, Outcome, Series, Since, Snapshot


_BATCH = 2**15


def _namespace_fault(namespace: str) -> str | None:
    known = namespace.isascii() and namespace.isprintable() and 0 < len(namespace) <= 255
    if not known or namespace.startswith(":"):
        return "expected 1 to 255 characters of ASCII, of which the first is no colon"
    return None


@attrs.define(eq=False)
class EMF:
    """Write lines in CloudWatch's embedded metric format.

    CloudWatch makes metrics of the log events of a function, or of a file that its agent reads.
    It adds up what it gets, so counters and histograms are written as their increase.
    """

    stamped = False
    unsupported: ClassVar[Mapping[str, str]] = {
        "unit": "units that CloudWatch does not know are None",
        "help": "left out: a document has no place for it",
        "kind": "left out: counters are their increase",
        "precision": "numbers are doubles: integers above 2**53 are rounded",
        "histograms": "count and sum only, as their increase",
        "zeros": "left out: a counter or a histogram is told once it has grown",
    }
    path: str = option("stdout", "Where to write: stdout, stderr, or a file.", check=path_fault)
    namespace: str = option("sampler", "CloudWatch's namespace.", check=_namespace_fault)
    dimensions: dict[str, str] = option(
        {"service": "{service}"},
        "Dimensions of every metric; {service}, {host}, {instance}, {pid} and {role} are filled "
        "in. CloudWatch charges for each combination.",
        check=labels_fault,
    )
    _common: dict[str, str] = attrs.field(factory=dict, init=False)
    _cache: RenderCache[Named] = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._begin({})

    def encode(self, snapshot: Snapshot, since: Since) -> Iterator[Batch]:
        """Yield batches of at most 32 KiB of lines: a full pipe has a part of one only."""
        common = filled_in_labels(self.dimensions, snapshot.identity)
        if common != self._common:
            self._begin(common)
        packing = Packing(_BATCH)
        for block, entries in iter_entries(self._cache.of(snapshot)):
            for lines, count, missing in self._lines(block, entries, since):
                yield from packing.add(lines, count, missing)
        yield from packing.rest()

    def send(self, batch: Batch, timeout: float) -> Outcome:
        """Write one batch. What a pipe has taken a part of is unconfirmed: CloudWatch adds up.

        Raises:
            Unavailable: the file cannot be written; a pipe has taken nothing.
        """
        return append_lines(self.path, batch.frames, timeout, sync=False, idempotent=False)

    def _begin(self, common: dict[str, str]) -> None:
        """Begin with other dimensions: nothing that was kept can be used."""
        self._common = common
        self._cache = RenderCache(lambda series: named(series, common), lambda each: each.names)

    def _lines(
        self,
        block: Block,
        entries: Iterable[tuple[Named | NotRendered, Series, Any]],
        since: Since,
    ) -> Iterator[tuple[bytes, int, list[tuple[int, str]]]]:
        """Yield documents, each with how many entries it is of, and which of those are none.

        Neighbours with the same dimensions share a document.
        """
        metrics: list[tuple[str, str, Any]] = []
        missing: list[tuple[int, str]] = []
        dimensions: tuple[tuple[str, str], ...] = ()
        count = 0
        for name, series, value in entries:
            if isinstance(name, NotRendered) or value is ABSENT:
                missing.append((count, "" if value is ABSENT else getattr(name, "reason", "")))
                count += 1
                continue
            try:
                found = numbers(name, value, since.get(series), increase=series.cumulative)
            except Unencodable as error:
                missing.append((count, error.reason))
                count += 1
                continue
            full = len(metrics) + len(found) > MAX_METRICS
            if metrics and (full or name.dimensions != dimensions):
                yield document(self.namespace, dimensions, metrics, block.time), count, missing
                metrics, missing, count = [], [], 0
            dimensions = name.dimensions
            metrics += found
            count += 1
        lines = document(self.namespace, dimensions, metrics, block.time) if metrics else b""
        yield lines, count, missing
