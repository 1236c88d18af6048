"""``sampler run``: an agent in the foreground."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from typing import TYPE_CHECKING

from sampler._registry.discovery import log_failures
from sampler._runtime.log import log
from sampler._runtime.printable import printable
from sampler.adapterkit.threads import unhealthy
from sampler.agent import Agent, options
from sampler.agent.config.reading import find_settings
from sampler.agent.config.settings import DEFAULTS, Settings
from sampler.agent.console import Console
from sampler.cli.exits import OK, UNAVAILABLE
from sampler.cli.interrupts import EndAtOnce
from sampler.cli.notify import notify, reloading, watchdog
from sampler.exceptions import ConfigurationError

if TYPE_CHECKING:
    from sampler._contract.snapshot import Snapshot
    from sampler.agent import Balance
    from sampler.agent.config.settings import AdapterSettings

_SAME_REQUEST = 0.5
"""Seconds in which further signals count as the first: terminal and supervisor may both send."""
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def run(config: str | None, *, once: bool = False, test: bool = False) -> int:
    """Run what a configuration says; return the exit status.

    Args:
        config: the file; None: ``./sampler.toml``, or built-in defaults.
        once: pull once, deliver, and end.
        test: pull twice, print, and send nothing.

    Raises:
        ConfigurationError: with every problem, those of the samplers it names included.
    """
    agent = prepare(config)
    if test:
        return _test(agent)
    if once:
        return _once(agent)
    return _forever(agent, config)


def prepare(config: str | None) -> Agent:
    """Return an agent whose configuration and named samplers are known to be good."""
    with EndAtOnce():
        agent = Agent(find_settings(config))
        _require_samplers(agent, agent.settings)
    if not agent.settings.adapters:
        log.warning(
            "%s: no adapter is configured, nothing will be delivered: "
            "add a table such as [adapters.prometheus]",
            agent.settings.file,
        )
    return agent


def _require_samplers(agent: Agent, wanted: Settings) -> None:
    """Load the samplers that a configuration names; each that fails is a problem of it."""
    names = wanted.samplers.enable
    required = ("process",) if names is None else names
    failures = agent.discover(required)
    unusable = [f for f in failures if f.sampler in required and f.reason != "duplicate"]
    log_failures(f for f in failures if f not in unusable)
    problems = [f"samplers.enable: {f.sampler!r}: {f.message}" for f in unusable]
    if problems:
        raise ConfigurationError(wanted.file, problems)


def _forever(agent: Agent, config: str | None) -> int:
    signals = _signal_pipe()
    agent.start()
    log.info("running with %s", agent.settings.file)
    for configured in agent.settings.adapters:
        log.info("adapter %r: %s", configured.name, _described(configured))
    if agent.settings.file == DEFAULTS:
        log.info(
            "no configuration: serving http://127.0.0.1:9464/metrics; to add an adapter: "
            "sampler config sample > sampler.toml, edit it, and run again"
        )
    notify("READY=1", f"STATUS=running with {agent.settings.file}")
    while _wait(signals, agent) == signal.SIGHUP:
        _reload(agent, config)
    notify("STOPPING=1")
    log.info("stopping: sending what waits, %g s at most", agent.settings.program.flush_timeout)
    another_request = time.monotonic() + _SAME_REQUEST

    def stop_at_once(*_: object) -> None:
        if time.monotonic() > another_request:
            agent.stop(0.0)

    for number in _SIGNALS:
        signal.signal(number, stop_at_once)
    for name, balance in agent.stop().items():
        log.info("%s: %s", printable(name), ledger(balance))
    for number in _SIGNALS:  # the interpreter removes handlers as it ends, but not SIG_IGN
        signal.signal(number, signal.SIG_IGN)
    return OK


def _reload(agent: Agent, config: str | None) -> None:
    """Read the configuration again and apply it; a bad one is logged and changes nothing."""
    reloading()
    before = {configured.name: configured for configured in agent.settings.adapters}
    try:
        wanted = find_settings(config)
        _require_samplers(agent, wanted)
        agent.reload(wanted)
    except ConfigurationError as error:
        log.error("%s\nnot reloaded: the previous configuration stays in use", error)
    else:
        log.info("reloaded %s", agent.settings.file)
        for configured in agent.settings.adapters:
            if before.pop(configured.name, None) != configured:
                log.info("adapter %r: %s", configured.name, _described(configured))
        for name in before:
            log.info("adapter %r: removed", name)
    notify("READY=1", f"STATUS=running with {agent.settings.file}")


def _wait(signals: int, agent: Agent) -> int:
    """Return the number of the next signal; until then, notify the watchdog while all is well."""
    pause = watchdog()
    logged = ""
    while not select.select([signals], [], [], pause)[0]:
        if agent.alive():
            notify("WATCHDOG=1")
        elif logged != (logged := "; ".join(f"{n}: {why}" for n, why in unhealthy().items())):
            log.error("the watchdog is not notified, as these threads do not serve: %s", logged)
    numbers = os.read(signals, 64)
    # A request to stop goes before one to reload.
    return next((n for n in numbers if n != signal.SIGHUP), signal.SIGHUP)


def _signal_pipe() -> int:
    """Return a descriptor from which the numbers of received signals can be read.

    The interpreter writes to it at once, on whichever thread a signal arrives. A Python handler
    would run on the main thread only, which waits; and one that takes a lock, as Event.set does,
    deadlocks on the second signal.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in _SIGNALS:
        signal.signal(number, lambda *_: None)
    return reading


def _described(configured: AdapterSettings) -> str:
    """Return an adapter's type, interval, and the keys that were set or are not the default."""
    known = options(type(configured.adapter))
    values = {name: getattr(configured.adapter, name) for name in known}
    keys = ", ".join(
        f"{name} = {'(secret)' if known[name].secret and value else repr(value)}"
        for name, value in values.items()
        if value != known[name].default or name in configured.table
    )
    kind = f"{configured.type}, every {configured.interval:g} s"
    return f"{kind}: {keys}" if keys else kind


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


def _test(agent: Agent) -> int:
    interval = agent.settings.program.interval
    console = Console()
    with agent.collector("test", interval) as collector:
        for pull in range(2):
            if pull:
                _say(f"waiting {interval:g} s for the second pull")
                time.sleep(interval)
            snapshot = collector.collect()
            for batch in console.encode(snapshot, {}):
                print(b"".join(batch.frames).decode(), end="", flush=True)
    return OK


def ledger(balance: Balance) -> str:
    """Return a balance as the equation of the law."""
    dropped = {reason: n for reason, n in balance.dropped.items() if n}
    reasons = "".join(f" {reason} {n}" for reason, n in dropped.items())
    recovered = f" + {balance.recovered} recovered" if balance.recovered else ""
    return (
        f"{balance.collected} collected{recovered} = {balance.delivered} delivered + "
        f"{balance.unconfirmed} unconfirmed + {sum(dropped.values())} dropped"
        f"{f' ({reasons.strip()})' if reasons else ''} + {balance.queued} queued"
    )


def _print_failures(snapshot: Snapshot) -> None:
    for failure in snapshot.failures:
        _say(f"sampler {failure.sampler!r}: {failure.message}")


def _say(sentence: str) -> None:
    """Print a line to standard error at once: threads of the agent may log meanwhile."""
    print(f"{sentence}\n", end="", file=sys.stderr)
