"""``sampler.toml``: read, checked as a whole, turned into settings."""

from __future__ import annotations

import os
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from sampler._runtime.printable import did_you_mean, one_line, printable
from sampler.agent.config.files import state
from sampler.agent.config.interpolation import expanded, fitted, plain
from sampler.agent.config.limits import faults, name_fault
from sampler.agent.config.options import option, options, parameters
from sampler.agent.config.plugins import Unusable, catalogue
from sampler.agent.config.secrets import Secrecy, described, masked, readable_mode, remember
from sampler.agent.config.toml import read_toml
from sampler.exceptions import MAX_PROBLEMS, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sampler.agent.config.options import Option
    from sampler.agent.config.plugins import Entry

DEFAULT_FILE = "sampler.toml"
VARIABLE = "SAMPLER_CONFIG"
"""Of the environment: the configuration file, where none is given."""
DEFAULTS = "built-in defaults"
_LONGEST = 1_000
"""Characters of a problem."""


@attrs.frozen
class Program:
    """The keys at the top of the file: the program and its rhythm."""

    interval: float = option(
        10.0, "Seconds between pulls, aligned to the wall clock.", minimum=0.1, maximum=86_400
    )
    service: str | None = option(
        None, "What runs here; default: the program's name.", kind=str, check=name_fault
    )
    host: str | None = option(
        None, "Where it runs; default: the host's name.", kind=str, check=name_fault
    )
    instance: str | None = option(
        None,
        "Which of several; default: the lowest free slot number on this host. One that another "
        "process of the service has gets a number behind it.",
        kind=str,
        check=name_fault,
    )
    flush_timeout: float = option(
        5.0, "Seconds that the final flush may take.", minimum=0, maximum=600
    )
    fork: bool = option(
        True,
        "Give each forked child an agent of its own, with the adapters that push; but not one "
        "that a sampler or an adapter forks, or the program inside sampler.agent.no_fork().",
    )
    allow_readable_secrets: bool = option(
        default=False,
        help="Accept secrets and private keys in files that others than their owner can read.",
    )


@attrs.frozen
class Samplers:
    """The ``[samplers]`` table: what is collected, within which limits."""

    enable: tuple[str, ...] | None = option(
        None,
        "Samplers to collect: names, or 'package.module:OBJECT'; "
        "default: 'process' and whatever the program registered or imported.",
        kind=tuple,
    )
    deadline: float | None = option(
        None,
        "Seconds each sampler has; default: the interval, at most 5.",
        kind=float,
        minimum=0.01,
        maximum=600,
    )
    max_samples: int = option(
        10_000,
        "Samples taken from one sampler in one pull; a group of instruments bounds itself.",
        minimum=1,
        maximum=100_000_000,
    )
    max_series: int = option(
        2_000,
        "Series of one metric; the surplus is folded.",
        minimum=1,
        maximum=100_000_000,
    )


def _folder_fault(folder: str) -> str | None:
    try:
        os.fsencode(folder)
    except UnicodeEncodeError:
        return f"no path has such a character: {folder!r}"
    return None if Path(folder).is_absolute() else f"must be an absolute path, got {folder!r}"


@attrs.frozen
class Delivery:
    """Keys that every ``[adapters.NAME]`` table may have."""

    type: str | None = option(None, "Which adapter; default: the table's name.", kind=str)
    interval: float | None = option(
        None,
        "Seconds between its pulls; default: the interval at the top.",
        kind=float,
        minimum=0.1,
        maximum=86_400,
    )
    timeout: float = option(
        5.0, "Seconds one attempt to deliver may take.", minimum=0.01, maximum=600
    )
    encode_timeout: float | None = option(
        None,
        "Seconds encoding one snapshot may take; default: the interval, 5 to 300.",
        kind=float,
        minimum=0.01,
        maximum=3_600,
    )
    outbox: int = option(
        8 * 2**20,
        "Bytes that may wait for the endpoint; the oldest make room.",
        minimum=2**10,
        maximum=2**40,
    )
    spool: str | None = option(
        None,
        "Folder in which what waits survives the process, for adapters whose batches carry their "
        "time; each service, instance and adapter has its own in it; default: none.",
        kind=str,
        check=_folder_fault,
    )
    spool_bytes: int = option(
        64 * 2**20,
        "Bytes that the spool may take; the oldest make room.",
        minimum=2**16,
        maximum=2**40,
    )


@attrs.frozen
class AdapterSettings:
    """One configured adapter.

    Attributes:
        name: its name in the configuration.
        type: its entry point's name.
        adapter: the object.
        interval: seconds between its pulls.
        timeout: seconds an attempt may take.
        outbox: bytes that may wait.
        table: all of its keys, variables and secrets filled in.
        files: what the adapter has read beside its table, as it was then.
        spool: the folder of its spool, if it has one.
        spool_bytes: bytes that this may take.
        encode_timeout: seconds that encoding a snapshot may take; None: as the interval says.
        make: returns another adapter that is configured alike, for a forked child.
    """

    name: str
    type: str
    adapter: Any = attrs.field(eq=False, repr=False)
    interval: float
    timeout: float = 5.0
    outbox: int = 8 * 2**20
    table: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    files: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    spool: str | None = None
    spool_bytes: int = 64 * 2**20
    encode_timeout: float | None = None
    make: Callable[[], Any] | None = attrs.field(default=None, eq=False, repr=False)


