"""How the channels of an agent end: every step is taken, even when an earlier one fails."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from sampler._runtime.log import log
from sampler.agent.channel import pushed, scraped
from sampler.exceptions import CollectorBusy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sampler._contract.snapshot import Snapshot
    from sampler.agent.channel import Channel, PushChannel
    from sampler.agent.delivery.ledger import Balance
    from sampler.agent.interval_loop import IntervalLoop

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


def send_now(
    loops: Iterable[IntervalLoop],
    channels: Sequence[PushChannel],
    until: float,
    balances: dict[str, Balance],
) -> None:
    """Pull, and wait until nothing is queued; everything runs on.

    Args:
        loops: what is pulled.
        channels: what sends.
        until: monotonic moment at which that ends.
        balances: gets what became of each channel's entries, as of the moment at which none was
            queued: the next tick may queue more before anyone looks.
    """
    for loop in loops:
        if (left := until - time.monotonic()) > 0:
            with suppress(CollectorBusy):  # a tick hangs, or a reload has ended the loop
                loop.tick(left / 3)
    for each in channels:
        each.hurry(until)
    for each in channels:
        balances[each.name] = each.outbox.wait_until_empty(until - time.monotonic())


def send_once(
    loop: IntervalLoop,
    channels: Sequence[PushChannel],
    identity: Mapping[str, str],
    within: float | None,
    until: float,
) -> Snapshot:
    """Start, pull once, and flush; return what was pulled.

    Args:
        loop: what is pulled.
        channels: those that send it.
        identity: the agent's.
        within: seconds for the pull, and as many for encoding; default: their deadlines.
        until: monotonic moment at which the flush ends; it has a second at least.
    """
    for each in channels:
        each.start(identity, once=True)
    snapshot = loop.tick(within)
    # Adapters stay open: closing one may take back what it has delivered.
    flush(channels, max(until, time.monotonic() + 1.0), close=False)
    loop.collector.close()
    loop.close()
    return snapshot


def end(channels: Iterable[Channel], deadline: float, *, last_try: bool = False) -> None:
    """Flush what is pushed, and close what is scraped; see :func:`flush`."""
    channels = list(channels)
    flush(pushed(channels), deadline, last_try=last_try)
    for each in scraped(channels):
        safely(each.close, max(0.1, deadline - time.monotonic()))
