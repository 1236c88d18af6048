"""``sampler record``: windows of a page in a file, for ``sampler advise``."""

from __future__ import annotations

import sys

from sampler._runtime.printable import counted, one_line
from sampler.advise import recording_head, recording_line
from sampler.cli.exits import OK, UNAVAILABLE, USAGE
from sampler.cli.scrapes import NoPageError, source_of

MOST_BYTES = 256 * 2**20
"""Bytes after which no further window is begun."""


def record(file: str, url: str | None, config: str | None, *, seconds: float, windows: int) -> int:
    """Write windows of a page to a file that is not there yet.

    Args:
        file: its name.
        url: of the page; None: the configuration's page.
        config: the configuration; None: as for every command.
        seconds: of one window.
        windows: how many, one after the other.

    Returns:
        0; 2 where the file cannot be written; 69 where the page does not answer: what was
        recorded before is in the file.

    Raises:
        ConfigurationError: the configuration has problems.
    """
    try:
        source = source_of(url, config)
        first = source.scrape()  # so that no file is begun for a page that is not there
    except NoPageError as error:
        print(f"sampler record: {error}", file=sys.stderr)
        return UNAVAILABLE
    del first
    written = 0
    try:
        with open(file, "x", encoding="utf-8") as out:  # noqa: PTH123 - never over another one
            out.write(recording_head(source.url))
            for window in range(1, windows + 1):
                for scrape in source.window(seconds):
                    out.write(recording_line(scrape, window))
                    out.flush()
                written = window
                if out.tell() > MOST_BYTES:
                    break
    except NoPageError as error:
        print(f"sampler record: {error}; {file} has what came before", file=sys.stderr)
        return UNAVAILABLE
    except OSError as error:
        remedy = ": name another file" if isinstance(error, FileExistsError) else ""
        print(f"sampler record: {one_line(file)}: {error.strerror}{remedy}", file=sys.stderr)
        return USAGE
    cut = f", for it is longer than {MOST_BYTES} bytes" if written < windows else ""
    print(f"{one_line(file)}: {counted(written, 'window')} of {seconds:g} s{cut}")
    return OK
