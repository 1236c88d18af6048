"""Settings that come from the relay of this host, in a process that is to report to it.

Who wires processes names the relay's address in :data:`VARIABLE`: then it does not matter which
file the application names. The relay gives interval and ``[samplers]``; adapters run there.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from sampler._runtime.log import log
from sampler.agent.config.given import settings_from
from sampler.agent.config.plugins import UnusablePlugin, installed_plugins
from sampler.agent.config.reading import parse
from sampler.exceptions import ConfigurationError

if TYPE_CHECKING:
    from sampler.agent.config.given import Config
    from sampler.agent.config.settings import Settings

VARIABLE = "SAMPLER_RELAY"
"""The environment variable with a relay's address."""
_ADAPTER = "relay"
_PATIENCE = 1.0
"""Seconds that a relay has to answer."""


def settings_of_process(config: Config) -> Settings:
    """Return the settings of a relay's process; else see :func:`settings_from`.

    A relay that does not answer, or not with settings, costs a line in the log: the built-in
    interval and samplers are used, and the adapter reports as soon as it can.

    Raises:
        ConfigurationError: no relay is named, and the file cannot be read, or has problems.
    """
    address = os.environ.get(VARIABLE)
    if not address:
        return settings_from(config)
    adapters = {"adapters": {_ADAPTER: {"socket": address.replace("${", "$${")}}}
    try:
        return parse({**_asked(address), **adapters}, f"the relay {address}")
    except ConfigurationError as error:
        log.error("%s\nbuilt-in settings are used", error)
    try:
        return parse(adapters, f"${VARIABLE}")
    except ConfigurationError as error:  # no such address, or a package is missing
        log.error("%s\nnothing is delivered", error)
        return parse({}, f"${VARIABLE}")


def _asked(address: str) -> dict[str, Any]:
    try:
        asked = installed_plugins()[_ADAPTER].load().ask(address, _PATIENCE)
    except (KeyError, UnusablePlugin):  # reading the adapter's table says so
        return {}
    return dict(asked or {})
