"""What a page collects that is a part of the application: a worker answers, and all are meant."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from sampler._contract.snapshot import Block, with_blocks
from sampler._runtime.log import log
from sampler.agent.config.joining import VARIABLE
from sampler.agent.config.plugins import UnusablePlugin, installed_plugins
from sampler.agent.roles import WORKER, role_here
from sampler.agent.singleton import current

if TYPE_CHECKING:
    from collections.abc import Callable

    from sampler._contract.snapshot import Series, Snapshot

_ADAPTER = "relay"
_PATIENCE = 2.0
"""Seconds that a relay has to answer: the server's thread waits."""
_LABEL, _OTHER_LABEL = "process", "sampler.process"


def of_all_processes(
    collect: Callable[[], Snapshot], *, own: bool = False
) -> Callable[[], Snapshot]:
    """Return what a page collects that is mounted in an application, in whichever process.

    Where the process reports to a relay, the page has the relay's totals. In a server's worker
    without one it has the worker's numbers, each with the label ``process``, and a warning in the
    log says so, once. Elsewhere it has what is collected.

    Args:
        collect: returns the numbers of this process.
        own: they are other samplers than those that the agent reports: never ask a relay.

    Raises:
        Unavailable: what is returned raises that when the relay does not answer.
    """
    worker = _WorkerPage(collect)

    def collect_here() -> Snapshot:
        relay = None if own else _relay()
        if relay is not None:
            totals: Snapshot = relay.totals(_PATIENCE)
            return totals
        return worker.collect() if _role() == WORKER else collect()

    return collect_here


class _WorkerPage:
    """The numbers of one worker, each with a label that says so."""

    def __init__(self, collect: Callable[[], Snapshot]) -> None:
        self._collect = collect
        self._pid = 0
        self._known: dict[int, tuple[tuple[Series, ...], tuple[Series, ...]]] = {}

    def collect(self) -> Snapshot:
        """Return them."""
        name, pid = _name(), os.getpid()
        if self._pid != pid:
            self._pid, self._known = pid, {}
            log.warning(
                "a page of this application has the numbers of one worker, and the label process "
                "says of which; the page of 'sampler run -c FILE -- COMMAND' has those of all"
            )
        snapshot, known, now = self._collect(), self._known, dict[int, Any]()
        blocks: list[Block] = []
        for block in snapshot.blocks:
            pair = known.get(id(block.series))
            if pair is None:
                pair = block.series, tuple(_labelled(each, name) for each in block.series)
            now[id(block.series)] = pair
            blocks.append(Block(block.sampler, pair[1], block.values, block.time, len(block)))
        self._known = now
        return with_blocks(snapshot, tuple(blocks))


def _labelled(series: Series, name: str) -> Series:
    labels = dict(series.labels)
    labels[_OTHER_LABEL if _LABEL in labels else _LABEL] = name
    new = series.restarted(series.start)
    new.labels = dict(sorted(labels.items()))
    return new


def _role() -> str:
    agent = current()
    return role_here() if agent is None else agent.identity["role"]


def _name() -> str:
    agent = current()
    return str(os.getpid()) if agent is None else agent.identity["instance"]


def _relay() -> Any:
    """Return an adapter that asks the relay of this process, or None if it has none."""
    agent = current()
    for each in agent.settings.adapters if agent is not None else ():
        if each.type == _ADAPTER and hasattr(each.adapter, "totals"):
            return each.adapter
    address = os.environ.get(VARIABLE)
    if not address:
        return None
    try:
        return installed_plugins()[_ADAPTER].load()(socket=address)
    except (KeyError, ValueError, UnusablePlugin):  # the agent's log says so
        return None
