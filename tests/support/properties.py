"""How many examples a property is tried with."""

from __future__ import annotations

from hypothesis import settings


def examples(number: int) -> int:
    """Return so many, or as many fewer as the profile has: a quarter of them for ``quick``."""
    return max(1, number * settings().max_examples // settings.get_profile("sampler").max_examples)
