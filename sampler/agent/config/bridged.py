"""What the ``[bridges]`` tables add to ``[samplers]``: a bridge is one table, no more."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import attrs

from sampler._contract.names import GRAMMAR, is_name
from sampler.agent.config.series import EVERYTHING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sampler.agent.config.bridges import BridgesSettings
    from sampler.agent.config.settings import AdapterSettings, SamplersSettings

PREFIX = "prefix"
"""The key of every bridge that says what its names begin with."""
AS_THEY_WERE = frozenset(
    ("prometheus_client", "prometheus_multiprocess", "opentelemetry", "statsd", "mmstats")
)
"""Bridges whose names stay as they were, unless ``prefix`` says otherwise."""
STATSD, _STATSD_LISTENS = "statsd", ("127.0.0.1:8125",)
_LISTENS = "listen"
_ANYWHERE = ("0.0.0.0", "::")
_LOCAL = ("127.0.0.1", "::1", "localhost")


def with_bridges(
    samplers: SamplersSettings, bridges: BridgesSettings, problems: list[str]
) -> SamplersSettings:
    """Return what is collected, with what the bridges add; problems are added."""
    tables = bridges.tables()
    if not tables:
        return samplers
    for name in tables:
        if name in samplers.settings:
            problems.append(
                f'bridges.{name}: there is samplers.settings."{name}", too: keep one of them'
            )
        prefix = tables[name].get(PREFIX, "")
        if not isinstance(prefix, str) or (prefix and not is_name(prefix)):
            problems.append(f"bridges.{name}.{PREFIX}: {prefix!r} is no name: names are {GRAMMAR}")
    if problems:
        return samplers
    settings = {
        name: {key: value for key, value in table.items() if key != PREFIX}
        for name, table in tables.items()
    }
    return attrs.evolve(
        samplers,
        settings={**samplers.settings, **settings},
        rename={**dict(_renames(tables)), **samplers.rename},
        bridges=tuple(tables),
    )


def without_bridges(samplers: SamplersSettings, bridges: BridgesSettings) -> SamplersSettings:
    """Return what is collected without what the bridges add."""
    tables = bridges.tables()
    added = dict(_renames(tables))
    return attrs.evolve(
        samplers,
        settings={name: v for name, v in samplers.settings.items() if name not in tables},
        rename={old: new for old, new in samplers.rename.items() if added.get(old) != new},
        bridges=(),
    )


def _renames(tables: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for name, table in tables.items():
        prefix = table.get(PREFIX, "" if name in AS_THEY_WERE else name)
        if prefix != name:
            yield f"{name}.{EVERYTHING}", f"{prefix}.{EVERYTHING}" if prefix else EVERYTHING


def loops(samplers: SamplersSettings, adapters: Iterable[AdapterSettings]) -> Iterator[str]:
    """Yield a problem for each adapter that would send to a listener of this configuration.

    Args:
        samplers: what is collected, what the bridges add included.
        adapters: where it goes.
    """
    if STATSD not in (*samplers.bridges, *(samplers.enable or ())):
        return
    table = "bridges" if STATSD in samplers.bridges else "samplers.settings"
    listens = samplers.settings.get(STATSD, {}).get(_LISTENS, _STATSD_LISTENS)
    listens = (listens,) if isinstance(listens, str) else listens
    for text in listens if isinstance(listens, list | tuple) else ():
        for each in adapters:
            if isinstance(text, str) and _sends_to(each.adapter, text):
                yield (
                    f"{table}.{STATSD}.{_LISTENS}: {text!r} is where adapters.{each.name} sends: "
                    "numbers would go round for ever; choose another port for one of them"
                )


def _sends_to(adapter: Any, text: str) -> bool:
    scheme, divided, place = text.rpartition("://")
    if _scheme(adapter) != (scheme if divided else "udp"):
        return False
    if place.startswith("/"):
        return getattr(adapter, "path", None) == place
    host, _, port = place.rpartition(":")
    host = host.strip("[]") or _LOCAL[0]
    theirs = getattr(adapter, "host", None)
    here = theirs in _LOCAL or (host in _ANYWHERE and theirs in _names_of_this_host())
    same = theirs == host or (here and host in (*_LOCAL, *_ANYWHERE))
    return same and hasattr(adapter, "send") and str(getattr(adapter, "port", None)) == port


def _scheme(adapter: Any) -> str:
    """Return how an adapter sends: as its ``transport`` says, or what it has no choice of."""
    if (transport := getattr(adapter, "transport", None)) is not None:
        return str(transport)
    if getattr(adapter, "path", None) is not None:
        return "unixgram"
    return "udp" if getattr(adapter, "protocol", "udp") == "udp" else "tcp"


def _names_of_this_host() -> tuple[str, str]:
    name = os.uname().nodename
    return name, name.partition(".")[0]
