"""What an agent tells people of itself: its adapters, its samplers' pauses, its processes."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import attrs

from sampler._pull.collector import Collector
from sampler._pull.pauses import pauses_of
from sampler._runtime.log import log
from sampler.agent.channel import PushChannel, ScrapeChannel
from sampler.agent.config.secrets import masked_line

if TYPE_CHECKING:
    from sampler.agent.agent import Agent
    from sampler.agent.channel import Channel
    from sampler.agent.delivery.ledger import Balance


@attrs.frozen
class AdapterState:
    """One adapter at one moment.

    Attributes:
        name: its name in the configuration.
        kind: its type.
        endpoint: where it delivers, or listens.
        balance: its ledger's numbers.
        trouble: what the last attempt failed with; empty when it succeeded.
        waiting: it waits for its address.
        last_error: what an attempt failed with last; None: none has.
        last_error_time: epoch seconds of that.
        trouble_since: epoch seconds of the first failure after which nothing has arrived.
        last_delivery_time: epoch seconds at which something arrived last.
    """

    name: str
    kind: str
    endpoint: str
    balance: Balance
    trouble: str = ""
    waiting: bool = False
    last_error: str | None = None
    last_error_time: float | None = None
    trouble_since: float | None = None
    last_delivery_time: float | None = None


@attrs.frozen
class ProcessState:
    """One process that an agent has the numbers of.

    Attributes:
        instance: what sets it apart.
        pid: its id; None where nobody tells.
        role: what it is to its server.
        start: epoch seconds at which it began.
        last_report: epoch seconds at which its numbers came last; None: not yet.
        state: ``reports``, or ``silent`` where it has missed several reports.
    """

    instance: str
    pid: int | None
    role: str
    start: float
    last_report: float | None
    state: str


@runtime_checkable
class _ManyProcesses(Protocol):
    """An agent of many processes, as a relay's is."""

    def processes(self) -> list[ProcessState]: ...


def processes_of(agent: Agent, last_report: float | None) -> list[ProcessState]:
    """Return the processes whose numbers an agent has: those of a relay, else its own.

    Args:
        agent: the agent.
        last_report: epoch seconds of its own last pull.
    """
    if isinstance(agent, _ManyProcesses):
        return agent.processes()
    identity = agent.identity
    start = float(identity.get("start", 0.0))
    return [
        ProcessState(
            identity["instance"], os.getpid(), identity["role"], start, last_report, "reports"
        )
    ]


def adapters_of(agent: Agent) -> list[AdapterState]:
    """Return the adapters of an agent that deliver to a backend."""
    channels = agent._channels  # noqa: SLF001 - one room
    return [_adapter(each) for each in channels if each.accounted]


def running_adapters(agent: Agent) -> dict[str, Any]:
    """Return the adapters that run, by name: a reload leaves those whose tables say the same."""
    return {each.name: each.settings.adapter for each in agent._channels}  # noqa: SLF001 - one room


def tell_of_start(agent: Agent) -> None:
    """Say that an agent runs, with which file, and where it delivers or listens."""
    with suppress(Exception):  # an adapter's attributes are foreign code
        adapters = ", ".join(
            f"{each.name} ({endpoint(each.adapter) or each.type})"
            for each in agent.settings.adapters
            if not each.for_people
        )
        log.info("the agent runs with %s: %s", agent.settings.file, adapters or "no adapter")


def waits(agent: Agent, key: str) -> bool:
    """Tell whether what a key of the configuration opens waits for its address."""
    channels = agent._channels  # noqa: SLF001 - one room
    return any(
        isinstance(each, ScrapeChannel) and each.waiting and each.settings.key == key
        for each in channels
    )


def pauses(agent: Agent) -> dict[str, float]:
    """Return, by sampler, the seconds for which it is not called yet, after failures."""
    found: dict[str, float] = {}
    for each in agent._consumers.collectors:  # noqa: SLF001 - one room
        if isinstance(each, Collector):
            for name, left in pauses_of(each).items():
                found[name] = max(left, found.get(name, 0.0))
    return found


def uncollected(agent: Agent) -> dict[str, str]:
    """Return, by name, why samplers are not collected that are announced, or enabled."""
    found = agent._selection.uncollected()  # noqa: SLF001 - one room
    return {each.sampler: each.message for each in found}


def _adapter(channel: Channel) -> AdapterState:
    settings = channel.settings
    state = AdapterState(
        settings.name, settings.type, endpoint(settings.adapter), channel.balance()
    )
    if isinstance(channel, ScrapeChannel):
        return attrs.evolve(state, waiting=channel.waiting)
    if isinstance(channel, PushChannel):
        past = channel.past
        return attrs.evolve(
            state,
            trouble=channel.trouble,
            last_error=past.failure,
            last_error_time=past.failed,
            trouble_since=past.failing_since,
            last_delivery_time=past.delivered,
        )
    return state


def endpoint(adapter: Any) -> str:
    """Return where an adapter delivers or listens, as its keys say; empty where they do not."""
    for name in ("url", "listen", "path", "socket", "directory", "file"):
        if isinstance(found := getattr(adapter, name, None), str) and found:
            where = getattr(adapter, "address", found) if name == "listen" else found
            return masked_line(str(where))
    host, port = getattr(adapter, "host", None), getattr(adapter, "port", None)
    if isinstance(host, str) and isinstance(port, int):
        return masked_line(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    return ""
