"""``sampler validate``: does a sampler do what the PEP asks of it?"""

from __future__ import annotations

import json
import logging
import os
import pkgutil
import sys
from typing import TYPE_CHECKING, Any

from sampler._contract.declaration import short
from sampler._registry.announcements import SAMPLERS
from sampler._runtime.printable import did_you_mean
from sampler.agent.config.plugins import UnusablePlugin, installed_plugins
from sampler.cli.exits import FAULTY, OK, USAGE
from sampler.cli.layout import counted, wrapped
from sampler.validate import examine

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sampler.validate import Examination


def validate(reference: str, *, seconds: float, as_json: bool = False) -> int:
    """Pull a sampler for a while and print every breach; return the exit status.

    Args:
        reference: ``module:object``, which may be in the working directory; or the name of an
            installed sampler.
        seconds: for how long.
        as_json: print JSON, for programs.

    Returns:
        0 without a breach, 1 with one, 2 when there is nothing to pull.
    """
    logging.getLogger("sampler").addFilter(_from_validate)
    try:
        sampler = _load(reference)
    except _NotFound as error:
        print(f"sampler validate: {reference}: {error}", file=sys.stderr)
        return USAGE
    bar = Progress() if sys.stderr.isatty() and not as_json else None
    found = examine(sampler, seconds=seconds, progress=bar)
    if bar is not None:
        bar.clear()
    if as_json:
        _print_json(found)
    else:
        _print(reference, found)
    return OK if found.conforms else FAULTY


class _NotFound(Exception):
    """There is no such sampler; the message says why."""


def _load(reference: str) -> Mapping[str, Any]:
    known = installed_plugins(SAMPLERS)
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
        raise _NotFound(f"not the MODULE:NAME of an object: {error}") from None
    except ModuleNotFoundError as error:
        raise _NotFound(f"there is no module {error.name!r}") from None
    except (Exception, SystemExit) as error:  # foreign code
        raise _NotFound(f"cannot be imported: {short(error)}") from None


class Progress:
    """A progress bar on standard error."""

    def __call__(self, done: float) -> None:
        """Draw the bar; ``done`` is 0 to 1."""
        bar = "#" * round(40 * done)
        print(f"\rwatching [{bar:<40}] {done:4.0%}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Wipe the line."""
        print(f"\r{'':60}\r", end="", file=sys.stderr, flush=True)


def _from_validate(record: logging.LogRecord) -> bool:
    """Keep warnings about a sampler out of the log: the report has them."""
    return record.levelno > logging.WARNING


def _print(reference: str, found: Examination) -> None:
    for breach in found.breaches:
        print(wrapped(f"{breach.clause}  {breach.message}", 6))
        print(wrapped(f"      do: {breach.remedy}", 6))
    clauses = {breach.clause for breach in found.breaches}
    if found.conforms:
        print(
            f"{reference}: conforms, as far as {found.pulls} pulls in {found.seconds:.1f} s show "
            f"({found.series} series, {found.moved} of them moved)"
        )
    else:
        breaches = counted(len(found.breaches), "breach", "breaches")
        print(f"{reference}: {breaches} of {counted(len(clauses), 'clause')}")
        print(f"'sampler explain {min(clauses)}' prints a clause")


def _print_json(found: Examination) -> None:
    breaches = [
        {key: getattr(breach, key) for key in ("clause", "about", "message", "remedy")}
        for breach in found.breaches
    ]
    numbers = {key: getattr(found, key) for key in ("pulls", "series", "moved", "seconds")}
    print(json.dumps({"sampler": found.sampler, **numbers, "breaches": breaches}, indent=2))
