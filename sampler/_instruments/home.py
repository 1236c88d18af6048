"""Where an instrument belongs, and what becomes of a value that it cannot take.

Recording never raises for a value: one that cannot be recorded is refused, counted by its group,
and told once for each instrument and reason, with the line that gave it.
"""

from __future__ import annotations

import sys

from sampler._contract.values import number_or_none

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Protocol

    class Group(Protocol):
        """What instruments know of their group."""

        @property
        def name(self) -> str:
            """The sampler's name."""
            ...

        def count_refused(self, reason: str) -> None:
            """Count a recording that an instrument has refused."""
            ...

        def reduced(self, instrument: Any) -> tuple[Any, ...]:
            """Return how a copy of an instrument is found."""
            ...

        def next_number(self) -> int:
            """Return a number that is higher than all before."""
            ...

        def changed(self) -> None:
            """Note that children have gone, or come back."""
            ...


_OURS = "sampler._instruments"
_PULLS = ("sampler._contract", "sampler._pull")
_AROUND = ("contextlib", "functools")
"""Modules through which a program calls instruments: its own line is behind them."""


class Home:
    """The place of an instrument in its group.

    Args:
        group: the group.
        name: the metric's name.

    Attributes:
        group: likewise.
        name: likewise.
        instrument: what has that name: an instrument, or one with labels.
    """

    __slots__ = ("group", "instrument", "name", "told")

    def __init__(self, group: Group, name: str) -> None:
        self.group: Group = group
        self.name: str = name
        self.instrument: Any = None
        self.told: set[str] = set()
        """Reasons of which one refusal was told."""

    def __str__(self) -> str:
        return f"{self.group.name}.{self.name}"


def reduced(instrument: Any) -> tuple[Any, ...]:
    """Return how a copy of an instrument is found: it is the registered one.

    Raises:
        TypeError: it belongs to no group.
    """
    home: Home | None = instrument._home
    if home is None:
        name = type(instrument).__name__
        raise TypeError(f"cannot copy a {name} that no group has made: nobody would read the copy")
    return home.group.reduced(instrument)


def shown(instrument: Any, value: object) -> str:
    """Return what a prompt or a notebook shows of an instrument.

    Args:
        instrument: the instrument, or one of its children.
        value: what it has.
    """
    home: Home | None = instrument._home
    names = getattr(home and home.instrument, "names", ())
    labels = getattr(instrument, "_labels", None) or {}
    if not labels and (texts := getattr(instrument, "texts", ())):
        labels = dict(zip(names, texts, strict=False))
    said = ",".join(f'{name}="{text}"' for name, text in labels.items() if text)
    where = f"{home or 'of no group'}{{{said}}}" if said else f"{home or 'of no group'}"
    return f"<{type(instrument).__name__} {where}: {value}>"


def refuse(home: Home | None, reason: str, value: object, why: str) -> None:
    """Count a recording that is refused; tell the first one of its reason.

    Args:
        home: of the instrument; None: it belongs to no group, and nobody counts.
        reason: one word, as of refused samples.
        value: what was given.
        why: what is wrong with it.
    """
    if home is None:
        return
    home.group.count_refused(reason)
    if reason in home.told:
        return
    home.told.add(reason)
    from sampler._contract.declaration import short
    from sampler._runtime.log import log

    text = (
        "%s: instrument '%s' cannot take %s: %s; it is not recorded, and neither are others "
        'like it: sampler.samples.refused{reason="%s"} counts them'
    )
    log.warning(text, caller(), home, short(value), why, reason)


def number_for(home: Home | None, value: Any) -> int | float | None:
    """Return what counts as a number as a plain one; refuse what does not, and return None."""
    try:
        plain = number_or_none(value)
    except Exception:  # of a class of the program's own
        plain = None
    if plain is None:
        refuse(home, "type", value, "it is not a number")
    return plain


def caller() -> str:
    """Return the file and line that called an instrument; a pull has none that says more."""
    frame = calling_frame()
    if frame is None or str(frame.f_globals.get("__name__")).startswith(_PULLS):
        return "at a pull"
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def calling_frame() -> FrameType | None:
    """Return the innermost frame that is not ours, or the standard library's around us."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__") or ""
        if not (str(module).startswith(_OURS) or module in _AROUND):
            return frame
        frame = frame.f_back
    return None
