"""``sampler advise``: what limits a running server, and what to do."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import attrs

from sampler._runtime.printable import counted, one_line, printable
from sampler.advise import advise as statements_of
from sampler.advise import as_lines, as_values, read_recording
from sampler.cli.exits import OK, UNAVAILABLE, USAGE
from sampler.cli.layout import wrapped
from sampler.cli.scrapes import NoPageError, source_of

if TYPE_CHECKING:
    from sampler.advise import Scrape


@attrs.frozen
class _Read:
    """What there is to advise on.

    Attributes:
        source: a page or a file.
        scrapes: of one window.
        faults: what was not read, and why.
    """

    source: str
    scrapes: tuple[Scrape, ...]
    faults: tuple[str, ...] = ()


class _UnusableFileError(Exception):
    """There is no such file or window; the message says so."""


def advise(
    where: str | None,
    config: str | None,
    *,
    seconds: float,
    window: int | None = None,
    as_json: bool = False,
) -> int:
    """Print what limits a server.

    Args:
        where: the URL of its page, or a file of ``sampler record``; None: as ``config`` says.
        config: the configuration; None: as for every command.
        seconds: for how long a page is watched.
        window: of a file, the number of the window; None: the last.
        as_json: print JSON, for programs.

    Returns:
        0, undecided or not; 2 where there is no such file or window; 69 where the page does not
        answer.

    Raises:
        ConfigurationError: the configuration has problems.
    """
    recorded = where is not None and "://" not in where
    try:
        read = _recorded(str(where), window) if recorded else _live(where, config, seconds)
    except NoPageError as error:
        print(f"sampler advise: {error}", file=sys.stderr)
        return UNAVAILABLE
    except _UnusableFileError as error:
        print(f"sampler advise: {error}", file=sys.stderr)
        return USAGE
    statements = statements_of(read.scrapes)
    if as_json:
        about = {"source": read.source, "scrapes": len(read.scrapes), "faults": read.faults}
        print(json.dumps({**about, "statements": as_values(statements)}, indent=2))
        return OK
    print(wrapped(_heading(read), 2))
    for line in as_lines(statements):
        print(wrapped(printable(line), len(line) - len(line.lstrip()) + 2))
    return OK


def _heading(read: _Read) -> str:
    scrapes = read.scrapes
    text = f"{printable(read.source)}: {counted(len(scrapes), 'scrape')}"
    if len(scrapes) > 1:
        text += f" in {scrapes[-1].at - scrapes[0].at:.3g} s"
    refused = sum(scrape.refused for scrape in scrapes)
    faults = read.faults
    if refused:
        faults = (*faults, f"{counted(refused, 'value')} no number can be: not read")
    return "; ".join((text, *map(printable, faults)))


def _live(url: str | None, config: str | None, seconds: float) -> _Read:
    source = source_of(url, config)
    if sys.stderr.isatty():
        print(f"watching {source.url} for {seconds:g} s", file=sys.stderr)
    return _Read(source.url, tuple(source.window(seconds)))


def _recorded(file: str, window: int | None) -> _Read:
    try:
        with open(file, encoding="utf-8", errors="replace") as lines:  # noqa: PTH123
            found = read_recording(lines)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or one_line(str(error))
        raise _UnusableFileError(f"{one_line(file)}: cannot be read: {why}") from None
    windows = found.windows
    if window is not None and window not in windows:
        has = f"it has {', '.join(map(str, windows))}" if windows else "it has none"
        raise _UnusableFileError(f"{one_line(file)}: there is no window {window}: {has}")
    if not windows:
        return _Read(file, (), found.faults)
    chosen = max(windows) if window is None else window
    name = f"{file}, window {chosen} of {len(windows)}, of {found.source}"
    return _Read(name, windows[chosen], found.faults)
