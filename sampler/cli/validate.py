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
from sampler._runtime.printable import counted, did_you_mean, error_line
from sampler.agent.config.plugins import UnusablePlugin, installed_plugins
from sampler.cli.exits import FAULTY, NO_VERDICT, OK, USAGE
from sampler.cli.layout import wrapped
from sampler.validate import examine
from sampler.validate._exercise import exercise_once

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sampler.validate import Examination

_EXERCISE_IT = (
    "have the metric source do something meanwhile: --exercise MODULE:CALLABLE, a function that "
    "is called between the pulls"
)
_EXERCISE_MORE = "have {} do something that the sampler reports, or watch longer: --seconds N"
_NUMBERS = ("pulls", "series", "moved", "cumulative", "grown", "seconds")


def validate(
    reference: str, *, seconds: float, exercise: str | None = None, as_json: bool = False
) -> int:
    """Pull a sampler for a while and print every breach; return the exit status.

    Args:
        reference: ``module:object``, which may be in the working directory; or the name of an
            installed sampler.
        seconds: for how long.
        exercise: ``module:callable`` that makes the metric source do something meanwhile.
        as_json: print JSON, for programs.

    Returns:
        0 without a breach, 1 with one, 2 when there is nothing to pull or the exercise raises, 3
        when nothing was seen that could break a clause.
    """
    logging.getLogger("sampler").addFilter(_from_validate)
    wanted = reference
    try:
        sampler = _load(reference)
        wanted = exercise or ""
        call = None if exercise is None else _load_exercise(exercise)
    except _NotFound as error:
        print(f"sampler validate: {wanted}: {error}", file=sys.stderr)
        return USAGE
    bar = Progress() if sys.stderr.isatty() and not as_json else None
    try:
        found = examine(sampler, seconds=seconds, exercise=call, progress=bar)
    except _ExerciseFailed as error:
        print(f"sampler validate: {exercise}: {error}", file=sys.stderr)
        return USAGE
    finally:
        if bar is not None:
            bar.clear()
    if as_json:
        _print_json(found)
    else:
        _print(reference, found, exercise)
    return FAULTY if found.breaches else NO_VERDICT if found.unproven else OK


class _NotFound(Exception):
    """There is no such object; the message says why."""


class _ExerciseFailed(Exception):
    """The exercise raised; the message says what."""


def _load(reference: str) -> Mapping[str, Any]:
    known = installed_plugins(SAMPLERS)
    if reference not in known and ":" not in reference:
        hint = did_you_mean(reference, sorted(known))
        raise _NotFound(f"no sampler of that name is installed{hint}; or give MODULE:NAME")
    if reference not in known:
        return _imported(reference)  # type: ignore[no-any-return]
    try:
        return known[reference].load()  # type: ignore[no-any-return]
    except UnusablePlugin as unusable:
        raise _NotFound(unusable.reason) from None


def _load_exercise(reference: str) -> Callable[[], Any]:
    if ":" not in reference:
        raise _NotFound("expected MODULE:CALLABLE")
    call = _imported(reference)
    if not callable(call):
        raise _NotFound(f"{short(call)} cannot be called")

    def exercise() -> None:
        try:
            exercise_once(call)
        except BaseException as error:
            raise _ExerciseFailed(error_line(error)) from None

    return exercise


def _imported(reference: str) -> Any:
    """Import ``module:object``; the module may be in the working directory."""
    if (here := os.getcwd()) not in sys.path:  # noqa: PTH109 - a text, as Python puts it there
        sys.path.insert(0, here)
    try:
        return pkgutil.resolve_name(reference)
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


def _print(reference: str, found: Examination, exercise: str | None) -> None:
    for breach in found.breaches:
        print(wrapped(f"{breach.clause}  {breach.message}", 6))
        print(wrapped(f"      do: {breach.remedy}", 6))
    for hint in found.hints:
        print(wrapped(f"hint: {hint}", 6))
    pulls = f"{counted(found.pulls, 'pull')} in {found.seconds:.1f} s"
    if found.conforms:
        seen = f"{found.series} series, {found.moved} of them moved"
        print(wrapped(f"{reference}: conforms, as far as {pulls} show ({seen})", 0))
    elif found.unproven:
        print(wrapped(f"{reference}: no verdict after {pulls}: {found.unproven}", 0))
        remedy = _EXERCISE_IT if exercise is None else _EXERCISE_MORE.format(exercise)
        print(wrapped(f"      do: {remedy}", 6))
    else:
        clauses = sorted({breach.clause for breach in found.breaches})
        breaches = counted(len(found.breaches), "breach", "breaches")
        print(f"{reference}: {breaches} of {counted(len(clauses), 'clause')}")
        print(f"'sampler explain {clauses[0]}' prints a clause")


def _print_json(found: Examination) -> None:
    breaches = [
        {key: getattr(breach, key) for key in ("clause", "about", "message", "remedy")}
        for breach in found.breaches
    ]
    verdict = "breaches" if breaches else "none" if found.unproven else "conforms"
    numbers = {key: getattr(found, key) for key in _NUMBERS}
    about = {"sampler": found.sampler, "verdict": verdict, "unproven": found.unproven}
    print(json.dumps({**about, **numbers, "breaches": breaches, "hints": found.hints}, indent=2))
