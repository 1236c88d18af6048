"""The agent: schedules pulls and runs adapters inside a process."""

from sampler._histogram import Histogram, difference
from sampler._log import log
from sampler._no_fork import no_fork
from sampler._snapshot import ABSENT, Block, Series, Snapshot
from sampler._turns import give_way
from sampler.agent.accounted import step
from sampler.agent.adapter import (
    DELIVERED,
    LOSSES,
    UNCONFIRMED,
    Adapter,
    Batch,
    Outcome,
    ScrapedAdapter,
    Since,
)
from sampler.agent.agent import Agent
from sampler.agent.law import Account, Law
from sampler.agent.options import Option, option, options
from sampler.agent.resolution import at_shared_bounds
from sampler.agent.running import reload, start, stop
from sampler.exceptions import Rejected, Unavailable

__all__ = [
    "ABSENT",
    "DELIVERED",
    "LOSSES",
    "UNCONFIRMED",
    "Account",
    "Adapter",
    "Agent",
    "Batch",
    "Block",
    "Histogram",
    "Law",
    "Option",
    "Outcome",
    "Rejected",
    "ScrapedAdapter",
    "Series",
    "Since",
    "Snapshot",
    "Unavailable",
    "at_shared_bounds",
    "difference",
    "give_way",
    "log",
    "no_fork",
    "option",
    "options",
    "reload",
    "start",
    "step",
    "stop",
]
