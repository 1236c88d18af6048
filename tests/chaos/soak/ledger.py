"""What reached each endpoint, told from outside of the program under test."""

from __future__ import annotations

import json
import re
from threading import Lock
from typing import TYPE_CHECKING

from tests.chaos.soak.load import PREFIX, SAMPLERS, SERIES, weight

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.support.servers import Pushgateway

_LINE = re.compile(rb"([a-z][a-zA-Z0-9_.-]*) (-?[0-9.e+-]+) (\d+)")
_LOAD = re.compile(rf"{PREFIX}\.(load\d\d)\.hits\.i-(\d+)")
_COUNTED = re.compile(rf"{PREFIX}\.(load\d\d)\.hits\.i-(\d+):(\d+)\|c")


class Lines:
    """Every Graphite line that carbon was given, by path: the tap of its proxy.

    An entry of the load is told by its path and the pull that its value names, any other by its
    path and second: two pulls may fall into one second, and then the store keeps the later one.

    Args:
        began: epoch seconds.
        kept: paths of the load whose points are kept.

    Attributes:
        faults: what no adapter should have written.
        children: lines that forked children sent.
        points: path to second to value, of the paths kept, as the store should have them.
    """

    def __init__(self, began: int, kept: Iterable[str]) -> None:
        self.faults: list[str] = []
        self.children = 0
        self.points: dict[bytes, dict[int, int]] = {path.encode(): {} for path in kept}
        self._began = began - 60  # the clock of the program may be read a little earlier
        self._read: dict[bytes, int] = {}  # a set of pulls or seconds, as the bits of an integer
        self._others = 0
        self._pulled: dict[tuple[str, int], int] = {}
        self._load: dict[bytes, tuple[str, int] | None] = {}
        self._lock = Lock()

    def tap(self, data: bytes, whole: bool) -> None:
        """Note what one connection carried.

        Args:
            data: all of it.
            whole: carbon has read everything for certain: it ended the connection by itself.
        """
        *lines, torn = data.split(b"\n")
        with self._lock:
            if whole and torn:
                self.faults.append(f"a connection that carbon confirmed ends with {torn[-80:]!r}")
            for line in lines:
                self._note(line, whole)

    def entries(self) -> tuple[int, int]:
        """Return how many distinct entries carbon has read for certain: at least, at most.

        They differ by what is no load and came again: as the same entry, or as that of another
        pull in the same second.
        """
        with self._lock:
            distinct = {path: bits.bit_count() for path, bits in self._read.items()}
            load = sum(count for path, count in distinct.items() if self._load[path])
            return sum(distinct.values()), load + self._others

    def _note(self, line: bytes, whole: bool) -> None:
        match = _LINE.fullmatch(line)
        if match is None:
            self.faults.append(f"no line: {line[:80]!r}")
            return
        path, value, time = match.groups()
        second = int(time)
        if path.startswith(b"child."):
            self.children += 1
            return
        if not path.startswith(PREFIX.encode() + b"."):
            self.faults.append(f"a foreign path: {path[:80]!r}")
            return
        if path not in self._load:
            found = _LOAD.fullmatch(path.decode())
            self._load[path] = (found[1], weight(int(found[2]))) if found else None
        bit = second - self._began
        if load := self._load[path]:
            sampler, each = load
            bit, rest = divmod(int(value), each)
            # All series of one pull have one time, also when they come again.
            if rest or self._pulled.setdefault((sampler, bit), second) != second:
                self.faults.append(f"a foreign value: {line[:80]!r}")
                return
        if whole:
            self._others += load is None
            self._read[path] = self._read.get(path, 0) | 1 << bit
            if path in self.points:
                kept = self.points[path]
                kept[second] = max(int(value), kept.get(second, 0))


class Packets:
    """What statsd's recording backend has written, read while it grows.

    Args:
        record: its file.
    """

    def __init__(self, record: Path) -> None:
        self._record = record
        self._offset = 0
        self.sums: dict[tuple[str, int], int] = {}

    def read(self) -> None:
        """Read on."""
        with self._record.open("rb") as file:
            file.seek(self._offset)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        for event in whole.splitlines():
            if not event.startswith(b'{"packet"'):
                continue
            for line in json.loads(event)["packet"].splitlines():
                if match := _COUNTED.fullmatch(line):
                    key = match[1], int(match[2])
                    self.sums[key] = self.sums.get(key, 0) + int(match[3])

    def against(self, pulls: dict[str, int], unconfirmed: int) -> list[str]:
        """Say what is wrong with the sums: each grew by what was pulled after the baseline.

        A counter has too little only where entries are unconfirmed, and never too much.
        """
        missing = 0
        for sampler, times in pulls.items():
            for i in range(SERIES):
                owed = weight(i) * (times - 1)
                got = self.sums.get((sampler, i), 0)
                if got > owed:
                    return [f"statsd counted {got} for {sampler} {i}, which grew by {owed}"]
                missing += got < owed
        if missing > unconfirmed:
            return [f"statsd lacks counts of {missing} series; {unconfirmed} are unconfirmed"]
        return []


def gateway_faults(gateway: Pushgateway, pulls: dict[str, int]) -> list[str]:
    """Say what is wrong with what the gateway serves: the last pull, whole."""
    served = {
        (name, dict(labels)["i"]): value
        for (name, labels), value in gateway.samples().items()
        if name.endswith("_hits_total")
    }
    wrong = [
        f"the gateway serves {served.get((f'{sampler}_hits_total', str(i)))} for {sampler} {i}, "
        f"not {weight(i) * times}"
        for sampler, times in pulls.items()
        for i in range(SERIES)
        if served.get((f"{sampler}_hits_total", str(i))) != weight(i) * times
    ]
    if len(served) != SAMPLERS * SERIES:
        wrong.append(f"the gateway serves {len(served)} counters of the load")
    return wrong[:5]
