"""``sampler validate``: does a sampler do what the PEP asks of it?"""

from __future__ import annotations

import json
import logging
import os
import pkgutil
import sys
import textwrap
from typing import TYPE_CHECKING, Any

from sampler._contract.declaration import short
from sampler._registry.discovery import GROUP
from sampler._runtime.printable import did_you_mean
from sampler.agent.config.plugins import UnusablePlugin, installed_plugins
from sampler.cli.exits import BREACHES, OK, USAGE
from sampler.validate import examine

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sampler.validate import Examination

_WIDTH = 80


def validate(reference: str, *, seconds: float, as_json: bool = False) -> int:
    """Pull a sampler for a while and print every breach; return the exit status.

    Args:
        reference: ``module:object``, looked for in the working directory, too; or the name of an
            installed sampler.
        seconds: for how long.
        as_json: for programs.

    Returns:
        0 without a breach, 1 with one, 2 when there is nothing to pull.
    """
    logging.getLogger("sampler").addFilter(_from_validate)
    try:
        sampler = _load(reference)
    except _NotFound as error:
        print(f"sampler validate: {reference}: {error}", file=sys.stderr)
        return USAGE
    said = Progress() if sys.stderr.isatty() and not as_json else None
    found = examine(sampler, seconds=seconds, progress=said)
    if said is not None:
        said.clear()
    if as_json:
        _print_json(found)
    else:
        _print(reference, found)
    return OK if found.conforms else BREACHES


class _NotFound(Exception):
    """There is no such object; the message says why."""


def _load(reference: str) -> Mapping[str, Any]:
    known = installed_plugins(GROUP)
    if reference not in known and ":" not in reference:
        hint = did_you_mean(reference, sorted(known))
        raise _NotFound(f"no sampler of that name is installed{hint}; or give MODULE:NAME")
    try:
        if reference in known:
            return known[reference].load()  # type: ignore[no-any-return]
        sys.path.insert(0, os.getcwd())  # noqa: PTH109 - a text, as Python puts it there
        return pkgutil.resolve_name(reference)  # type: ignore[no-any-return]
    except UnusablePlugin as unusable:
        raise _NotFound(unusable.reason) from None
    except (ValueError, AttributeError) as error:
        raise _NotFound(f"is no MODULE:NAME of an object: {error}") from None
    except ModuleNotFoundError as error:
        raise _NotFound(f"there is no module {error.name!r}") from None
    except (Exception, SystemExit) as error:  # whatever the module does
        raise _NotFound(f"cannot be imported: {short(error)}") from None


class Progress:
    """A bar on standard error."""

    def __call__(self, done: float) -> None:
        """Show how much is done, from 0 to 1."""
        bar = "#" * round(40 * done)
        print(f"\rwatching [{bar:<40}] {done:4.0%}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Wipe the line."""
        print(f"\r{'':60}\r", end="", file=sys.stderr, flush=True)


def _from_validate(record: logging.LogRecord) -> bool:
    """Let through what is no complaint about a sampler: those are in the report."""
    return record.levelno > logging.WARNING


def _print(reference: str, found: Examination) -> None:
    for breach in found.breaches:
        print(_filled(f"{breach.clause}  {breach.message}"))
        print(_filled(f"      do: {breach.remedy}"))
    clauses = {breach.clause for breach in found.breaches}
    if found.conforms:
        print(
            f"{reference}: conforms, as far as {found.pulls} pulls in {found.seconds:.1f} s show "
            f"({found.series} series, {found.moved} of them moved)"
        )
    else:
        print(f"{reference}: {len(found.breaches)} breaches of {len(clauses)} clauses")
        print(f"'sampler explain {min(clauses)}' prints a clause")


def _filled(line: str) -> str:
    return textwrap.fill(
        line,
        _WIDTH,
        subsequent_indent=" " * 6,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _print_json(found: Examination) -> None:
    breaches = [
        {key: getattr(breach, key) for key in ("clause", "about", "message", "remedy")}
        for breach in found.breaches
    ]
    numbers = {key: getattr(found, key) for key in ("pulls", "series", "moved", "seconds")}
    print(json.dumps({"sampler": found.sampler, **numbers, "breaches": breaches}, indent=2))
