"""A recorded file: one line of JSON for its head, and one for each scrape.

It is readable, and holds only what statements use, no application's own metrics. A line that is
torn, as the last one is after a crash, is passed over and said; it costs its own scrape alone.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import attrs

from sampler.advise._scrape import Host, Scrape, made

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

VERSION = 1
"""Of the format; the head names it."""
MOST_LINE = 16 * 2**20
"""Characters of a line; a longer one is passed over."""
MOST_LINES = 10_000
"""Lines that are read."""
_HEAD = "sampler.record"


@attrs.frozen
class Recording:
    """What a file held.

    Attributes:
        windows: the scrapes of each window, in order, by its number.
        source: the page that was recorded.
        faults: what was passed over, and why; empty for a whole file.
    """

    windows: dict[int, tuple[Scrape, ...]]
    source: str = ""
    faults: tuple[str, ...] = ()


def recording_head(source: str) -> str:
    """Return the first line of a file.

    Args:
        source: the page that is recorded.
    """
    return json.dumps({_HEAD: VERSION, "source": source}) + "\n"


def recording_line(scrape: Scrape, window: int) -> str:
    """Return the line of a scrape.

    Args:
        scrape: what to write.
        window: the number of its window.
    """
    host = None if scrape.host is None else attrs.asdict(scrape.host)
    written = {"window": window, "at": scrape.at, "time": scrape.time, "host": host}
    return json.dumps({**written, "refused": scrape.refused, "values": scrape.values}) + "\n"


def read_recording(lines: Iterable[str]) -> Recording:
    """Read a file, however it is torn.

    Args:
        lines: of the file.
    """
    windows: dict[int, list[Scrape]] = {}
    faults: list[str] = []
    source = ""
    for number, text in enumerate(lines, 1):
        if number > MOST_LINES:
            faults.append(f"only its first {MOST_LINES} lines were read")
            break
        try:
            found = _object(text)
            if number == 1:
                source = _source(found)
                continue
            window, scrape = _scrape(found)
        except (ValueError, TypeError, AttributeError, LookupError, RecursionError) as error:
            faults.append(f"line {number} {_why(error)}")
            if number == 1:
                break
            continue
        windows.setdefault(window, []).append(scrape)
    else:
        if not source:
            faults.append("the file is empty")
    return Recording({key: tuple(windows[key]) for key in sorted(windows)}, source, tuple(faults))


def _why(error: Exception) -> str:
    return str(error) if type(error) is ValueError else "is torn, or no scrape"


def _object(text: str) -> dict[str, Any]:
    if len(text) > MOST_LINE:
        raise ValueError(f"is longer than {MOST_LINE} characters")
    found = json.loads(text)
    if not isinstance(found, dict):
        raise TypeError
    return found


def _source(found: dict[str, Any]) -> str:
    version = found.get(_HEAD)
    if version is None:
        raise ValueError("is not the head of a file of 'sampler record'")
    if version != VERSION or isinstance(version, bool):
        raise ValueError(f"names version {version!r} of the format: this is version {VERSION}")
    return str(found.get("source", "")) or "a page"


def _scrape(found: dict[str, Any]) -> tuple[int, Scrape]:
    window, host = found["window"], found.get("host")
    if not isinstance(window, int):
        raise TypeError
    scrape = made(
        _series(found["values"]),
        at=float(found["at"]),
        time=float(found["time"]),
        host=None if host is None else _host(host),
    )
    return window, attrs.evolve(scrape, refused=scrape.refused + int(found.get("refused", 0)))


def _host(found: dict[str, Any]) -> Host | None:
    busy, idle, cpus = float(found["busy"]), float(found["idle"]), int(found["cpus"])
    return Host(busy, idle, cpus) if busy >= 0 and idle >= 0 and cpus > 0 else None


def _series(values: dict[str, Any]) -> Iterator[tuple[str, dict[str, str], Any] | None]:
    for name, series in values.items():
        for labels, value in series:
            number = isinstance(value, int | float) and not isinstance(value, bool)
            plain = {str(key): str(text) for key, text in labels.items()}
            yield (name, plain, value) if number else None
