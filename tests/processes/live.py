"""All lives of one row, in a process of its own: whatever hangs, it can be ended.

Each cell is a line of JSON on standard output as soon as it is known.
"""

from __future__ import annotations

import json
import signal
import sys
import traceback
from typing import TYPE_CHECKING

import attrs

from tests.processes.events import DEEDS, ENDS
from tests.processes.judge import Cell, judge
from tests.processes.life import DidNotBootError, Life
from tests.processes.row import EVENTS, FIRST_LIFE
from tests.processes.rows import ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.processes.row import Row

RELAY = "relay_"
BEGIN_ANEW = ("relay_kill", "relay_restart")
"""A new relay's totals begin at zero: what only shows them is compared from then on."""
TOTALS = ("graphite last", "page")
_KILLS = ("kill_", "timeout")
REBORN = ("hup", "kill_idle", "kill_busy", "kill_child", "usr2", "max_requests", "timeout")
"""Without a relay a new worker takes the path of one that has ended: Graphite's values fall."""
_GRAPHITE = ("graphite last", "graphite reset")


def main(name: str, wiring: str, only: str = "") -> None:
    """Live a row, and print its cells.

    Args:
        name: the row's.
        wiring: see :class:`Life`.
        only: names of events, separated by commas; default: all.
    """
    # A shell has what it starts in the background ignore it, and so would every program here.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    row = ROWS[name]
    wanted = only.split(",") if only else list(EVENTS)
    for event, cell in cells(row, wiring, wanted):
        known = attrs.asdict(cell) | {
            "event": event,
            "verdict": cell.verdict,
            "arrived": {f"{source}, {place}": n for (source, place), n in cell.arrived.items()},
        }
        print(json.dumps(known), flush=True)


def cells(row: Row, wiring: str, wanted: Sequence[str]) -> Iterator[tuple[str, Cell]]:
    """Yield the row's events, with what became of each."""
    applying: list[str] = []
    missing = ", ".join(row.missing())
    absent = f"not on this machine: {missing}" if missing else ""
    for event in wanted:
        reason = absent or row.without.get(event) or _reason(row, event, wiring)
        if reason:
            yield event, Cell(reason=reason)
        else:
            applying.append(event)
    together = [event for event in FIRST_LIFE if event in applying]
    end = next((n for n, event in enumerate(together) if event in ENDS), len(together))
    first = together[: end + 1]
    for events in [first, *([event] for event in applying if event not in first)]:
        if events:
            yield from _life(row, wiring, events)


def _reason(row: Row, event: str, wiring: str) -> str:
    if row.not_by_start and wiring == "start":
        return row.not_by_start
    if event == "older":
        refused = "an older worker is refused in one line and goes on"
        return f"{refused}: tests/relay shows it by recorded frames"
    if event.startswith(RELAY) and wiring != "run":
        return "no relay without `sampler run --`"
    return ""


def _life(row: Row, wiring: str, events: Sequence[str]) -> Iterator[tuple[str, Cell]]:
    """Live one life of some events."""
    left = list(events)
    try:
        with Life(row, wiring, events[-1]) as life:
            while left:
                cell = Cell()
                try:
                    _event(life, left[0], cell)
                    if len(left) == 1:
                        _finish(life, cell)
                except Exception as error:
                    cell.faults.append(f"{type(error).__name__}: {error}")
                    traceback.print_exc()
                if cell.faults:
                    said = (row.name, left[0], *cell.faults, life.home.log())
                    print(*said, sep="\n", file=sys.stderr)
                yield left.pop(0), cell
                if not life.running:
                    break
    except DidNotBootError as error:
        print(row.name, error, sep="\n", file=sys.stderr)
    for event in left:
        yield event, Cell(faults=["the program did not get so far"])


def _event(life: Life, event: str, cell: Cell) -> None:
    """Let it happen, and judge."""
    before = life.totals
    done, failed = life.counted, len(life.work.failed)
    DEEDS[event](life, cell)
    cell.counted = len(life.work.done) - done
    life.counted = len(life.work.done)
    failures = life.work.failed[failed:]
    cell.unsure = len(failures)
    if failures and not event.startswith(_KILLS) and event not in life.row.resets:
        cell.faults.append(f"{len(failures)} failed: {', '.join(sorted(set(failures)))}")
    places = life.places()
    if event in BEGIN_ANEW:
        places = [(source, place) for source, place in places if place not in TOTALS]
    if life.wiring != "run" and (event in REBORN or life.row.brief):
        life.reborn = True
    if life.reborn:
        cell.apart = _GRAPHITE
        places = [(source, place) for source, place in places if place not in _GRAPHITE]
    life.totals = life.settle({at: before.get(at, 0.0) for at in places}, *cell.bounds())
    judge(cell, before, life.totals, places)


def _finish(life: Life, cell: Cell) -> None:
    """End the life, if that is not done, and look what is left over."""
    if life.running:
        by_signal = "term" not in life.row.without
        life.until_idle(life.home.event)
        status, _ = life.end(signal.SIGTERM if by_signal else 0)
        if status == "None":
            cell.faults.append("no end by TERM" if by_signal else "no end")
    cell.faults += [f"left over: {each}" for each in life.left_over()]


if __name__ == "__main__":
    main(*sys.argv[1:])
