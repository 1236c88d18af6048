"""Adapters that serve people are told which agent runs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sampler.agent.channel import Channel


def attach(agent: object, channels: Iterable[Channel]) -> None:
    """Tell each adapter that has a method ``attach`` which agent runs it."""
    for each in channels:
        told = getattr(each.settings.adapter, "attach", None)
        if told is not None:
            told(agent)
