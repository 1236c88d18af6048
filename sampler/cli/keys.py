"""Every key of ``sampler.toml``, from one source: the options of the classes they configure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from sampler.agent.catalogue import OURS, Unusable, catalogue
from sampler.agent.config import Delivery, Program, Samplers
from sampler.agent.options import Option, options

if TYPE_CHECKING:
    from collections.abc import Mapping

ANY = "adapters.NAME"
"""The table that stands for every adapter's."""


@attrs.frozen
class Section:
    """One table.

    Attributes:
        table: ``""`` for the top, ``samplers``, ``adapters.graphite``, or :data:`ANY`.
        summary: one sentence.
        keys: its own keys and what may stand for each.
        unusable: why its adapter cannot be loaded, or nothing.
        ours: it is this distribution's.
    """

    table: str
    summary: str
    keys: Mapping[str, Option]
    unusable: str = ""
    ours: bool = True

    @property
    def adapter(self) -> str:
        """The adapter's type, or nothing."""
        name = self.table.removeprefix("adapters.")
        return "" if self.table in (name, ANY) else name

    def path(self, key: str) -> str:
        """Return a key with its table: ``adapters.graphite.port``."""
        return f"{self.table}.{key}" if self.table else key


def sections() -> list[Section]:
    """Return every table there is, installed adapters included, in the order of a file."""
    found = [_section("", Program), _section("samplers", Samplers)]
    for name, entry in catalogue().items():
        table, ours = f"adapters.{name}", entry.distribution == OURS
        try:
            found.append(_section(table, entry.load(), ours=ours))
        except Unusable as unusable:
            found.append(Section(table, "", {}, unusable.reason, ours))
    return [*found, _section(ANY, Delivery)]


def summary(cls: object) -> str:
    """Return the first line of a class' docstring, without markup."""
    text = getattr(cls, "__doc__", None)
    line = str(text).strip().partition("\n")[0] if text else ""
    return line.replace("``", "")


def _section(table: str, cls: type, *, ours: bool = True) -> Section:
    common = options(Delivery) if table.startswith("adapters.") and table != ANY else {}
    keys = {key: each for key, each in options(cls).items() if key not in common}
    return Section(table, summary(cls), keys, ours=ours)
