"""How the channels of an agent end: every step is taken, even when an earlier one fails."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sampler._runtime.log import log
from sampler.agent.channel import pushed, scraped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sampler.agent.channel import Channel, PushChannel

SHORT = 0.05
"""Seconds between two looks whether a wait has become pointless."""


def safely(step: Callable[..., object], *arguments: object) -> None:
    """Call a step of the end; log whatever it raises, so that the other steps are taken, too."""
    try:
        step(*arguments)
    except BaseException:
        log.exception("a step of the agent's end failed")


def flush(
    channels: Sequence[PushChannel], deadline: float, *, close: bool = True, last_try: bool = False
) -> None:
    """Let adapters send what waits, all at once, and wait for them.

    Args:
        channels: their channels.
        deadline: monotonic moment at which that ends.
        close: close them afterwards.
        last_try: give each up at its first failure.
    """
    for each in channels:
        each.finish(deadline, close=close, last_try=last_try)
    for each in channels:
        safely(each.join)


def end(channels: Iterable[Channel], deadline: float, *, last_try: bool = False) -> None:
    """Flush what is pushed, and close what is scraped; see :func:`flush`."""
    channels = list(channels)
    flush(pushed(channels), deadline, last_try=last_try)
    for each in scraped(channels):
        safely(each.close, max(0.1, deadline - time.monotonic()))
