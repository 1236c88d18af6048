"""The agent: schedules pulls and runs adapters inside a process."""

from sampler._contract.histogram import HistogramValue, difference, merge
from sampler._contract.snapshot import ABSENT, Block, Metric, Series, Snapshot
from sampler._runtime.gil_yield import GiveWayTimer, give_way
from sampler._runtime.log import log as _log
from sampler._runtime.no_fork import no_fork
from sampler.agent.account import Account
from sampler.agent.agent import Agent
from sampler.agent.config.files import PlainFile, read_plain_file
from sampler.agent.config.options import Option, option, options
from sampler.agent.config.secrets import masked_line
from sampler.agent.config.settings import (
    AdapterSettings,
    ProgramSettings,
    SamplersSettings,
    Settings,
)
from sampler.agent.delivery.adapter import (
    DELIVERED,
    MAX_BATCH,
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
from sampler.agent.lifespan import Lifespan, astart, astop, running
from sampler.agent.mounted import of_all_processes
from sampler.agent.overview import (
    AdapterState,
    ProcessState,
    adapters_of,
    pauses,
    processes_of,
    running_adapters,
)
from sampler.agent.singleton import flush, push, reload, start, stop
from sampler.exceptions import Rejected, Unavailable
from sampler.types import Log

log: Log = _log
"""Where the agent and its adapters log; no call waits for a handler."""

__all__ = [
    "ABSENT",
    "DELIVERED",
    "MAX_BATCH",
    "UNCONFIRMED",
    "UNSUPPORTED",
    "Account",
    "Adapter",
    "AdapterSettings",
    "AdapterState",
    "Agent",
    "Balance",
    "Batch",
    "Block",
    "GiveWayTimer",
    "HistogramValue",
    "Ledger",
    "Lifespan",
    "Metric",
    "Option",
    "Outcome",
    "PlainFile",
    "ProcessState",
    "ProgramSettings",
    "Rejected",
    "SamplersSettings",
    "ScrapedAdapter",
    "Series",
    "Settings",
    "Since",
    "Snapshot",
    "Unavailable",
    "adapters_of",
    "astart",
    "astop",
    "difference",
    "flush",
    "give_way",
    "log",
    "masked_line",
    "merge",
    "no_fork",
    "of_all_processes",
    "option",
    "options",
    "pauses",
    "processes_of",
    "push",
    "read_plain_file",
    "reload",
    "running",
    "running_adapters",
    "start",
    "step",
    "stop",
]
