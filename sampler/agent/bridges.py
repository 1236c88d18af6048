"""What bridges say of their tables before they are asked for numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampler._runtime.printable import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sampler.agent.config.settings import SamplersSettings
    from sampler.types import Registered

CHECK = "sampler.check"
"""The key of a sampler's mapping for what raises ValueError or ImportError at bad settings."""


def refused_bridges(samplers: SamplersSettings, found: Iterable[Registered]) -> Iterator[str]:
    """Yield a problem for each bridge that cannot work as it is configured.

    Args:
        samplers: the configuration's ``[samplers]``.
        found: what is collected now.
    """
    for each in found:
        name = str(each.sampler.get("name"))
        check = each.sampler.get(CHECK)
        if name in samplers.bridges and callable(check):
            try:
                check(samplers.settings.get(name, {}))
            except (ValueError, ImportError) as error:
                yield f"bridges.{name}: {one_line(str(error))}"
