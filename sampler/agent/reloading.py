"""What changes when a running agent goes on with another configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from sampler.agent.channel import channel, pushed
from sampler.agent.delivery.adapter import ScrapedAdapter
from sampler.agent.ending import end
from sampler.agent.identity import configured

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sampler.agent.channel import Channel, PushChannel, ScrapeChannel
    from sampler.agent.config.settings import Settings


@attrs.frozen
class Difference:
    """The difference of two settings.

    Attributes:
        kept: names of adapters that run on untouched.
        replaced: names of adapters that both settings have, with other keys or another consumer.
        new: names of adapters that only the later settings have.
        gone: names of adapters that only the earlier settings have.
        same_consumers: Collectors can stay, as identity and limits have not changed.
        same_identity: service, host and instance have not changed.
    """

    kept: tuple[str, ...]
    replaced: tuple[str, ...]
    new: tuple[str, ...]
    gone: tuple[str, ...]
    same_consumers: bool
    same_identity: bool

    @classmethod
    def between(cls, before: Settings, after: Settings) -> Difference:
        """Compare the settings that an agent runs with to those that it is to run with."""
        same_identity = configured(before.program) == configured(after.program)
        same_consumers = same_identity and _limits(before) == _limits(after)
        earlier = {each.name: each for each in before.adapters}
        later = {each.name: each for each in after.adapters}

        def stays(name: str) -> bool:
            if earlier[name] != later[name]:
                return False
            # A page only needs another Collector; a pusher's baselines end with its Collector.
            pulled = isinstance(earlier[name].adapter, ScrapedAdapter)
            return same_consumers or pulled or earlier[name].for_people

        both = [name for name in later if name in earlier]
        return cls(
            kept=tuple(name for name in both if stays(name)),
            replaced=tuple(name for name in both if not stays(name)),
            new=tuple(name for name in later if name not in earlier),
            gone=tuple(name for name in earlier if name not in later),
            same_consumers=same_consumers,
            same_identity=same_identity,
        )


def channels_after(
    settings: Settings, difference: Difference, before: Mapping[str, PushChannel | ScrapeChannel]
) -> list[PushChannel | ScrapeChannel]:
    """Return the channels of the later settings.

    Args:
        settings: the later settings.
        difference: how they differ from the earlier ones.
        before: the channels of these by name; a channel that replaces one takes its ledger over.
    """
    ledgers = {name: before[name].ledger for name in difference.replaced}
    return [
        before[each.name]
        if each.name in difference.kept
        else channel(each, ledgers.get(each.name))
        for each in settings.adapters
    ]


def replace(before: Sequence[Channel], after: Sequence[Channel], deadline: float) -> None:
    """End channels that are replaced or go; those of the same names go on from where they stopped.

    Args:
        before: they end.
        after: new ones.
        deadline: monotonic moment at which that has to be done.
    """
    earlier = {each.name: each for each in before}
    for each in pushed(after):
        each.supersede(earlier.get(each.name))
    end(before, deadline, last_try=True)
    for each in pushed(after):
        each.inherit(earlier.get(each.name))


def _limits(settings: Settings) -> tuple[object, ...]:
    """Return what a Collector cannot change while it lives, but for the identity."""
    limits = settings.samplers
    rules = settings.program.labels, limits.keep, limits.drop, limits.rename
    return limits.deadline, limits.max_samples, limits.max_series, *rules
