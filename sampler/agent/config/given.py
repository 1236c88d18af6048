"""Configurations that a program gives as a mapping, or as settings, instead of a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from sampler._runtime.printable import one_line
from sampler.agent.config.limits import MAX_DEPTH
from sampler.agent.config.reading import find_settings, parse
from sampler.agent.config.settings import Settings
from sampler.exceptions import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    Config: TypeAlias = str | Path | Mapping[str, Any] | Settings | None
    """A file, its tables as a mapping, or settings; None: see `find_settings`."""

GIVEN = "the configuration that the program gives"
"""What errors call a mapping."""


def settings_from(config: Config) -> Settings:
    """Return the settings that a program asks for; nothing of the program's is changed.

    Raises:
        ConfigurationError: they have problems.
    """
    if isinstance(config, Settings):
        return attrs.evolve(config, adapters=tuple(map(_anew, config.adapters)))
    if isinstance(config, Mapping):
        return parse(_tables(config), GIVEN)
    if config is None or isinstance(config, str) or hasattr(config, "__fspath__"):
        return find_settings(config)
    what = one_line(type(config).__name__)
    raise ConfigurationError(GIVEN, [f"expected a file, a mapping or Settings, got {what}"])


def _anew(settings: Any) -> Any:
    """Return an adapter's settings with an adapter that nobody has closed."""
    return settings if settings.make is None else attrs.evolve(settings, adapter=settings.make())


def _tables(given: Mapping[Any, Any]) -> dict[str, Any]:
    """Return what TOML would have given: dictionaries and lists, with texts as keys."""
    problems: list[str] = []

    def plain(value: Any, where: str, depth: int) -> Any:
        if depth > MAX_DEPTH:  # parse() says so
            return value if isinstance(value, str | int | float) else {}
        if isinstance(value, Mapping):
            found = {}
            for key, each in dict(value).items():
                if not isinstance(key, str):
                    problems.append(f"{where or 'at the top'}: {_shown(key)} is not a key")
                elif each is not None:  # not set
                    found[key] = plain(each, f"{where}.{key}" if where else key, depth + 1)
            return found
        if isinstance(value, list | tuple):
            return [plain(each, where, depth + 1) for each in value]
        return value

    tables: dict[str, Any] = plain(given, "", 0)
    if problems:
        raise ConfigurationError(GIVEN, problems)
    return tables


def _shown(key: object) -> str:
    return one_line(repr(key)) if isinstance(key, int | float | bytes) else type(key).__name__
