"""Many processes' values, merged into one set of series (M-01 to M-07).

No I/O, no clock, no thread: whoever calls says what time it is, and calls from one thread at a
time. A merged cumulative series is the sum of what its processes' values have grown by, each
counted when it is reported. So the end of a process changes no sum, and a process that comes back
goes on from what it said last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sampler._contract.snapshot import ABSENT, Block
from sampler.relay.exemplars import keep
from sampler.relay.gauges import COMBINED, last_of, values_of
from sampler.relay.parts import APART, Part
from sampler.relay.places import Place, Reader, SharedPlace, place_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence

    from sampler._contract.histogram import HistogramValue
    from sampler._contract.snapshot import Metric, Series, Value
    from sampler.relay.messages import Row, ToldExemplar

MAX_SERIES = 1_000_000
"""Merged series, at most."""
_LABEL, _OTHER_LABEL = "process", "sampler.process"


class Process:
    """What is known of a process.

    Args:
        label: the value of the label that keeps its gauges apart, unique among the living.
        began: epoch seconds at which it did, by its own clock.

    Attributes:
        label: as given.
        began: as given.
        parts: by table of its present connection.
        order: its parts, in the order of its VALUES.
        claims: it may go on where the relay before has ended.
    """

    def __init__(self, label: str, began: float) -> None:
        self.label = label
        self.began = began
        self.parts: dict[int, Part] = {}
        self.order: list[Part] = []
        self.claims: bool = False

    def connects_again(self, *, claims: bool) -> None:
        """Go on with other tables; what was counted stands."""
        self.parts, self.claims = {}, claims


class _Family:
    """The series of one metric.

    Attributes:
        declared: what all processes have to say of it alike.
        began: when the process began whose declaration that is.
        start: epoch seconds at which its sums are 0.
        block: where its series are.
        places: its series, by their labels.
    """

    def __init__(
        self, declared: tuple[object, ...], began: float, start: float, block: _Merged
    ) -> None:
        self.declared = declared
        self.began = began
        self.start = start
        self.block = block
        self.metric: Metric | None = None
        self.places: dict[Hashable, Place] = {}


class _Merged:
    """One sampler's merged series."""

    def __init__(self, sampler: str) -> None:
        self.sampler = sampler
        self.places: dict[Place, None] = {}
        self.series: tuple[Series, ...] | None = None

    def tuple(self) -> tuple[Series, ...]:
        """Return its series: the same object until their set changes."""
        if self.series is None:
            self.series = tuple(place.series for place in self.places)
        return self.series


