"""Reads ``sampler.toml``, checks it as a whole, and returns :class:`Settings`."""

from __future__ import annotations

import os
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sampler._contract.names import GRAMMAR, is_name
from sampler._runtime.printable import did_you_mean, one_line, printable
from sampler.agent.config.bridged import loops, with_bridges
from sampler.agent.config.bridges import BridgesSettings
from sampler.agent.config.files import state
from sampler.agent.config.interpolation import converted, interpolated, plain
from sampler.agent.config.limits import faults
from sampler.agent.config.options import options, parameters
from sampler.agent.config.outdated import outdated
from sampler.agent.config.people import for_people
from sampler.agent.config.plugins import UnusablePlugin, installed_plugins, referenced_plugin
from sampler.agent.config.relay import RelaySettings
from sampler.agent.config.secrets import SecretsPolicy, described, masked, readable_mode, remember
from sampler.agent.config.settings import (
    DEFAULTS,
    AdapterSettings,
    DeliverySettings,
    ProgramSettings,
    SamplersSettings,
    Settings,
)
from sampler.agent.config.toml import read_toml
from sampler.agent.config.web import WebSettings
from sampler.exceptions import MAX_PROBLEMS, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sampler.agent.config.options import Option
    from sampler.agent.config.plugins import Plugin

DEFAULT_FILE = "sampler.toml"
VARIABLE = "SAMPLER_CONFIG"
"""The environment variable that names the configuration file, where no argument does."""
_TABLES = ("samplers", "bridges", "web", "relay", "adapters")
_CLASSES: Mapping[str, type] = {
    "samplers": SamplersSettings,
    "bridges": BridgesSettings,
    "web": WebSettings,
    "relay": RelaySettings,
}
"""What declares the keys of each table but those of adapters."""
_LONGEST = 1_000
"""Longest problem shown, in characters."""


def default_settings() -> Settings:
    """Return the built-in settings: all registered samplers, served to Prometheus on loopback."""
    return parse({"adapters": {"prometheus": {}}}, DEFAULTS)


def find_settings(config: str | Path | None = None) -> Settings:
    """Read ``config``, else the file that ``$SAMPLER_CONFIG`` names, else ``./sampler.toml``.

    Returns:
        The settings; the built-in ones when none of the three is there.

    Raises:
        ConfigurationError: the file cannot be read, or has problems.
    """
    if config is not None:
        return read(config)
    if named := os.environ.get(VARIABLE):
        return read(named)
    return read(DEFAULT_FILE) if Path(DEFAULT_FILE).exists() else default_settings()


def read(file: str | Path) -> Settings:
    """Read a configuration file.

    Raises:
        ConfigurationError: it cannot be read or parsed, or has problems: all of them at once.
    """
    try:
        table, status = read_toml(file)
    except ValueError as error:
        raise ConfigurationError(one_line(str(file)), [str(error)]) from None
    return parse(table, str(file), readable_mode(status))


