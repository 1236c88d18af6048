"""New names of metrics that other metrics have already: for the command and the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampler._contract.declaration import Declaration
from sampler._contract.names import is_reserved
from sampler.agent.config.series import is_pattern, joined
from sampler.exceptions import InvalidSampler

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sampler.agent.config.settings import SamplersSettings
    from sampler.types import Registered


def rename_clashes(samplers: SamplersSettings, found: Iterable[Registered]) -> Iterator[str]:
    """Yield a sentence for each new name that a declared metric has; backends without dots count.

    Args:
        samplers: the configuration's ``[samplers]``.
        found: what is collected now.
    """
    if not samplers.rename:
        return
    taken = {joined(name): name for name in _declared(found) if name not in samplers.rename}
    for old, new in samplers.rename.items():
        if is_pattern(old):
            continue
        if (owner := taken.get(joined(new))) is not None:
            yield (
                f"samplers.rename: {old!r} would be called {new!r}, and there is a metric "
                f"{owner!r}: choose another name, or rename that one, too"
            )


def _declared(found: Iterable[Registered]) -> Iterator[str]:
    for each in found:
        try:
            declared = Declaration(each.sampler, reserved=True)
        except InvalidSampler:
            continue
        if not is_reserved(declared.name):
            yield from (f"{declared.name}.{metric}" for metric in declared.metrics)