class Merger:
    """Merges.

    Args:
        start: epoch seconds at which all sums are 0.

    Attributes:
        processes: those that have not ended.
        refused: values that were refused: of too many series, or declared otherwise by processes
            that began later (M-07).
    """

    def __init__(self, start: float) -> None:
        self.start = start
        self.processes: dict[Process, None] = {}
        self.refused: int = 0
        self._restarts = self._size = 0
        self._some_dead = False
        self._families: dict[str, _Family] = {}
        self._blocks: dict[str, _Merged] = {}
        self._retained: list[tuple[float, Place, Value]] = []

    def begin(self, process: Process) -> None:
        """Know a process."""
        self.processes[process] = None

    def lay_out(
        self,
        process: Process,
        tables: Iterable[int],
        new: Mapping[int, tuple[str, Sequence[Row]]],
        now: float,
    ) -> None:
        """Take the tables that a process has now.

        Args:
            process: which one.
            tables: their ids, in the order of its VALUES.
            new: of those that it has not had, the sampler's name and the series.
            now: epoch seconds.

        Raises:
            KeyError: a table is neither new nor known.
        """
        had, wanted = process.parts, list(tables)
        kept = {id(had[table]) for table in wanted if table not in new}
        leaving = [part for part in process.order if id(part) not in kept]
        known = {number: last for part in leaving for number, last in part.lasts()}
        made: dict[int, Part] = {}
        for table in wanted:
            if table in new:
                sampler, rows = new[table]
                places = [self._place(process, sampler, row, now) for row in rows]
                made[table] = Part(process, rows, places, known)
                for place in places:
                    place.users += 1
        process.parts = {table: made.get(table) or had[table] for table in wanted}
        process.order = list(process.parts.values())
        staying = {place for part in made.values() for place in part.places}
        for part in leaving:
            self._free(process, part, staying)

    def take(
        self,
        process: Process,
        place: int,
        values: list[Any],
        shapes: Sequence[HistogramValue],
        exemplars: Sequence[ToldExemplar] = (),
    ) -> int:
        """Take the values of a process' table, and return how many there are.

        Raises:
            IndexError: the process has no such table.
            BadMessage: the values do not fit it.
        """
        part = process.order[place]
        entries = part.take(values, shapes)
        if exemplars:
            keep(exemplars, [each.series for each in part.places], values, shapes)
        if self._some_dead:
            pairs = zip(part.places, values, strict=True)
            self.refused += sum(each.dead and value is not None for each, value in pairs)
        return entries

    def end(self, process: Process, until: float = 0.0, *, merged: bool = False) -> list[Process]:
        """Know that a process has ended: what it has counted stays, its gauges go.

        A merged gauge that was the last process' is read once more by each reader that had it.

        Args:
            process: which one.
            until: epoch seconds until which gauges that are kept apart stay, too.
            merged: so do those that are merged, where no other process has them.

        Returns:
            Processes that declare otherwise what only this one had declared so: as after a
            rollback. Let them say it again, and it stands.
        """
        if process not in self.processes:
            return []
        del self.processes[process]
        for part in process.order:
            for how, column in part.gauges.items() if until else ():
                if how == APART or (merged and how in COMBINED):
                    for place, value in zip(column.places, column.last, strict=True):
                        place.users += 1
                        self._retained.append((until, place, value))
            self._free(process, part, ())
        process.parts, process.order = {}, []
        return self._outlived() if self._some_dead else []

    def _outlived(self) -> list[Process]:
        """Give up declarations that no process has now; return whose were refused for them."""
        dead: dict[str, list[Process]] = {}
        for process in self.processes:
            for part in process.order:
                for place in part.places:
                    if place.dead:
                        dead.setdefault(place.series.name, []).append(process)
        self._some_dead = bool(dead)
        found: dict[Process, None] = {}
        for name, processes in dead.items():
            family = self._families.get(name)
            if family is not None and not any(each.users for each in family.places.values()):
                family.began = float("-inf")
                found.update(dict.fromkeys(processes))
        return list(found)

    def reader(self) -> Reader:
        """Return a new consumer of the merged series."""
        return Reader(self._restarts)

    def collect(self, reader: Reader, now: float) -> tuple[Block, ...]:
        """Return the merged blocks, for one reader; ``now`` in epoch seconds."""
        self._forget_retained(now)
        parts = [(process, part) for process in self.processes for part in process.order]
        apart, merged = values_of(parts)
        gauges = {place: value for _, place, value in self._retained} | apart | merged
        gone = self._read_once_more(reader, merged)
        lost: list[Place] = []
        blocks = [
            self._block(each, reader, gauges, gone.get(each, ()), lost, now)
            for each in self._blocks.values()
        ]
        for place, values in self._to_restart(lost) if lost else ():
            self._restarts += 1
            place.restart(self._restarts, now, values)
            reader.has_seen(place, self._restarts)
            self._families[place.series.name].block.series = None
        return tuple(block for block in blocks if block.series)

    def _block(
        self,
        merged: _Merged,
        reader: Reader,
        gauges: Mapping[Place, Value | None],
        gone: Sequence[tuple[Series, Value]],
        lost: list[Place],
        now: float,
    ) -> Block:
        series, values = merged.tuple(), list[Any]()
        behind: dict[int, Series] = {}
        for index, place in enumerate(merged.places):
            if not place.series.cumulative:
                value = gauges.get(place)
                values.append(ABSENT if value is None else value)
                continue
            histogram = place.histogram
            value = place.total if histogram is None else histogram.read()
            if place.ended and (unseen := reader.unseen(place)):
                behind[index], value = unseen
            elif (histogram and histogram.lost) or place.total >= 2**63:
                lost.append(place)
            values.append(value)
        if behind:
            series = tuple(behind.get(index, each) for index, each in enumerate(series))
        if gone:
            series = (*series, *(each for each, _ in gone))
            values += [value for _, value in gone]
        return Block(merged.sampler, series, values, now)

    def _read_once_more(
        self, reader: Reader, merged: Mapping[Place, Value]
    ) -> dict[_Merged, list[tuple[Series, Value]]]:
        """Return what a reader is to see of merged gauges before they end, by block."""
        found: dict[_Merged, list[tuple[Series, Value]]] = {}
        for place in reader.missing(merged):
            family = self._families[place.series.name]
            if family.metric is not place.series.metric:  # declared otherwise
                continue
            successor = family.places.get(place.key)
            if successor is not None:
                if successor not in merged:  # it has no value now, and may have one again
                    reader.waits_for(successor)
            elif place.final is not None:
                found.setdefault(family.block, []).append((place.series, place.final))
        return found

    def _to_restart(self, lost: Sequence[Place]) -> list[tuple[Place, list[HistogramValue]]]:
        """Return those that lack a bound which all that report them know, or overflow (M-06).

        Each with the last values of these.
        """
        wanted: dict[Place, list[HistogramValue]] = {place: [] for place in lost}
        for process in self.processes:
            for part in process.order:
                for place, value in part.histograms():
                    if place in wanted:
                        wanted[place].append(value)
        return [
            (place, values)
            for place, values in wanted.items()
            if place.overflows() or _lacks(place, values)
        ]

    def _place(self, process: Process, sampler: str, row: Row, now: float) -> Place:
        shared = row.scope in ("server", "host")
        labels = dict(row.labels)
        if row.kind == "gauge" and not shared and row.merge is None:
            labels[_OTHER_LABEL if _LABEL in labels else _LABEL] = process.label
            labels = dict(sorted(labels.items()))
        family = self._family(process, sampler, row, now)
        key = tuple(labels.items())
        place = None if family is None else family.places.get(key)
        if place is None:
            start = self.start if family is None else family.start
            place = place_of(row, labels, start if row.kind != "gauge" else None, self.start)
            if family is None or self._size >= MAX_SERIES:
                place.dead = self._some_dead = True
                return place
            if family.metric is None:
                family.metric = place.series.metric
            place.series.metric = family.metric
            family.places[key] = place
            family.block.places[place] = None
            family.block.series = None
            self._size += 1
        if isinstance(place, SharedPlace):
            place.reporters.setdefault(process)
        return place

    def _family(self, process: Process, sampler: str, row: Row, now: float) -> _Family | None:
        """Return a metric; None where a process that began later declares it otherwise (M-07).

        A metric that such a process declares otherwise begins anew: with the next deployment its
        kind, unit, ``merge`` or scope may have changed.
        """
        declared = (row.kind, row.unit, row.merge, row.scope)
        family = self._families.get(row.name)
        if family is not None and family.declared == declared:
            family.began = max(family.began, process.began)
            return family
        start = self.start
        if family is not None:
            if process.began < family.began:
                return None
            start = now
            for place in family.places.values():
                place.dead = self._some_dead = True
                self._remove(family, place)
        block = self._blocks.setdefault(sampler, _Merged(sampler))
        family = self._families[row.name] = _Family(declared, process.began, start, block)
        return family

    def _free(self, process: Process, part: Part, staying: Iterable[Place]) -> None:
        """Let a process' part lead nowhere; a gauge without a user leaves."""
        finals = last_of(part)
        for place in part.places:
            if isinstance(place, SharedPlace) and place not in staying:
                place.reporters.pop(process, None)
            self._leave(place, finals.get(place))

    def _leave(self, place: Place, final: Value | None = None) -> None:
        """Count a user less; a gauge without any is no series."""
        place.users -= 1
        if not (place.users or place.series.cumulative or place.dead):
            place.final = final
            family = self._families[place.series.name]
            del family.places[place.key]
            self._remove(family, place)

    def _remove(self, family: _Family, place: Place) -> None:
        del family.block.places[place]
        family.block.series = None
        self._size -= 1

    def _forget_retained(self, now: float) -> None:
        gone = [place for until, place, _ in self._retained if until <= now]
        if not gone:
            return
        self._retained = [each for each in self._retained if each[0] > now]
        for place in gone:
            self._leave(place)


def _lacks(place: Place, values: Sequence[HistogramValue]) -> bool:
    """Tell whether a merged histogram lacks a bound that all of these know."""
    total = place.read()
    bounds = {bound for value in values for bound in value.bounds}
    return any(
        total.at(bound) is None and all(value.at(bound) is not None for value in values)  # type: ignore[union-attr]
        for bound in bounds
    )
