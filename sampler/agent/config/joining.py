"""Settings that come from the relay of this host, in a process that is to report to it.

Who wires processes names the relay's address in :data:`VARIABLE`: then it does not matter which
file the application names. The relay gives interval and ``[samplers]``; adapters run there.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import attrs

from sampler._runtime.log import log
from sampler.agent.config.given import settings_from
from sampler.agent.config.plugins import UnusablePlugin, installed_plugins
from sampler.agent.config.reading import parse, read
from sampler.exceptions import ConfigurationError

if TYPE_CHECKING:
    from sampler.agent.config.given import Config
    from sampler.agent.config.settings import AdapterSettings, Settings

VARIABLE = "SAMPLER_RELAY"
"""The environment variable with a relay's address."""
FALLBACK = "fallback"
"""The key under which a relay tells its file, where processes are to push without it."""
_ADAPTER = "relay"
_PATIENCE = 1.0
"""Seconds that a relay has to answer."""


def joined() -> bool:
    """Tell whether this process is to report to a relay, whatever its file says."""
    return bool(os.environ.get(VARIABLE))


def warn_of_others(config: Config, given: Config) -> None:
    """Say so where a program gives another configuration while its agent runs.

    No file is read: signal handlers may ask for this all the time.

    Args:
        config: what it gives now; None: whatever there is.
        given: what it gave before.
    """
    if config is None or given is None or joined() or _named(config) == _named(given):
        return
    log.warning(
        "the agent runs already, with other settings, and goes on with these: "
        "sampler.agent.reload(...) gives it others, or stop it first"
    )


def _named(config: Config) -> object:
    return os.fspath(config) if isinstance(config, str | os.PathLike) else config


def settings_of_process(config: Config) -> Settings:
    """Return the settings of a relay's process; else see :func:`settings_from`.

    A relay that does not answer, or not with settings, costs a line in the log. Built-in settings
    are used until the adapter finds one: then it has the agent ask for settings again, by
    :func:`sampler.agent.reload`, before it reports.

    Raises:
        ConfigurationError: no relay is named, and the file cannot be read, or has problems.
    """
    address = os.environ.get(VARIABLE)
    if not address:
        return settings_from(config)
    adapters = {"adapters": {_ADAPTER: {"socket": address.replace("${", "$${")}}}
    if (told := _asked(address)) is not None:
        file = told.pop(FALLBACK, None)
        try:
            settings = parse({**told, **adapters}, f"the relay {address}")
            return settings if file is None else _with_stand_ins(settings, str(file))
        except ConfigurationError as error:
            log.error("%s\nbuilt-in settings are used", error)
    try:
        built_in = parse(adapters, f"${VARIABLE}")
    except ConfigurationError as error:  # no such address, or a package is missing
        log.error("%s\nnothing is delivered", error)
        return parse({}, f"${VARIABLE}")
    if told is not None:
        return built_in
    return attrs.evolve(built_in, adapters=tuple(map(_asking, built_in.adapters)))


def _asking(relay: AdapterSettings) -> AdapterSettings:
    """Return settings whose adapter, also that of a child, asks before it reports."""

    def make() -> Any:
        adapter = relay.make() if relay.make is not None else relay.adapter
        adapter.asks = True
        return adapter

    return attrs.evolve(relay, adapter=make(), make=make)


def _asked(address: str) -> dict[str, Any] | None:
    """Return what a relay tells its workers; None: no relay answers."""
    try:
        asked = installed_plugins()[_ADAPTER].load().ask(address, _PATIENCE)
    except (KeyError, UnusablePlugin):  # reading the adapter's table says so
        return None
    return None if asked is None else dict(asked)


def _with_stand_ins(settings: Settings, file: str) -> Settings:
    """Return settings with the adapters of the relay's file that push while it is gone."""
    try:
        found = read(file).adapters
    except ConfigurationError as error:
        log.warning(
            "%s: %s: while the relay is gone this process counts on, and pushes nothing: let user "
            "%d read that file and all that it names, or leave relay.fallback out",
            error.file,
            "; ".join(error.problems),
            os.geteuid(),
        )
        return settings
    interval = settings.program.interval
    stand_ins = (
        attrs.evolve(each, interval=interval, spool=None, stands_in_for=_ADAPTER)
        for each in found
        if _ADAPTER not in (each.type, each.name) and each.pushes
    )
    return attrs.evolve(settings, adapters=(*settings.adapters, *stand_ins))
