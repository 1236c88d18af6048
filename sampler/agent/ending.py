"""How an agent ends: each step is taken, whatever became of the one before."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sampler._runtime.log import log
from sampler.agent.channel import PushChannel, ScrapeChannel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sampler._pull.collector import Collector
    from sampler.agent.channel import Channel
    from sampler.agent.interval_loop import IntervalLoop

SHORT = 0.05
"""Seconds between two looks whether a wait has become pointless."""


def calmly(step: Callable[..., object], *arguments: object) -> None:
    """Take a step of the end: what it raises must not keep the others from theirs."""
    try:
        step(*arguments)
    except BaseException:
        log.exception("a step of the agent's end failed")


def last_ticks(loops: Iterable[IntervalLoop], until: Callable[[], float]) -> list[Collector]:
    """End the ticks, each interval with a last one; return the Collectors whose tick hangs.

    Args:
        loops: whose ticks.
        until: returns the monotonic moment at which everything ends; it may come nearer.
    """
    begun = time.monotonic()
    hung: list[Collector] = []
    for loop in loops:
        # A tick that hangs may take half of the time; the rest belongs to what is queued.
        while not (ended := loop.ticker.stop(time.monotonic() + SHORT)):
            if time.monotonic() > min(until(), begun + (until() - begun) / 2):
                break
        if not ended:
            hung.append(loop.collector)  # closing it would wait for that tick
        elif (left := until() - time.monotonic()) > 0:
            calmly(loop.tick, left / 3)
    return hung


def flush(
    pushed: Sequence[PushChannel], deadline: float, *, close: bool = True, last_try: bool = False
) -> None:
    """Let adapters send what waits, all at once, and wait for them.

    Args:
        pushed: their channels.
        deadline: monotonic moment at which that ends.
        close: close them afterwards.
        last_try: give each up at its first failure.
    """
    for each in pushed:
        each.finish(deadline, close=close, last_try=last_try)
    for each in pushed:
        calmly(each.join)


def end(channels: Iterable[Channel], deadline: float, *, last_try: bool = False) -> None:
    """Flush what is pushed, and close what is scraped; see :func:`flush`."""
    channels = list(channels)
    flush(
        [each for each in channels if isinstance(each, PushChannel)], deadline, last_try=last_try
    )
    for each in channels:
        if isinstance(each, ScrapeChannel):
            calmly(each.close, max(0.1, deadline - time.monotonic()))


def close(
    loops: Iterable[IntervalLoop],
    collectors: Iterable[Collector],
    hung: Sequence[Collector],
    until: Callable[[], float],
) -> None:
    """Close what pulled; what hangs is closed when it has ended."""
    for collector in collectors:
        if collector not in hung:
            within = max(0.1, until() - time.monotonic())
            calmly(lambda each=collector, within=within: each.close(within=within))
    for loop in loops:
        if loop.collector in hung:
            calmly(loop.close_later, loop.collector)
        else:
            calmly(loop.close)
