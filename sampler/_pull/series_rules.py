"""What an operator makes of series: labels for all, other names, and which are left out.

A view is between what a sampler yields and what its consumer's snapshots have. Limits, owners and
baselines are about series as they are yielded, so a rule changes none of these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampler._contract.names import is_reserved
from sampler._contract.snapshot import Block, Metric, Series
from sampler._runtime.gil_yield import GiveWayTimer
from sampler._runtime.log import log

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_REST = ".*"
FILTERED = "filtered"
"""The reason under which the entries that a rule leaves out are refused."""


class SeriesRules:
    """The rules of one consumer. Those about names do not concern the agent's own metrics.

    Args:
        labels: what every series has, unless it has a label of that name itself.
        keep: patterns of full names; all others are left out; None: none is.
        drop: patterns of full names that are left out, kept or not.
        rename: full names as they are yielded to full names as they are shown; ``"shop.*"`` to
            ``"sales.*"``, or to ``"*"``, is another beginning for all others that begin so.

    Attributes:
        labels: as given.
        shown: by each name of ``rename``: the names as yielded of what is shown so.
    """

    def __init__(
        self,
        labels: Mapping[str, str] | None = None,
        keep: Iterable[str] | None = None,
        drop: Iterable[str] = (),
        rename: Mapping[str, str] | None = None,
    ) -> None:
        self.labels: Mapping[str, str] = dict(sorted((labels or {}).items()))
        whole = {old: new for old, new in (rename or {}).items() if not old.endswith(_REST)}
        self.shown: dict[str, set[str]] = {new: set() for new in whole.values()}
        self._keep = None if keep is None else tuple(keep)
        self._drop = tuple(drop)
        self._rename = whole
        beginnings = [old for old in rename or {} if old not in whole]
        self._beginnings = {
            old[:-1]: (rename or {})[old][:-1] for old in sorted(beginnings, key=len, reverse=True)
        }
        self._met: set[str] = set()
        self._said: set[tuple[str, str]] = set()

    def __bool__(self) -> bool:
        return bool(
            self.labels or self._drop or self._rename or self._beginnings or self._keep is not None
        )

    def of(self, name: str) -> str | None:
        """Return the name under which a metric is shown; None: it is left out."""
        kept = self._keep is None or self._matches(self._keep, name)
        if self._matches(self._drop, name) or not kept:
            return None
        shown = self._rename.get(name) or self._begun_anew(name)
        if shown in self.shown:
            self.shown[shown].add(name)
        return shown

    def _begun_anew(self, name: str) -> str:
        """Return a name with another beginning, unless that would make it the agent's own."""
        for old, new in self._beginnings.items():
            if name.startswith(old):
                self._met.add(old)
                shown = new + name[len(old) :]
                return name if is_reserved(shown) else shown
        return name

    def unmet(self) -> list[str]:
        """Return the patterns and names that no series has had so far."""
        patterns = (*(self._keep or ()), *self._drop)
        return [
            *(each for each in patterns if each not in self._met),
            *(old for old, new in self._rename.items() if old not in self.shown[new]),
        ]

    def note_own_label(self, sampler: str, label: str) -> None:
        """Say once that a sampler's own label stands."""
        if (sampler, label) not in self._said:
            self._said.add((sampler, label))
            log.info(
                "sampler %r has series with a label %r of their own: it stands, and that of "
                "[labels] is left out there",
                sampler,
                label,
            )

    def _matches(self, patterns: tuple[str, ...], name: str) -> bool:
        from fnmatch import fnmatchcase

        met = {each for each in patterns if fnmatchcase(name, each)}
        self._met |= met
        return bool(met)


class SeriesView:
    """How one consumer shows the series of one sampler.

    Args:
        rules: the consumer's.
        sampler: the sampler's name.
    """

    def __init__(self, rules: SeriesRules, sampler: str) -> None:
        self._rules = rules
        self._sampler = sampler
        self._own = is_reserved(sampler)
        self._yielded: tuple[Series, ...] = ()
        self._shown: tuple[Series, ...] = ()
        self._places: list[int] | None = None
        """Of the series that are shown, among those that are yielded; None: all are."""
        self._known: dict[Series, Series | None] = {}
        """By each series as it is yielded: how it is shown; None: it is left out."""
        self._metrics: dict[Metric, Metric | None] = {}

    def of(self, block: Block) -> tuple[Block, int]:
        """Return what a block shows, and the number of its entries that are left out."""
        if block.series is not self._yielded:
            self._look(block.series)
        if self._shown is self._yielded:
            return block, 0
        values, entries = block.values, len(block)
        if self._places is None:
            return Block(block.sampler, self._shown, values, block.time, entries), 0
        left = [values[place] for place in self._places]
        shown = Block(block.sampler, self._shown, left, block.time)
        return shown, entries - len(shown)

    def _look(self, yielded: tuple[Series, ...]) -> None:
        """Find out how series are shown; those that were there stay the same objects."""
        turn = GiveWayTimer()
        known: dict[Series, Series | None] = {}
        metrics: dict[Metric, Metric | None] = {}
        for series in yielded:
            metric = series.metric
            if metric not in metrics:
                again = metric in self._metrics
                metrics[metric] = self._metrics[metric] if again else self._metric(metric)
            if series in self._known:
                known[series] = self._known[series]
            else:
                known[series] = self._series(series, metrics[metric])
            turn.give_way_if_due()
        self._known, self._metrics, self._yielded = known, metrics, yielded
        shown = tuple(each for each in known.values() if each is not None)
        whole = len(shown) == len(yielded)
        self._places = None if whole else [i for i, each in enumerate(yielded) if known[each]]
        same = whole and all(known[each] is each for each in yielded)
        self._shown = yielded if same else shown

    def _metric(self, metric: Metric) -> Metric | None:
        name = metric.name if self._own else self._rules.of(metric.name)
        if name is None or name == metric.name:
            return None if name is None else metric
        return Metric(name, metric.kind, metric.unit, metric.help, metric.scope, metric.merge)

    def _series(self, series: Series, metric: Metric | None) -> Series | None:
        if metric is None:
            return None
        common = self._rules.labels
        if not common and metric is series.metric:
            return series
        own = series.labels
        for label in common.keys() & own.keys():
            self._rules.note_own_label(self._sampler, label)
        labels = dict(sorted({**common, **own}.items()))
        shown = Series(metric.name, labels, metric.kind, start=series.start)
        shown.metric = metric
        return shown