@attrs.frozen
class Settings:
    """A whole configuration, checked.

    Attributes:
        file: where it came from.
        program: the keys at the top.
        samplers: the ``[samplers]`` table.
        adapters: one adapter_settings per ``[adapters.NAME]`` table.
    """

    file: str = DEFAULTS
    program: Program = attrs.field(factory=Program)
    samplers: Samplers = attrs.field(factory=Samplers)
    adapters: tuple[AdapterSettings, ...] = ()


def default_settings() -> Settings:
    """Return what runs unconfigured: everything registered, served to Prometheus on loopback."""
    return parse({"adapters": {"prometheus": {}}}, DEFAULTS)


def settings(config: str | Path | None = None) -> Settings:
    """Read the file that is given, else ``$SAMPLER_CONFIG``, else ``./sampler.toml``.

    Without any of them the built-in defaults stand.

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
        file: named in errors.
        readable: its mode, when others than its owner can read it.

    Raises:
        ConfigurationError: with every problem.
    """
    problems = list(islice(faults(dict(table)), MAX_PROBLEMS))
    if problems:  # nothing is looked at that may be without end
        raise ConfigurationError(file, problems)
    table = expanded(table, "", problems)
    own = {key: value for key, value in table.items() if key not in ("samplers", "adapters")}
    known = ("samplers", "adapters")
    program = _build(Program, own, "", problems, known) or Program()
    samplers = _build(Samplers, _table(table, "samplers", problems), "samplers", problems)
    adapters = []
    entries = catalogue()
    secrecy = Secrecy(file, readable, program.allow_readable_secrets)
    for name, keys in _table(table, "adapters", problems).items():
        if not isinstance(keys, dict):
            problems.append(f"adapters.{name}: expected a table: write [adapters.{name}]")
            continue
        adapter_settings = _wire(name, keys, program, entries, problems, secrecy)
        if adapter_settings is not None:
            adapters.append(adapter_settings)
    if problems:
        raise ConfigurationError(file, map(_cut, map(masked, problems)))
    return Settings(file, program, samplers or Samplers(), tuple(adapters))


def _cut(problem: str) -> str:
    shown = printable(problem[: _LONGEST + 1])
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}..."


def _table(table: Mapping[str, Any], key: str, problems: list[str]) -> dict[str, Any]:
    value = table.get(key, {})
    if isinstance(value, dict):
        return value
    problems.append(f"{key}: expected a table: write [{key}]")
    return {}


def _wire(
    name: str,
    keys: dict[str, Any],
    program: Program,
    entries: Mapping[str, Entry],
    problems: list[str],
    secrecy: Secrecy,
) -> AdapterSettings | None:
    where = f"adapters.{name}"
    common = {key: value for key, value in keys.items() if key in options(Delivery)}
    own = {key: value for key, value in keys.items() if key not in common}
    delivery = _build(Delivery, common, where, problems)
    kind = keys.get("type", name)
    if not isinstance(kind, str):
        return None  # a problem already
    if kind not in entries:
        key = f"{where}.type" if "type" in keys else where
        hint = did_you_mean(str(kind), entries) or f" (there are {', '.join(entries)})"
        remedy = "" if "type" in keys else ': set type = "..." or rename the table'
        problems.append(f"{key}: no adapter {kind!r}{hint}{remedy}")
        return None
    try:
        cls = entries[kind].load()
    except Unusable as unusable:
        problems.append(f"{where}: adapter {kind!r} {unusable.reason}")
        return None
    adapter = _build(cls, own, where, problems, tuple(options(Delivery)), secrecy)
    if "spool" in common and (fault := _unspoolable(adapter or cls)):
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
        partial(_made, cls, own),
    )


def _unspoolable(adapter: Any) -> str:
    """Say why what waits for an adapter cannot be kept on disk, or nothing."""
    if not hasattr(adapter, "send"):
        return "is asked, and keeps nothing"
    stamped = getattr(adapter, "stamped", True)
    if not stamped:
        return "sends the newest only"
    if not getattr(adapter, "idempotent", stamped):
        return "may not send twice what a process that was killed had sent"
    return ""


def _build(
    cls: Any,
    table: dict[str, Any],
    where: str,
    problems: list[str],
    others: tuple[str, ...] = (),
    secrecy: Secrecy | None = None,
) -> Any:
    """Construct ``cls`` from a table; None, and every problem noted, when that cannot be."""
    settings = options(cls)
    known = settings or parameters(cls)
    before = len(problems)
    prefix = f"{where}." if where else ""
    for key, value in table.items():
        if known is not None and key not in known:
            hint = did_you_mean(key, (*known, *others)) or f" (known: {', '.join(known)})"
            problems.append(f"{prefix}{key}: unknown key{hint}")
        elif key in settings:
            if secrecy and (fault := secrecy.fault(settings[key], value)):
                problems.append(f"{prefix}{key}: {fault}")
            try:
                table[key] = fitted(value, settings[key])
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
        return _made(cls, table)
    except (TypeError, ValueError) as error:  # what only the class itself can tell
        said = str(error)
        begins = said.partition(":")[0] in settings  # a key's name, as validators say it
        problems.append(f"{prefix}{said}" if begins else f"{where}: {said}")
        return None
    except (Exception, SystemExit) as error:  # foreign code
        problems.append(f"{where}: cannot be made: {described(error)}")
        return None


def _fault(option: Option, value: Any) -> str | None:
    try:
        return option.fault(value)
    except (Exception, SystemExit) as error:  # an adapter's own check
        return f"cannot be checked: {described(error)}"


def _made(cls: Any, table: Mapping[str, Any]) -> Any:
    return cls(**{key: plain(value) for key, value in table.items()})