def parse(table: Mapping[str, Any], file: str = "configuration", readable: str = "") -> Settings:
    """Turn the tables of a configuration into settings.

    Args:
        table: what TOML gives.
        file: the name that errors show.
        readable: the file's mode if others than its owner can read it, as in ``0644``; else "".

    Raises:
        ConfigurationError: with every problem.
    """
    problems = list(islice(faults(dict(table)), MAX_PROBLEMS))
    if problems:  # what is too large is not looked at any further
        raise ConfigurationError(file, problems)
    table = interpolated(table, "", problems)
    top = {key: value for key, value in table.items() if key not in _TABLES}
    program = _build(ProgramSettings, top, "", problems, _TABLES) or ProgramSettings()
    own = _table(table, "samplers", problems)
    wrong = _drop_wrong_settings(own)
    samplers = _build(SamplersSettings, own, "samplers", problems)
    problems += wrong
    web = _build(WebSettings, _table(table, "web", problems), "web", problems)
    relay = _build(RelaySettings, _table(table, "relay", problems), "relay", problems)
    adapters = []
    plugins = installed_plugins()
    policy = SecretsPolicy(file, readable, program.allow_readable_secrets)
    for name, keys in _table(table, "adapters", problems).items():
        if not isinstance(keys, dict):
            problems.append(f"adapters.{name}: expected a table: write [adapters.{name}]")
            continue
        adapter = _adapter_settings(name, keys, program, plugins, problems, policy)
        if adapter is not None:
            adapters.append(adapter)
    adapters += for_people(program, adapters, problems)
    bridges = _build(BridgesSettings, _table(table, "bridges", problems), "bridges", problems)
    bridges, samplers = bridges or BridgesSettings(), samplers or SamplersSettings()
    samplers = with_bridges(samplers, bridges, problems)
    problems += loops(samplers, adapters)
    given: list[tuple[str, type, Mapping[str, Any]]] = [("", ProgramSettings, top)]
    given += [(name, cls, _table(table, name, [])) for name, cls in _CLASSES.items()]
    for each in adapters:
        given += [(each.key, cls, each.table) for cls in (type(each.adapter), DeliverySettings)]
    said = outdated(given, problems)
    if problems:
        raise ConfigurationError(file, map(_shortened, map(masked, problems)))
    return Settings(
        file,
        program,
        samplers,
        tuple(adapters),
        relay or RelaySettings(),
        web or WebSettings(),
        bridges,
        said,
    )


def _shortened(problem: str) -> str:
    shown = printable(problem[: _LONGEST + 1])
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}..."


def _table(table: Mapping[str, Any], key: str, problems: list[str]) -> dict[str, Any]:
    value = table.get(key, {})
    if isinstance(value, dict):
        return value
    problems.append(f"{key}: expected a table: write [{key}]")
    return {}


def _drop_wrong_settings(samplers: dict[str, Any]) -> list[str]:
    """Leave out of ``samplers.settings`` what is not for a sampler; return the problems."""
    settings = samplers.get("settings")
    if not isinstance(settings, dict):
        return []
    problems = []
    for name, keys in settings.items():
        where = f'samplers.settings."{name}"'
        if not is_name(name):
            problems.append(f"{where}: no sampler has such a name: names are {GRAMMAR}")
        elif not isinstance(keys, dict):
            problems.append(f"{where}: expected a table: write [{where}]")
    samplers["settings"] = {
        name: keys for name, keys in settings.items() if is_name(name) and isinstance(keys, dict)
    }
    return problems


def _adapter_settings(
    name: str,
    keys: dict[str, Any],
    program: ProgramSettings,
    plugins: Mapping[str, Plugin],
    problems: list[str],
    policy: SecretsPolicy,
) -> AdapterSettings | None:
    """Return the settings of one adapter; None, and its problems added, when it has some."""
    where = f"adapters.{name}"
    common = {key: value for key, value in keys.items() if key in options(DeliverySettings)}
    own = {key: value for key, value in keys.items() if key not in common}
    delivery = _build(DeliverySettings, common, where, problems)
    kind = keys.get("type", name)
    if not isinstance(kind, str):
        return None  # _build has added the problem
    plugin = referenced_plugin(str(kind)) if _is_reference(kind) else plugins.get(kind)
    if plugin is None:
        key = f"{where}.type" if "type" in keys else where
        hint = did_you_mean(str(kind), plugins) or f" (there are {', '.join(plugins)})"
        remedy = "" if "type" in keys else ': set type = "..." or rename the table'
        problems.append(f"{key}: no adapter {kind!r}{hint}{remedy}")
        return None
    try:
        cls = plugin.load()
    except UnusablePlugin as unusable:
        problems.append(f"{where}: adapter {kind!r} {unusable.reason}")
        return None
    if not callable(cls) or not (hasattr(cls, "send") or hasattr(cls, "open")):
        what = "has no encode() and send(), nor open() and close()"
        problems.append(f"{where}: {kind!r} is no adapter: it {what}")
        return None
    adapter = _build(cls, own, where, problems, tuple(options(DeliverySettings)), policy)
    if "spool" in common and (fault := _spool_fault(adapter or cls)):
        problems.append(f"{where}.spool: {kind!r} {fault}: leave it out")
    if adapter is None or delivery is None:
        return None
    interval = program.interval if delivery.interval is None else delivery.interval
    return AdapterSettings(
        name,
        str(kind),
        adapter,
        interval,
        delivery.timeout,
        delivery.outbox,
        {**common, **own},
        {file: state(file) for file in getattr(adapter, "files", ())},
        delivery.spool,
        delivery.spool_bytes,
        delivery.encode_timeout,
        partial(_construct, cls, own),
        delivery.self_metrics,
    )


