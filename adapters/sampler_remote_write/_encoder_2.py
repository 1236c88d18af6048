"""Requests of version 2.0: texts once for each request, metadata, and starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from sampler.adapterkit.identity_labels import filled_in_labels
from sampler.adapterkit.prometheus_names import format_bound, sample_name
from sampler.adapterkit.protobuf import double, fixed64, integer, message, packed_varints, text
from sampler.adapterkit.render_cache import NotRendered, RenderCache, iter_entries
from sampler.adapterkit.shared_bounds import at_shared_bounds
from sampler.agent import ABSENT, MAX_BATCH, HistogramValue
from sampler_remote_write._native import native
from sampler_remote_write._requests import SYMBOLS, batch_of, compressed, grow, note_of
from sampler_remote_write._series import STALE, SeriesRenderer, ended, milliseconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sampler.agent import Batch, Block, Series, Snapshot

_SERIES = 5
_KINDS: Mapping[str, int] = {"counter": 1, "gauge": 2, "histogram": 3}
_MARGIN = 4
"""A request is full with three of four parts of the limit: one more entry fits."""


@attrs.frozen
class Named:
    """How a series is called.

    Attributes:
        name: of its sample; of a histogram's, without ``_bucket`` and so on.
        pairs: its labels.
        histogram: it is one.
        about: its kind's number, its help and its unit.
        start: the field of its start, or nothing.
        bounds: of a histogram that was written last.
    """

    name: str
    pairs: tuple[tuple[str, str], ...]
    histogram: bool
    about: tuple[int, str, str] = attrs.field(eq=False)
    start: bytes = attrs.field(eq=False)
    bounds: list[tuple[float, ...]] = attrs.field(eq=False, factory=list)


class Encoder2:
    """Encodes for one receiver; the arguments are those of :class:`Encoder`."""

    def __init__(self, labels: Mapping[str, str], *, native: bool, limit: int = MAX_BATCH) -> None:
        self._templates = labels
        self._native = native
        self._limit = limit
        self._common: Mapping[str, str] = {}
        self._blocks: tuple[Block, ...] = ()
        self._last: dict[int, list[Named | NotRendered]] = {}
        self._begin({})

    def batches(self, snapshot: Snapshot) -> Iterator[Batch]:
        """Yield batches of whole entries, in the snapshot's order."""
        common = filled_in_labels(self._templates, snapshot.identity)
        if common != self._common:
            self._begin(common)
        rendered = self._cache.of(snapshot)
        before, self._last = self._last, {id(made): made for _, made in rendered}
        gone = list(ended(before, self._last))
        # A block that several pulls share is the same object: its samples were written already.
        seen, self._blocks = {id(block) for block in self._blocks}, snapshot.blocks
        request = _Request()
        for block, entries in iter_entries(rendered):
            request.latest = max(request.latest, block.time)
            time = integer(2, milliseconds(block.time))
            for name, series, value in entries:
                if value is ABSENT:
                    continue
                if isinstance(name, NotRendered):
                    request.refused[name.reason] = request.refused.get(name.reason, 0) + 1
                elif id(block) in seen:
                    grow(request.shape, 1, 0)
                else:
                    self._write(request, name, series, value, time, block.time)
                if request.size > self._limit * (_MARGIN - 1) // _MARGIN:
                    yield request.batch(0)
                    request = _Request(request.latest)
        time = integer(2, milliseconds(snapshot.time))
        count = 0
        for name in gone if request.series else ():
            if isinstance(name, Named):
                count += self._write_marker(request, name, time, snapshot.time)
        if request.shape or request.refused:
            yield request.batch(count)

    def ending(self, time: float, limit: int) -> tuple[bytes, bool]:
        """Return a request that marks all series as ended, and whether it has all of them."""
        request = _Request()
        end = integer(2, milliseconds(time))
        for made in self._last.values():
            for name in made:
                if isinstance(name, Named):
                    if request.size > limit:
                        return request.data(), False
                    self._write_marker(request, name, end, time)
        return request.data(), True

    def _begin(self, common: Mapping[str, str]) -> None:
        """Begin with other labels: nothing that was kept can be used."""
        self._common = common
        renderer = SeriesRenderer(common)

        def named(series: Series) -> Named:
            family, pairs = renderer.named(series)
            start = b""
            if series.cumulative and series.start is not None:
                start = integer(6, milliseconds(series.start))
            return Named(
                sample_name(family, series.kind),
                pairs,
                series.metric.histogram,
                (_KINDS[series.kind], series.help, series.unit),
                start,
            )

        self._cache: RenderCache[Named] = RenderCache(named, family=renderer.family)
        self._blocks, self._last = (), {}

    def _write(
        self,
        request: _Request,
        name: Named,
        series: Series,
        value: Any,
        time: bytes,
        moment: float,
    ) -> None:
        """Add the time series of an entry."""
        if not isinstance(value, HistogramValue):
            request.add(name, name.name, (), message(2, double(1, value) + time))
            grow(request.shape, 1, 1)
            return
        if self._native:
            point = native(value) + integer(15, milliseconds(moment))
            request.add(name, name.name, (), message(3, point))
            grow(request.shape, 1, 1)
            return
        shared = at_shared_bounds(value, series)
        name.bounds[:] = [shared.bounds]
        parts = _parts(shared.bounds)
        numbers: list[float] = [*shared.counts, value.count, value.count]
        if value.sum is not None:
            numbers.append(value.sum)
        for (suffix, more), number in zip(parts, numbers, strict=False):
            request.add(name, name.name + suffix, more, message(2, double(1, number) + time))
        grow(request.shape, 1, len(numbers))

    def _write_marker(self, request: _Request, name: Named, time: bytes, moment: float) -> int:
        """Add what marks a series as ended, and return how many time series that is."""
        stale = message(2, fixed64(1, STALE) + time)
        if name.histogram and self._native:
            point = integer(1, 0) + fixed64(3, STALE) + integer(15, milliseconds(moment))
            request.add(name, name.name, (), message(3, point))
            return 1
        if not name.histogram:
            request.add(name, name.name, (), stale)
            return 1
        parts = _parts(name.bounds[0]) if name.bounds else []
        for suffix, more in parts:
            request.add(name, name.name + suffix, more, stale)
        return len(parts)


