"""An agent in the foreground: until a signal ends it, or has it read its configuration again."""

from __future__ import annotations

import os
import select
import signal
import time
from typing import TYPE_CHECKING

from sampler._runtime.log import log
from sampler._runtime.printable import printable
from sampler.adapterkit.threads import unhealthy
from sampler.agent import options
from sampler.agent.delivery.adapter import ScrapedAdapter
from sampler.agent.overview import waits
from sampler.cli.exits import OK
from sampler.cli.notify import notify, reloading, watchdog
from sampler.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sampler.agent import AdapterSettings, Agent, Balance, Settings

_SCRAPED = ", as it was scraped: what came after the last scrape is not in it"
"""What a page's ledger cannot know."""
_SAME_REQUEST = 0.5
"""Seconds in which further signals count as the first: terminal and supervisor may both send."""
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def serve(
    agent: Agent,
    start: Callable[[], object],
    read: Callable[[], Settings],
    life_fd: int | None = None,
    ending: Callable[[], object] = lambda: None,
) -> int:
    """Run an agent until SIGTERM or Ctrl-C; return the exit status.

    Args:
        agent: the agent.
        start: starts it.
        read: returns its configuration as it is now, for SIGHUP.
        life_fd: a pipe at whose end it stops, and not at a signal: who holds the other end has
            others to wait for, where a service manager sends all of them SIGTERM at once.
        ending: called before it stops.

    Raises:
        ConfigurationError: it cannot start.
    """
    signals = _signal_pipe()
    start()
    log.info("running with %s", agent.settings.file)
    for configured in agent.settings.adapters:
        if not configured.for_people:
            log.info("adapter %r: %s", configured.name, _described(configured))
    path = agent.settings.program.socket
    if path and not waits(agent, "socket"):
        log.info("'sampler top' and 'sampler tap' find this process at %s", path)
    notify("READY=1", f"STATUS=running with {agent.settings.file}")
    while _wait(signals, agent, life_fd) == signal.SIGHUP:
        _reload(agent, read)
    notify("STOPPING=1")
    ending()
    log.info("stopping: sending what waits, %g s at most", agent.settings.program.flush_timeout)
    another_request = time.monotonic() + _SAME_REQUEST

    def stop_at_once(*_: object) -> None:
        if time.monotonic() > another_request:
            agent.stop(0.0)

    for number in _SIGNALS:
        signal.signal(number, stop_at_once)
    adapters = agent.settings.adapters
    pages = {each.name for each in adapters if isinstance(each.adapter, ScrapedAdapter)}
    for name, balance in agent.stop().items():
        if balance.collected or name not in pages:
            until = _SCRAPED if name in pages else ""
            log.info("%s: %s", printable(name), ledger(balance) + until)
        else:  # viewers of the live page are no scrapes
            log.info("%s: was not scraped", printable(name))
    for number in _SIGNALS:  # the interpreter removes handlers as it ends, but not SIG_IGN
        signal.signal(number, signal.SIG_IGN)
    return OK


def _reload(agent: Agent, read: Callable[[], Settings]) -> None:
    """Read the configuration again and apply it; a bad one is logged and changes nothing."""
    reloading()
    before = {configured.name: configured for configured in agent.settings.adapters}
    try:
        agent.reload(read())
    except ConfigurationError as error:
        log.error("%s\nnot reloaded: the previous configuration stays in use", error)
    else:
        log.info("reloaded %s", agent.settings.file)
        for configured in agent.settings.adapters:
            if before.pop(configured.name, None) != configured and not configured.for_people:
                log.info("adapter %r: %s", configured.name, _described(configured))
        for name in before:
            log.info("adapter %r: removed", name)
    notify("READY=1", f"STATUS=running with {agent.settings.file}")


def _wait(signals: int, agent: Agent, life_fd: int | None) -> int:
    """Return the number of the next signal; until then, notify the watchdog while all is well."""
    pause = watchdog()
    logged = ""
    waited = [signals] if life_fd is None else [signals, life_fd]
    while True:
        ready = select.select(waited, [], [], pause)[0]
        if life_fd in ready:
            return signal.SIGTERM
        if ready:
            numbers = os.read(signals, 64)
            stops = [n for n in numbers if n != signal.SIGHUP and life_fd is None]
            if stops or signal.SIGHUP in numbers:  # to stop goes before to reload
                return stops[0] if stops else signal.SIGHUP
        elif agent.alive():
            notify("WATCHDOG=1")
        elif logged != (logged := "; ".join(f"{n}: {why}" for n, why in unhealthy().items())):
            log.error("the watchdog is not notified, as these threads do not serve: %s", logged)


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
