"""``sampler run``: an agent in the foreground."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from typing import TYPE_CHECKING

from sampler._runtime.log import log
from sampler._runtime.printable import printable
from sampler.adapterkit.threads import unhealthy
from sampler.agent import Agent, options
from sampler.agent.config.reading import find_settings
from sampler.agent.config.settings import DEFAULTS, Settings
from sampler.agent.console import Console
from sampler.cli.exits import OK, UNAVAILABLE
from sampler.cli.notify import notify, reloading, watchdog
from sampler.exceptions import ConfigurationError

if TYPE_CHECKING:
    from sampler._contract.snapshot import Snapshot
    from sampler.agent import Balance
    from sampler.agent.config.settings import AdapterSettings

_ONE_WISH = 0.5
"""Seconds within which signals are one: a terminal and a supervisor may both send theirs."""
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def run(config: str | None, *, once: bool = False, test: bool = False) -> int:
    """Run what a configuration says; return the exit status.

    Args:
        config: the file; None: ``./sampler.toml``, or built-in defaults.
        once: pull once, deliver, and end.
        test: pull twice and print, and send nothing.

    Raises:
        ConfigurationError: with every problem, those of named samplers included.
    """
    agent = prepare(config)
    if test:
        return _test(agent)
    if once:
        return _once(agent)
    return _forever(agent, config)


def prepare(config: str | None) -> Agent:
    """Return an agent whose configuration and named samplers are known to be good."""
    agent = Agent(find_settings(config))
    _insist(agent, agent.settings)
    if not agent.settings.adapters:
        log.warning(
            "%s: no adapter is configured, nothing will be delivered: "
            "add a table such as [adapters.prometheus]",
            agent.settings.file,
        )
    return agent


def _insist(agent: Agent, wanted: Settings) -> None:
    """Insist on the samplers that a configuration names."""
    names = wanted.samplers.enable
    failures = agent.discover(("process",) if names is None else names)
    problems = [f"samplers.enable: {f.sampler!r}: {f.message}" for f in failures]
    if problems:
        raise ConfigurationError(wanted.file, problems)


def _forever(agent: Agent, config: str | None) -> int:
    told = _told()
    agent.start()
    log.info("running with %s", agent.settings.file)
    for each in agent.settings.adapters:
        log.info("adapter %r: %s", each.name, _describe(each))
    if agent.settings.file == DEFAULTS:
        log.info(
            "no configuration: serving http://127.0.0.1:9464/metrics; to add an adapter: "
            "sampler config sample > sampler.toml, edit it, and run again"
        )
    notify("READY=1", f"STATUS=running with {agent.settings.file}")
    while _wait(told, agent) == signal.SIGHUP:
        _reload(agent, config)
    notify("STOPPING=1")
    log.info("stopping: sending what waits, %g s at most", agent.settings.program.flush_timeout)
    impatient = time.monotonic() + _ONE_WISH

    def drain(*_: object) -> None:
        if time.monotonic() > impatient:  # whoever says it again has no more patience
            agent.stop(0.0)

    for number in _SIGNALS:
        signal.signal(number, drain)
    for name, balance in agent.stop().items():
        log.info("%s: %s", printable(name), ledger(balance))
    for number in _SIGNALS:  # the interpreter's end gives a handler up, and not this
        signal.signal(number, signal.SIG_IGN)
    return OK


def _reload(agent: Agent, config: str | None) -> None:
    """Go on with the configuration as it is now; a bad one changes nothing and says why."""
    reloading()
    before = {each.name: each for each in agent.settings.adapters}
    try:
        wanted = find_settings(config)
        _insist(agent, wanted)
        agent.reload(wanted)
    except ConfigurationError as error:
        log.error("%s\nnot reloaded: running on as before", error)
    else:
        log.info("reloaded %s", agent.settings.file)
        for each in agent.settings.adapters:
            if before.pop(each.name, None) != each:
                log.info("adapter %r: %s", each.name, _describe(each))
        for name in before:
            log.info("adapter %r: gone", name)
    notify("READY=1", f"STATUS=running with {agent.settings.file}")


def _wait(told: int, agent: Agent) -> int:
    """Return the number of the next signal; meanwhile tell a watchdog that all is well."""
    pause = watchdog()
    said = ""
    while not select.select([told], [], [], pause)[0]:
        if agent.alive():
            notify("WATCHDOG=1")
        elif said != (said := "; ".join(f"{name}: {why}" for name, why in unhealthy().items())):
            log.error("the watchdog is told nothing, as not every thread serves: %s", said)
    numbers = os.read(told, 64)
    # Whatever else came, being told to stop comes first.
    return next((n for n in numbers if n != signal.SIGHUP), signal.SIGHUP)


def _told() -> int:
    """Return a descriptor from which the numbers of the signals that came can be read.

    The interpreter writes to it at once, on whichever thread the signal meets. A handler of our
    own would wait for the main thread, which waits; one that takes a lock, as Event.set does,
    deadlocks on the second signal.
    """
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
    for number in _SIGNALS:
        signal.signal(number, lambda *_: None)
    return told


def _describe(each: AdapterSettings) -> str:
    described = options(type(each.adapter))
    keys = {name: getattr(each.adapter, name) for name in described}
    shown = ", ".join(
        f"{name} = {'(secret)' if described[name].secret and value else repr(value)}"
        for name, value in keys.items()
        if value != described[name].default or name in each.table
    )
    return f"{each.type}, every {each.interval:g} s" + (f": {shown}" if shown else "")


def _once(agent: Agent) -> int:
    snapshot = agent.once()
    balances = agent.balances()
    pushed = {name: balance for name, balance in balances.items() if balance.collected}
    for name, balance in pushed.items():
        print(f"{printable(name)}: {ledger(balance)}")
    for name in balances.keys() - pushed.keys():
        print(f"{printable(name)}: is scraped, takes no part in --once")
    _say_failures(snapshot)
    for name, trouble in agent.troubles().items():
        print(f"{printable(name)}: does not answer: {trouble}", file=sys.stderr)
    return UNAVAILABLE if agent.troubles() else OK


def _test(agent: Agent) -> int:
    interval = agent.settings.program.interval
    console = Console()
    with agent.collector("test", interval) as collector:
        for pull in range(2):
            if pull:
                print(f"waiting {interval:g} s for the second pull", file=sys.stderr)
                time.sleep(interval)
            snapshot = collector.collect()
            for batch in console.encode(snapshot, {}):
                print(b"".join(batch.frames).decode(), end="", flush=True)
    return OK


def ledger(balance: Balance) -> str:
    """Show an account as the law reads."""
    dropped = {reason: n for reason, n in balance.dropped.items() if n}
    reasons = "".join(f" {reason} {n}" for reason, n in dropped.items())
    recovered = f" + {balance.recovered} recovered" if balance.recovered else ""
    return (
        f"{balance.collected} collected{recovered} = {balance.delivered} delivered + "
        f"{balance.unconfirmed} unconfirmed + {sum(dropped.values())} dropped"
        f"{f' ({reasons.strip()})' if reasons else ''} + {balance.queued} queued"
    )


def _say_failures(snapshot: Snapshot) -> None:
    for failure in snapshot.failures:
        print(f"sampler {failure.sampler!r}: {failure.message}", file=sys.stderr)
