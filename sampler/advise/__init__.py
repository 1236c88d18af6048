"""Advice: from two pages of a running server, some seconds apart, to what limits it.

Pure functions: they read no page and no clock. ``sampler advise`` and ``sampler record`` do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampler.advise import _capacity, _clients, _cpu, _processes, _queues
from sampler.advise._database import database
from sampler.advise._guards import case_of
from sampler.advise._next_limit import next_limit
from sampler.advise._recording import Recording, read_recording, recording_head, recording_line
from sampler.advise._scrape import Host, PageError, Scrape, read_page
from sampler.advise._statement import UNDECIDED, Number, Statement
from sampler.advise._text import as_lines, as_values
from sampler.advise._window import Window

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "UNDECIDED",
    "Host",
    "Number",
    "PageError",
    "Recording",
    "Scrape",
    "Statement",
    "advise",
    "as_lines",
    "as_values",
    "read_page",
    "read_recording",
    "recording_head",
    "recording_line",
]


def advise(scrapes: Sequence[Scrape]) -> tuple[Statement, ...]:
    """Say what limits a server, and what to do.

    Args:
        scrapes: of its page, two at least, in the order in which they were made. With three or
            more it is seen whether the waiting grows.

    Returns:
        One statement for each question. It never raises for what scrapes hold: where that is
        too little, or contradicts itself, statements are undecided and say why.
    """
    case = case_of(Window(scrapes))
    load, plan = case.load, None
    planned = _capacity.capacity(case)
    if planned.remedy and case.cpu_bound is not None:
        plan = _capacity.plan_for(load, bound=case.cpu_bound)
    more = 0 if plan is None else plan.processes - round(load["processes"] or 1)
    return (
        planned,
        _cpu.cpu(case),
        _cpu.interpreter(case),
        _queues.queue(case),
        _queues.long_requests(case),
        _queues.backlog(case),
        _queues.funnel(case),
        _processes.memory(case, max(1, more)),
        _processes.start_up(case),
        _clients.slow_clients(case),
        _clients.gave_up(case),
        database(case),
        next_limit(case),
    )