class _Request:
    """A request that is being written."""

    def __init__(self, latest: float = 0.0) -> None:
        self.latest = latest
        self.size = 0
        self.shape: list[list[int]] = []
        self.refused: dict[str, int] = {}
        self.series: list[bytes] = []
        self._symbols: dict[str, int] = {"": 0}  # the first one is always empty

    def add(self, name: Named, sample: str, more: Iterable[tuple[str, str]], point: bytes) -> None:
        """Add a time series of one point."""
        place = self._place
        pairs = sorted((("__name__", sample), *name.pairs, *more))
        refs = [place(each) for pair in pairs for each in pair]
        kind, help_, unit = name.about
        about = integer(1, kind) + integer(3, place(help_)) + integer(4, place(unit))
        body = packed_varints(1, refs) + point + message(5, about) + name.start
        self.series.append(message(_SERIES, body))
        self.size += len(self.series[-1])

    def data(self) -> bytes:
        """Return the request as it is sent."""
        return compressed(b"".join(self._parts()))

    def batch(self, markers: int) -> Batch:
        """Return the batch; so many of its last time series are no entries."""
        note = note_of(self.shape, self.latest, markers, new=True)
        return batch_of(self._parts() if self.series else [], note, self.refused)

    def _parts(self) -> list[bytes]:
        return [*(text(SYMBOLS, each) for each in self._symbols), *self.series]

    def _place(self, symbol: str) -> int:
        found = self._symbols.get(symbol)
        if found is None:
            found = self._symbols[symbol] = len(self._symbols)
            self.size += len(symbol) + 4
        return found


def _parts(bounds: tuple[float, ...]) -> list[tuple[str, tuple[tuple[str, str], ...]]]:
    """Return the suffix, and the label of the bound, of each time series of a histogram."""
    uppers = [*map(format_bound, bounds), "+Inf"]
    return [*(("_bucket", (("le", upper),)) for upper in uppers), ("_count", ()), ("_sum", ())]
