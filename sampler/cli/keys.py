"""Every key of ``sampler.toml``: the options of the classes that the file configures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from sampler.agent.config.bridges import BridgesSettings
from sampler.agent.config.options import Option, options, parameters
from sampler.agent.config.plugins import OURS, UnusablePlugin, installed_plugins
from sampler.agent.config.relay import RelaySettings
from sampler.agent.config.settings import DeliverySettings, ProgramSettings, SamplersSettings
from sampler.agent.config.web import WebSettings
from sampler.cli.unsupported import unsupported

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sampler.agent.config.plugins import Plugin

ANY = "adapters.NAME"
"""The table of the keys that every adapter has."""


@attrs.frozen
class Section:
    """One table.

    Attributes:
        table: ``""`` for the top, ``samplers``, ``web``, ``relay``, ``adapters.graphite``, or
            :data:`ANY`.
        summary: one sentence.
        keys: its own keys and their options.
        undeclared: keys of which only the name is known; None: any key is accepted.
        unsupported: what its adapter's backend cannot carry, and what happens instead.
        unusable: why its adapter cannot be loaded; empty when it can.
        ours: whether it belongs to this distribution.
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
        """The adapter's type; empty for any other table."""
        name = self.table.removeprefix("adapters.")
        return "" if self.table in (name, ANY) else name

    def path(self, key: str) -> str:
        """Return a key with its table: ``adapters.graphite.port``."""
        return f"{self.table}.{key}" if self.table else key


def sections() -> list[Section]:
    """Return every table, those of installed adapters included, in the order of a file."""
    return [
        _table("", ProgramSettings),
        _table("samplers", SamplersSettings),
        _table("bridges", BridgesSettings),
        _table("web", WebSettings),
        _table("relay", RelaySettings),
        *(section(plugin) for plugin in installed_plugins().values()),
        _table(ANY, DeliverySettings),
    ]


def section(plugin: Plugin) -> Section:
    """Return the table of one installed adapter, even if its class raises when it is read."""
    table, ours = f"adapters.{plugin.name}", plugin.distribution == OURS
    try:
        cls = plugin.load()
    except UnusablePlugin as unusable:
        return Section(table, "", {}, unusable=unusable.reason, ours=ours)
    common = options(DeliverySettings)
    declared = _attempt(options, cls, {})
    return Section(
        table,
        _attempt(_summary, cls, ""),
        {key: option for key, option in declared.items() if key not in common},
        () if declared else _attempt(parameters, cls, None),
        _attempt(unsupported, cls, {}),
        ours=ours,
    )


def _table(table: str, cls: type) -> Section:
    return Section(table, _summary(cls), options(cls))


def _summary(cls: object) -> str:
    """Return the first line of a class' docstring, without markup."""
    text = getattr(cls, "__doc__", None)
    line = str(text).strip().partition("\n")[0] if text else ""
    return line.replace("``", "")


def _attempt(read: Callable[[Any], Any], cls: object, otherwise: Any) -> Any:
    """Return ``read(cls)`` of a foreign class, or ``otherwise`` when that raises."""
    try:
        return read(cls)
    except Exception:
        return otherwise
