"""Every key of ``sampler.toml``, from one source: the options of the classes they configure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from sampler.agent.config.options import Option, options, parameters
from sampler.agent.config.plugins import OURS, UnusablePlugin, installed_plugins
from sampler.agent.config.settings import DeliverySettings, ProgramSettings, SamplersSettings
from sampler.cli.unsupported import unsupported

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sampler.agent.config.plugins import Plugin

ANY = "adapters.NAME"
"""The table that stands for every adapter's."""


@attrs.frozen
class Section:
    """One table.

    Attributes:
        table: ``""`` for the top, ``samplers``, ``adapters.graphite``, or :data:`ANY`.
        summary: one sentence.
        keys: its own keys and what may stand for each.
        undeclared: keys of which no more than the name is known; None: any key may stand there.
        unsupported: what its adapter's backend cannot carry, with what happens instead.
        unusable: why its adapter cannot be loaded, or nothing.
        ours: it is this distribution's.
    """

    table: str
    summary: str
    keys: Mapping[str, Option]
    undeclared: tuple[str, ...] | None = ()
    unsupported: Mapping[str, str] = attrs.field(factory=dict)
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
    return [
        _table("", ProgramSettings),
        _table("samplers", SamplersSettings),
        *(section(entry) for entry in installed_plugins().values()),
        _table(ANY, DeliverySettings),
    ]


def section(entry: Plugin) -> Section:
    """Return the table of one installed adapter, whatever its class does when it is looked at."""
    table, ours = f"adapters.{entry.name}", entry.distribution == OURS
    try:
        cls = entry.load()
    except UnusablePlugin as unusable:
        return Section(table, "", {}, unusable=unusable.reason, ours=ours)
    common = options(DeliverySettings)
    every = _or(options, cls, {})
    return Section(
        table,
        _or(_summary, cls, ""),
        {key: each for key, each in every.items() if key not in common},
        () if every else _or(parameters, cls, None),
        _or(unsupported, cls, {}),
        ours=ours,
    )


def _table(table: str, cls: type) -> Section:
    return Section(table, _summary(cls), options(cls))


def _summary(cls: object) -> str:
    """Return the first line of a class' docstring, without markup."""
    text = getattr(cls, "__doc__", None)
    line = str(text).strip().partition("\n")[0] if text else ""
    return line.replace("``", "")


def _or(read: Callable[[Any], Any], cls: object, otherwise: Any) -> Any:
    """Return what reading a foreign class gives; what it raises is its own loss."""
    try:
        return read(cls)
    except Exception:
        return otherwise
