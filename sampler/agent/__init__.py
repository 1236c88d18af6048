"""The agent: schedules pulls and runs adapters inside a process."""

from sampler._contract.histogram import HistogramValue, difference, merge
from sampler._contract.snapshot import ABSENT, Block, Series, Snapshot
from sampler._runtime.gil_yield import give_way
from sampler._runtime.log import log
from sampler._runtime.no_fork import no_fork
from sampler.agent.agent import Agent
from sampler.agent.config.options import Option, option, options
from sampler.agent.delivery.adapter import (
    DELIVERED,
    UNCONFIRMED,
    UNSUPPORTED,
    Adapter,
    Batch,
    Outcome,
    ScrapedAdapter,
    Since,
)
from sampler.agent.delivery.baselines import step
from sampler.agent.delivery.ledger import Balance, Ledger
from sampler.agent.singleton import reload, start, stop
from sampler.exceptions import Rejected, Unavailable

__all__ = [
    "ABSENT",
    "DELIVERED",
    "UNCONFIRMED",
    "UNSUPPORTED",
    "Adapter",
    "Agent",
    "Balance",
    "Batch",
    "Block",
    "HistogramValue",
    "Ledger",
    "Option",
    "Outcome",
    "Rejected",
    "ScrapedAdapter",
    "Series",
    "Since",
    "Snapshot",
    "Unavailable",
    "difference",
    "give_way",
    "log",
    "merge",
    "no_fork",
    "option",
    "options",
    "reload",
    "start",
    "step",
    "stop",
]
