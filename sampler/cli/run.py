"""``sampler run``: an agent in the foreground."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from sampler._registry.discovery import NOT_ANNOUNCED, log_failures
from sampler._runtime.log import log
from sampler._runtime.printable import counted, printable
from sampler.agent import Agent
from sampler.agent.bridges import refused_bridges
from sampler.agent.config.reading import find_settings, parse
from sampler.agent.config.settings import ALL, DEFAULTS, NONE, Settings
from sampler.agent.console import Console
from sampler.agent.own_metrics import OwnMetrics
from sampler.agent.rename_clashes import rename_clashes
from sampler.cli.exits import OK, UNAVAILABLE
from sampler.cli.foreground import ledger, serve
from sampler.cli.interrupts import EndAtOnce
from sampler.exceptions import ConfigurationError

if TYPE_CHECKING:
    from sampler._contract.snapshot import Snapshot


WITHOUT_FILE = {"adapters": {"prometheus": {"live": True}}}
_WITH_PROGRAM = frozenset({"http.server", "server", "job"})
"""Samplers of ours that the middleware, a relay and a job register when they run."""
_NONE_ANNOUNCED = (
    "no installed package announces them; they must be registered by the program itself"
)
_NO_PROBLEMS = ("duplicate", "missing", "stands_in")
"""Why a sampler is not loaded that do not make a configuration wrong."""


def run(
    config: str | None, *, once: bool = False, test: bool = False, account: bool = False
) -> int:
    """Run what a configuration says; return the exit status.

    Args:
        config: the file; None: ``./sampler.toml``, or built-in defaults.
        once: pull once, deliver, and end.
        test: pull twice, print, and send nothing.
        account: with ``test``, print the agent's own account, too.

    Raises:
        ConfigurationError: with every problem, those of the samplers it names included.
    """
    agent = prepare(config)
    if test:
        return _test(agent, ALL if account else NONE)
    if once:
        return _once(agent)
    return serve(agent, lambda: _start(agent), lambda: _read(agent, config))


def prepare(config: str | None) -> Agent:
    """Return an agent whose configuration and named samplers are known to be good."""
    with EndAtOnce():
        agent = Agent(_settings(config))
        _require_samplers(agent, agent.settings)
    if all(each.for_people for each in agent.settings.adapters):
        log.warning(
            "%s: no adapter is configured, nothing will be delivered: "
            "add a table such as [adapters.prometheus]",
            agent.settings.file,
        )
    return agent


def _start(agent: Agent) -> None:
    agent.start()
    if agent.settings.file == DEFAULTS:
        log.info(
            "no configuration: serving http://127.0.0.1:9464/metrics, and for people "
            "http://127.0.0.1:9464/live/; to add an adapter: "
            "sampler config sample > sampler.toml, edit it, and run again"
        )


def _settings(config: str | None) -> Settings:
    """Return the settings; where there is no file, the built-in ones with the live page."""
    found = find_settings(config)
    return parse(WITHOUT_FILE, DEFAULTS) if found.file == DEFAULTS else found


def _read(agent: Agent, config: str | None) -> Settings:
    wanted = _settings(config)
    _require_samplers(agent, wanted)
    return wanted


def _require_samplers(agent: Agent, wanted: Settings) -> None:
    """Load the samplers that a configuration names; each that fails is a problem of it.

    A name that nobody has announced is none: the program that reads this file may register it.
    """
    names, bridges = wanted.samplers.enable, wanted.samplers.bridges
    required = (*(("process",) if names is None else names), *bridges)
    failures = agent.discover(required)
    unusable = [f for f in failures if f.sampler in required and f.reason not in _NO_PROBLEMS]
    if absent := [f for f in failures if f.reason == "missing" and f.sampler not in _WITH_PROGRAM]:
        hints = (f"{f.sampler!r}{f.message.removeprefix(NOT_ANNOUNCED)}" for f in absent)
        said = NOT_ANNOUNCED if len(absent) == 1 else _NONE_ANNOUNCED
        log.warning("%s: samplers.enable: %s: %s", wanted.file, ", ".join(hints), said)
    log_failures(f for f in failures if f not in unusable and f.reason != "missing")
    problems = [
        f"bridges.{f.sampler}: {f.message}"
        if f.sampler in bridges
        else f"samplers.enable: {f.sampler!r}: {f.message}"
        for f in unusable
    ]
    problems += rename_clashes(wanted.samplers, agent.registrations())
    problems += refused_bridges(wanted.samplers, agent.registrations())
    if problems:
        raise ConfigurationError(wanted.file, problems)


def _once(agent: Agent) -> int:
    snapshot = agent.once()
    balances = agent.balances()
    pushed = {name: balance for name, balance in balances.items() if balance.collected}
    for name, balance in pushed.items():
        print(f"{printable(name)}: {ledger(balance)}")
    for name in balances.keys() - pushed.keys():
        print(f"{printable(name)}: is scraped, so --once delivers nothing by it")
    _print_failures(snapshot)
    for name, trouble in agent.troubles().items():
        _say(f"{printable(name)}: does not answer: {trouble}")
    return UNAVAILABLE if agent.troubles() else OK


def _test(agent: Agent, account: str) -> int:
    interval = agent.settings.program.interval
    console, own = Console(), OwnMetrics(account)
    left_out = 0
    with agent.collector("test", interval) as collector:
        for pull in range(2):
            if pull:
                _say(f"waiting {interval:g} s for the second pull")
                time.sleep(interval)
            snapshot = collector.collect()
            shown = own.of(snapshot)
            left_out = len(snapshot) - len(shown)
            for batch in console.encode(shown, {}):
                print(b"".join(batch.frames).decode(), end="", flush=True)
    if left_out:
        _say(f"and {counted(left_out, 'entry', 'entries')} of the agent's own account: -v shows")
    return OK


def _print_failures(snapshot: Snapshot) -> None:
    for failure in snapshot.failures:
        _say(f"sampler {failure.sampler!r}: {failure.message}")


def _say(sentence: str) -> None:
    """Print a line to standard error at once: threads of the agent may log meanwhile."""
    print(f"{sentence}\n", end="", file=sys.stderr)
