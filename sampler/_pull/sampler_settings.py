"""What the operator has set for single samplers, as their factories are told (C-02)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sampler._contract.declaration import short


def checked_settings(settings: object) -> dict[str, dict[str, Any]]:
    """Return a private copy of the settings, by the name of a sampler.

    Raises:
        TypeError: they are not a mapping of names to mappings.
    """
    if settings is None:
        return {}
    if not isinstance(settings, Mapping):
        raise TypeError(f"settings: expected a mapping by sampler, got {type(settings).__name__}")
    for name, keys in settings.items():
        if not isinstance(name, str):
            raise TypeError(f"settings: expected the name of a sampler, got {short(name)}")
        if not isinstance(keys, Mapping):
            kind = type(keys).__name__
            raise TypeError(f"settings[{name!r}]: expected a mapping of keys, got {kind}")
    return {name: private_copy(keys) for name, keys in settings.items()}


def private_copy(value: Any) -> Any:
    """Return a value with copies of the mappings and lists in it, so that nobody else has them."""
    if isinstance(value, Mapping):
        return {key: private_copy(each) for key, each in value.items()}
    return [private_copy(each) for each in value] if isinstance(value, list) else value
