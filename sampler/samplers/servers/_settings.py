"""Settings of samplers: what a sampler does not know is said, or a misspelt one would be lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def known(settings: Mapping[str, Any], *keys: str) -> None:
    """Raise ValueError at a setting that a sampler does not know."""
    for key in settings:
        if key not in keys:
            raise ValueError(f"{key}: no such setting; there are {', '.join(sorted(keys))}")