def _is_reference(kind: str) -> bool:
    module, colon, name = kind.partition(":")
    return bool(colon) and all(map(str.isidentifier, (*module.split("."), *name.split("."))))


def _spool_fault(adapter: Any) -> str:
    """Say why an adapter cannot have a spool, or return ""."""
    if not hasattr(adapter, "send"):
        return "is scraped, and queues nothing"
    stamped = getattr(adapter, "stamped", True)
    if not stamped:
        return "sends the newest snapshot only"
    if not getattr(adapter, "idempotent", stamped):
        return "may not send again what a killed process may have sent"
    return ""


def _build(
    cls: Any,
    table: dict[str, Any],
    where: str,
    problems: list[str],
    others: tuple[str, ...] = (),
    policy: SecretsPolicy | None = None,
) -> Any:
    """Construct ``cls`` from a table; return None, and add every problem, when it has some.

    Args:
        cls: an attrs class with options, or any other class.
        table: keys to values; values of options are replaced by converted ones.
        where: the table's name, for problems.
        problems: gets a sentence for each problem.
        others: more keys to suggest for an unknown one.
        policy: who may read secrets; None: the table has none.
    """
    settings = options(cls)
    known = settings or parameters(cls)
    before = len(problems)
    prefix = f"{where}." if where else ""
    for key, value in table.items():
        if known is not None and key not in known:
            hint = did_you_mean(key, (*known, *others)) or f" (known: {', '.join(known)})"
            if place := _place_of(key):
                hint = f": it belongs {place}"
            problems.append(f"{prefix}{key}: unknown key{hint}")
        elif key in settings:
            if policy and (fault := policy.fault(settings[key], value)):
                problems.append(f"{prefix}{key}: {fault}")
            try:
                table[key] = converted(value, settings[key])
            except ValueError as error:
                problems.append(f"{prefix}{key}: {error}")
                continue
            if settings[key].secret:
                remember(table[key])
            if fault := _fault(settings[key], table[key]):
                problems.append(f"{prefix}{key}: {fault}")
    if len(problems) > before:
        return None
    try:
        return _construct(cls, table)
    except (TypeError, ValueError) as error:  # the class checks more than single keys
        text = str(error)
        names_key = text.partition(":")[0] in settings  # as the validators of options do
        problems.append(f"{prefix}{text}" if names_key else f"{where}: {text}")
        return None
    except (Exception, SystemExit) as error:  # foreign code
        problems.append(f"{where}: the adapter cannot be constructed: {described(error)}")
        return None


def _place_of(key: str) -> str:
    """Say where a key belongs that only one table has, or return "": TOML's order misleads."""
    places = {
        "at the top, before the first [table]": ProgramSettings,
        "into [samplers]": SamplersSettings,
        "into [relay]": RelaySettings,
        "into an [adapters.NAME]": DeliverySettings,
    }
    found = [place for place, cls in places.items() if key in options(cls)]
    return found[0] if len(found) == 1 and key != "host" else ""


def _fault(option: Option, value: Any) -> str | None:
    try:
        return option.fault(value)
    except (Exception, SystemExit) as error:  # an adapter's own check is foreign code
        return f"cannot be checked: {described(error)}"


def _construct(cls: Any, table: Mapping[str, Any]) -> Any:
    return cls(**{key: plain(value) for key, value in table.items()})
