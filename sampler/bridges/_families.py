"""Families of ``prometheus_client``, sample by sample, as samples of ours."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from sampler.adapterkit.prometheus_names import unit_of
from sampler.bridges._collectors import collectors_of, name_of, never_fails, reads_files
from sampler.bridges._guarded import Guard
from sampler.bridges._histograms import Parts, native
from sampler.bridges._last import Last
from sampler.bridges._log import FAILURES, Failures
from sampler.bridges._names import LabelNames, Names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_GROWING = ("counter", "histogram", "summary")
_WHOLE = ("histogram", "summary")
_MOST = 20_000
"""Metrics, and sets of names of labels, that are remembered."""


class _CountedError(Exception):
    """Something failed that is counted already."""


class _Metric:
    """What is known of the samples of one name."""

    __slots__ = ("described", "name")

    def __init__(self, name: str, described: dict[str, Any]) -> None:
        self.name = name
        self.described = described


class Families:
    """Reads what a source collects; several consumers may, at once.

    Args:
        source: returns a registry or a collector; None while there is none.
        bridge: the name under which failures are counted.
        described: more of each metric's description.
    """

    def __init__(
        self, source: Callable[[], Any], bridge: str, described: dict[str, str] | None = None
    ) -> None:
        self._source = source
        self._more = described or {}
        self._failures = Failures(bridge)
        self._guard = Guard()
        self._last: dict[int, tuple[Any, Last]] = {}
        self._whole_source = Last()
        self._names = Names((FAILURES,))
        self._labels = LabelNames()
        self._metrics: dict[tuple[str, str, str, str], _Metric] = {}
        self._label_names: dict[tuple[str, ...], dict[str, str] | None] = {}
        self._start: float | None = None
        self._looked = False

    def __call__(self) -> Iterator[tuple[Any, ...]]:
        """Yield the samples of one pull."""
        source = self._source()
        if source is None:
            return
        collectors = collectors_of(source)
        for collector in collectors:
            fail = partial(self._fail, name_of(collector))
            if collector is source:  # it may be made anew for each pull
                yield from self._whole_source.read(self._of(collector), fail)
            elif never_fails(collector):
                try:
                    yield from self._of(collector)
                except Exception as error:
                    fail(error)
            else:
                kept = self._last.setdefault(id(collector), (collector, Last()))[1]
                waits = reads_files(collector)
                rows = self._of(collector) if waits else self._guarded(collector)
                yield from kept.read(rows, fail)
        if len(self._last) > len(collectors):  # some are gone
            there = {id(each) for each in collectors}
            self._last = {key: each for key, each in self._last.items() if key in there}
        yield from self._failures.samples()

    def failed(self) -> int:
        """Return how often something has failed."""
        return self._failures.total()

    def start(self) -> float | None:
        """Return when all was zero: the earliest ``_created``; None if there is none.

        Later children were not there then, so it is true of all of them. It never changes.
        """
        if not self._looked and (source := self._source()) is not None:
            families = list(self._known(source))
            growing = [each for each in families if getattr(each, "type", "") in _GROWING]
            created = [
                sample.value
                for family in growing
                for sample in family.samples
                if sample.name.endswith("_created")
            ]
            self._start = min((time for time in created if 0 < time < 2**53), default=None)
            self._names.learn({s.name for each in families for s in each.samples})
            self._looked = True
        return self._start

    def _fail(self, name: str, error: Exception) -> None:
        if not isinstance(error, _CountedError):
            self._failures.count(name, error)

    def _of(self, collector: Any) -> Iterator[tuple[Any, ...]]:
        yield from self._samples(collector.collect())

    def _guarded(self, collector: Any) -> Iterator[tuple[Any, ...]]:
        yield from self._samples(self._guard.collect(collector))

    def _samples(self, families: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
        failed = False
        for family in families:
            try:
                if family.type in _WHOLE:
                    yield from self._whole(family)
                else:
                    yield from self._plain(family)
            except Exception as error:  # of somebody's own class of families
                self._failures.count(name_of(family), error)
                failed = True
        if failed:  # its series have not ended
            raise _CountedError

    def _known(self, source: Any) -> Iterator[Any]:
        """Yield the families that there are; those of collectors that fail are left out."""
        for collector in collectors_of(source):
            own = collector is source or never_fails(collector) or reads_files(collector)
            with suppress(Exception):
                yield from collector.collect() if own else self._guard.collect(collector)

    def _metric(self, family: Any, name: str, kind: str) -> _Metric:
        key = name, kind, family.unit, family.documentation
        found = self._metrics.get(key)
        if found is None:
            if len(self._metrics) >= _MOST:  # names without end
                self._metrics.clear()
            unit = family.unit
            described = {"kind": kind, "help": family.documentation, **self._more}
            if unit:
                described["unit"] = unit_of(unit)
            found = self._metrics[key] = _Metric(self._names.of(name), described)
        return found

    def _renamed(self, labels: dict[str, str]) -> dict[str, str] | None:
        """Return the names of labels that are not valid, and all others; None: all are."""
        keys = tuple(labels)
        known = self._label_names.get(keys, labels)
        if known is not labels:
            return known
        if len(self._label_names) >= _MOST:
            self._label_names.clear()
        self._labels.learn(keys)
        names = {key: self._labels.of(key) for key in keys}
        found = None if all(k == v for k, v in names.items()) else names
        self._label_names[keys] = found
        return found

    def _own(self, labels: dict[str, str]) -> dict[str, str]:
        names = self._renamed(labels)
        return labels if names is None else {names[k]: v for k, v in labels.items()}

    def _plain(self, family: Any) -> Iterator[tuple[Any, ...]]:
        grows = family.type == "counter"
        kind = "counter" if grows else "gauge"
        before: str | None = None
        metric: Any = None
        known = self._label_names
        for sample in family.samples:
            name, labels = sample.name, sample.labels
            if name != before:
                if grows and name.endswith("_created"):
                    continue
                metric, before = self._metric(family, name, kind), name
            if labels and known.get(tuple(labels), known) is not None:
                labels = self._own(labels)
            yield metric.name, sample.value, labels, metric.described

    def _whole(self, family: Any) -> Iterator[tuple[Any, ...]]:
        metric = self._metric(family, family.name, "histogram")
        parts = Parts(family.name)
        for sample in family.samples:
            if (given := getattr(sample, "native_histogram", None)) is not None:
                yield metric.name, native(given), self._own(sample.labels), metric.described
            elif sample.name == family.name:  # a quantile of a summary
                quantile = self._metric(family, f"{family.name}.quantile", "gauge")
                yield quantile.name, sample.value, self._own(sample.labels), quantile.described
            else:
                parts.add(sample.name, sample.labels, sample.value)
        for labels, value in parts.whole():
            yield metric.name, value, self._own(labels), metric.described
