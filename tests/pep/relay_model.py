"""A relay as M-01 to M-07 describe it, as small as it can be: the clauses are tested on it.

It has no clock, no socket and no thread: processes report what a consumer of theirs has pulled,
and whoever knows that a process has ended says so. The arithmetic is the draft's own code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tests.kits.consumers import drafted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_draft = drafted()
at, combine, grown = _draft["at"], _draft["combine"], _draft["grown"]
MERGE: dict[str, Callable[[list[Any]], Any]] = {"sum": sum, "max": max, "min": min}


class Entry(NamedTuple):
    """What a process says of one series; a histogram's value is ``(count, sum, buckets)``."""

    series: str
    value: Any
    kind: str = "counter"
    start: float | None = None
    scope: str = "process"
    merge: str | None = None

    @property
    def shared(self) -> bool:
        """Several processes see the same number."""
        return self.scope in ("server", "host")


class Process:
    """What a relay knows of one process: when it began, and its last report."""

    def __init__(self, began: float) -> None:
        self.began = began
        self.last: dict[str, Entry] | None = None


class Total(NamedTuple):
    """A merged cumulative series: what it has grown by since its start."""

    value: Any
    start: float


class Relay:
    """Combines the processes of one server; ``began`` is when it began, in seconds."""

    def __init__(self, began: float) -> None:
        self.began = began
        self.processes: dict[str, Process] = {}
        self.totals: dict[str, Total] = {}
        self.reporters: dict[str, list[str]] = {}
        self.standing: dict[str, tuple[str, Entry]] = {}
        self.declared: dict[str, tuple[float, tuple[Any, ...]]] = {}
        self.last: dict[str, float] = {}
        self.refused = 0

    def report(self, who: str, began: float, entries: Iterable[Entry]) -> None:
        """Take what a process that began at ``began`` has pulled."""
        process = self.processes.setdefault(who, Process(began))
        new = {entry.series: entry for entry in entries if self.stands(began, entry)}
        for entry in new.values():
            if entry.shared:
                increment = self.shared_increment(who, entry)
            else:
                increment = self.increment(process, entry)
            if increment is not None and entry.kind != "gauge":
                self.add(entry.series, increment)
        self.leave(each for each in (process.last or {}).values() if each.series not in new)
        process.last = new

    def stands(self, began: float, entry: Entry) -> bool:
        """Tell whether a process' declaration stands; another one ends what there was."""
        declared = entry.kind, entry.merge, entry.scope
        since, before = self.declared.get(entry.series, (began, declared))
        if declared != before:
            if began < since:
                self.refused += 1
                return False
            self.forget(entry.series)
        self.declared[entry.series] = max(began, since), declared
        return True

    def forget(self, series: str) -> None:
        """Let all that is known of a series end."""
        for known in (self.totals, self.reporters, self.standing, self.last):
            known.pop(series, None)
        for process in self.processes.values():
            if process.last is not None:
                process.last.pop(series, None)

    def end(self, who: str) -> None:
        """Know that a process has ended."""
        process = self.processes.pop(who, None)
        if process is not None:
            self.leave((process.last or {}).values())
        for reporters in self.reporters.values():
            if who in reporters:
                reporters.remove(who)

    def leave(self, entries: Iterable[Entry]) -> None:
        """Know with what merged gauges end if no other process has them."""
        for entry in entries:
            if entry.merge is not None:
                self.last[entry.series] = 0 if entry.merge == "sum" else entry.value

    def collect(self, now: float) -> dict[str, Total]:
        """Return the merged cumulative series, for the relay's own reader."""
        found = {series: total for series, total in self.totals.items() if total.value is not None}
        for series in found:
            if self.lost_bounds(series):
                self.totals[series] = Total(None, now)
        return found

    def gauges(self) -> dict[tuple[str, str], float]:
        """Return gauges by series and process; no process is named where they are combined."""
        found: dict[tuple[str, str], float] = {}
        last, self.last = self.last, {}
        for who, process in self.processes.items():
            for entry in (process.last or {}).values():
                if entry.kind != "gauge":
                    continue
                if entry.shared:
                    if self.reporters[entry.series][0] == who:
                        found[entry.series, ""] = entry.value
                elif entry.merge is None:
                    found[entry.series, who] = entry.value
                else:
                    key = entry.series, ""
                    values = [found[key], entry.value] if key in found else [entry.value]
                    found[key] = MERGE[entry.merge](values)
        return {**{(series, ""): value for series, value in last.items()}, **found}

    def increment(self, process: Process, new: Entry) -> Any:
        """Return what a series of one process has grown by (C-16, C-17)."""
        if new.kind == "gauge":
            return None
        if process.last is None:
            whole = new.start is None and process.began > self.began
        elif (old := process.last.get(new.series)) is not None:
            return increase(new, old)
        else:
            whole = True
        return new.value if whole or self.knows(new.start) else baseline(new)

    def shared_increment(self, who: str, new: Entry) -> Any:
        """Return what a series of the server or the host has grown by; None: others stand."""
        reporters = self.reporters.setdefault(new.series, [])
        if who not in reporters:
            reporters.append(who)
        if reporters[0] != who:
            return None
        by, old = self.standing.get(new.series, ("", None))
        self.standing[new.series] = who, new
        if new.kind == "gauge":
            return None
        if old is not None and by == who:
            return increase(new, old)
        if old is not None and None not in (new.start, old.start) and self.same(new, old):
            return increase(new._replace(start=old.start), old)
        return new.value if self.knows(new.start) else baseline(new)

    def same(self, new: Entry, old: Entry) -> bool:
        """Tell whether two processes mean one start: a second apart at most."""
        return abs(new.start - old.start) < 1  # type: ignore[operator]

    def knows(self, start: float | None) -> bool:
        """Tell whether a zero is known to lie within the relay's time."""
        return start is not None and start >= self.began

    def add(self, series: str, increment: Any) -> None:
        """Let a merged series grow."""
        total = self.totals.get(series, Total(None, self.began))
        self.totals[series] = Total(added(total.value, increment), total.start)

    def lost_bounds(self, series: str) -> bool:
        """Tell whether a merged histogram lacks a bound that every process has."""
        values = [
            process.last[series].value
            for process in self.processes.values()
            if process.last and series in process.last
        ]
        total = self.totals[series].value
        if not isinstance(total, tuple) or not values:
            return False
        bounds = {bound for value in values for bound, _ in value[2]}
        return any(
            at(total, bound) is None and all(at(value, bound) is not None for value in values)
            for bound in bounds
        )


def added(total: Any, increment: Any) -> Any:
    """Add an increment to a sum that may not have begun."""
    if total is None:
        return increment
    if not isinstance(increment, tuple):
        return total + increment
    count, summed, buckets = combine(total, increment, +1)
    return count, summed, tuple(buckets)


def increase(new: Entry, old: Entry) -> Any:
    """Return what came between two values of one series (C-17)."""
    if None not in (new.start, old.start) and new.start != old.start:
        return new.value
    return grown(new.value, old.value)


def baseline(new: Entry) -> Any:
    """Return the increment of a baseline."""
    return grown(new.value, new.value)
