"""Settings of single samplers that nobody will read: for ``sampler check`` and the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from sampler._runtime.printable import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sampler.agent.config.settings import SamplersSettings
    from sampler.types import Registered


@attrs.frozen
class Unused:
    """A table of settings that no factory is told.

    Attributes:
        message: its key, why, and what to do.
        certain: False if its sampler may come yet.
    """

    message: str
    certain: bool


def unused_settings(samplers: SamplersSettings, found: Iterable[Registered]) -> Iterator[Unused]:
    """Find the settings that no factory is told.

    Args:
        samplers: the configuration's ``[samplers]``.
        found: what is collected now.
    """
    factories: dict[str, bool] = {}
    for each in found:
        takes = each.sampler.get("factory") is not None
        name = str(each.sampler.get("name"))
        factories[name] = takes or factories.get(name, False)
    known = (*factories, *(samplers.enable or ()))
    for name, keys in samplers.settings.items():
        where = f'samplers.settings."{name}"'
        if factories.get(name):
            continue
        inner = [f"{name}.{key}" for key, value in keys.items() if isinstance(value, dict)]
        meant = [each for each in inner if each in known]
        if meant:
            remedy = f'write [samplers.settings."{meant[0]}"], with quotes'
            yield Unused(f"{where}: is read as the settings of {name!r}: {remedy}", certain=True)
        elif name in factories:
            yield Unused(f"{where}: this sampler takes no settings: remove them", certain=True)
        elif samplers.enable is not None and name not in samplers.enable:
            hint = did_you_mean(name, known)
            remedy = "add it to samplers.enable, or remove its settings"
            yield Unused(f"{where}: this sampler is not enabled{hint}: {remedy}", certain=True)
        else:
            hint = did_you_mean(name, known)
            message = f"{where}: no sampler of that name is here{hint}"
            yield Unused(f"{message}: it is told them once it registers", certain=False)
