"""The one agent of a process: start, reload, stop, and another one in a forked child.

In the child nothing is started at once: the hooks of others have not run yet, and many children
end, or become another program, right away. One thread sleeps for a moment and then starts an
agent like the parent's. It counts from the fork on, so nothing is lost meanwhile: the parent has
read, right before, what samplers had counted. uWSGI tells its workers when they are ready.

The agent of a server's supervisor does nothing but that: see :mod:`sampler.agent.roles`.

A child that a sampler, an adapter or a page has forked gets no agent: that would call them, and
they would fork again. Nor does a child that is forked inside ``no_fork``, nor any child of these.
"""

from __future__ import annotations

import atexit
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sampler._runtime.fork import chain_uwsgi, forked_at
from sampler._runtime.log import log
from sampler._runtime.native import RLock
from sampler._runtime.no_fork import no_fork
from sampler._runtime.who_forked import children_get_no_agent, gets_no_agent
from sampler.agent import celery_worker, uvicorn_server
from sampler.agent.account import Account
from sampler.agent.agent import Agent
from sampler.agent.config import web
from sampler.agent.config.joining import joined, settings_of_process, warn_of_others
from sampler.agent.config.settings import Settings
from sampler.agent.handover import Handover
from sampler.agent.inherited import inherited_settings, is_inherited, warn_of_pages
from sampler.agent.interpreters import leave_no_thread
from sampler.agent.overview import tell_of_start
from sampler.agent.restart import Restart
from sampler.agent.roles import (
    SUPERVISOR,
    WORKER,
    is_multiprocessing_child,
    role_here,
    supervisor_of,
    tell_idle_threads,
)
from sampler.agent.signals import past_ctrl_c
from sampler.exceptions import ConfigurationError

if TYPE_CHECKING:
    from sampler._pull.fork_baseline import ForkBaseline
    from sampler._registry.registry import Registry
    from sampler.agent.config.given import Config
    from sampler.agent.delivery.ledger import Balance
    from sampler.agent.roles import Role

GENERATIONS = 4
"""How many times in a row an agent may be inherited within :data:`A_WHILE`. That ends the forks of
a sampler that forks on a thread of its own, which nobody can recognise as a sampler's."""
A_WHILE = 60.0
"""Seconds."""
_SERVING = 2.0
"""Seconds that a worker waits for its agent, the first pull included, before it serves."""
_ROUNDS = 8
"""Reloads that one call does for itself and for the signal handlers that interrupt it."""


class ProcessAgent:
    """The agent of this process, if it has one, and how it came about.

    A signal handler may call any method at any moment, and so interrupt the same thread inside
    another one: the lock is re-entrant, and what a method has to notice then is an attribute.

    Attributes:
        agent: the agent that runs, or starts.
        wanted: the settings and registry that the agent was started with; in a forked child the
            parent's, until the child stops.
        restart: the thread that starts an agent in a forked child.
    """

    def __init__(self) -> None:
        self.agent: Agent | None = None
        self.wanted: tuple[Settings, Registry | None] | None = None
        self.restart: Restart | None = None
        self._baseline: ForkBaseline | None = None  # what the children of this process inherit
        self._goes_on = False  # its agents count from the fork on, as the parent had one
        self._at_fork: ForkBaseline | None = None  # what it has inherited
        self._supervises = False  # its agent does nothing; in a child: the parent's did not
        self._lock: Any = RLock()
        self._given: Config = None  # the last configuration, as the program gave it
        self._unasked = False  # the agent came with a fork, or by wiring: nobody has asked for it
        self._starting = False  # the configuration is being read: only signal handlers see this
        self._reloads: list[Config] = []  # what is being reloaded, and the next one
        self._ending: Agent | None = None  # it is being stopped: whoever stops it, too, waits
        self._stops = 0  # calls of stop(), so that start() notices one that interrupts it
        self._handover = Handover()  # what earlier agents of this process have handed over
        self._forks: tuple[float, ...] = ()  # monotonic, of this line of processes with agents

    def start(
        self,
        config: Config,
        registry: Registry | None,
        role: Role | None = None,
        *,
        asked: bool = True,
    ) -> Agent:
        """See :func:`start`; ``asked``: by the program."""
        with self._lock, no_fork():  # a child that an entry point or adapter forks gets no agent
            celery_worker.listen(self.serve, self.stop_at_exit)
            uvicorn_server.listen(self.stop_at_exit)
            if self.agent is not None and not (self._unasked and asked):
                if asked:
                    warn_of_others(config, self._given)
                return self.agent
            if self._starting:
                return Agent(Settings())
            self._starting, self._given = True, config
            try:
                agent = self._start(config, registry, role or role_here())
            finally:
                self._starting, self._unasked = False, not asked
                wished, self._reloads = self._reloads[-1:], []
            if asked and self.agent is agent and not self._supervises:
                tell_of_start(agent)
            if wished and self.agent is agent:
                try:
                    self.reload(wished[0])
                except ConfigurationError as error:
                    log.error("%s\nnot reloaded: running on as before", error)
            return agent

    def _start(self, config: Config, registry: Registry | None, role: Role) -> Agent:
        stops = self._stops
        same = self.wanted is not None and self.wanted[1] is registry
        if self.agent is not None and same and joined():  # the file does not matter
            return self.agent
        wanted = settings_of_process(config), registry
        web.tell(wanted[0].web)
        if self.agent is not None:
            self._unasked = False
            if wanted == self.wanted:
                return self.agent
            given_up, self.agent = self.agent, None
            given_up.stop()
            self._handover.take(given_up)
        chain_uwsgi()
        tell_idle_threads()
        agent = self._new(wanted, role, forked=False)
        if stops != self._stops:
            agent.stop(0.0)
        elif role == SUPERVISOR:
            self._supervise(agent)
            self.wanted = wanted
        elif self._begin(agent):
            self.wanted = wanted
            if not forked_at():  # else the program has forked it, and knows
                warn_of_pages(agent)
        return self.agent or agent

    def _new(self, wanted: tuple[Settings, Registry | None], role: Role, *, forked: bool) -> Agent:
        agent = Agent(*wanted, role=role)
        if self._goes_on:
            agent._take_over(self._at_fork, forked=forked)  # noqa: SLF001 - not for the public
        self._handover.give(agent)
        return agent

    def _supervise(self, agent: Agent) -> None:
        """Run no agent in this process, but in its children; the lock is held."""
        self.agent, self._supervises = agent, True
        if "uwsgi" in sys.modules:  # it forks in C: a thread that runs then hangs its workers
            log.flush()
            return
        whose = supervisor_of() or "other processes"
        log.info("this process starts %s: they are sampled, it is not", whose)

    def serve(self) -> None:
        """Start the agent of a worker now: it is about to serve."""
        if self.restart is not None:
            self.restart.hurry()
            self.restart.join(_SERVING)
        elif self._supervises and self.wanted is not None:  # it works itself, and has no children
            with self._lock:
                self.agent, self._supervises = None, False
                agent = Agent(*self.wanted, role=WORKER)
                if self._begin(agent):
                    warn_of_pages(agent)

    def reload(self, config: Config) -> Agent:
        """See :func:`reload`."""
        with self._lock, no_fork():
            agent = self.agent
            if agent is None:
                raise RuntimeError(
                    "no agent runs in this process: call sampler.agent.start() first"
                )
            self._reloads = [*self._reloads[:1], config]  # of those that wait, the newest
            if len(self._reloads) > 1 or self._starting:
                return agent
            try:
                self._reload(agent)
            finally:
                self._reloads = []
            return agent

    def _reload(self, agent: Agent) -> None:
        """Reload once, and again for each signal handler that has asked for it meanwhile."""
        for _ in range(_ROUNDS):
            settings = settings_of_process(self._reloads[0])
            try:
                if self._supervises:
                    agent.settings = settings  # for the children that come
                else:
                    agent.reload(settings)
            except RuntimeError:
                if self.agent is agent:
                    raise
                return  # a signal handler has stopped it
            self.wanted = settings, self.wanted[1] if self.wanted is not None else None
            self._given = self._reloads[0] or self._given
            web.tell(settings.web)
            self._reloads = self._reloads[1:]
            if not self._reloads or self.agent is not agent:
                return
        log.warning("signals ask for reloads faster than one is done: the last is left out")

    def stop(self, timeout: float | None) -> dict[str, Balance]:
        """See :func:`stop`."""
        self._stops += 1
        owned = self._lock._is_owned()  # noqa: SLF001 - the restart may wait for that lock
        if self.restart is not None and not owned:
            self.restart.hurry()  # a child that ends so soon delivers what it has counted, too
            self.restart.join(timeout)
        with self._lock:
            agent, self.agent, self.wanted, self.restart = self.agent, None, None, None
            self._ending = agent = agent or self._ending
        if agent is None:
            return {}
        atexit.unregister(self.stop_at_exit)
        try:
            return agent.stop(timeout)
        finally:
            self._handover.take(agent)
            self._ending = None

    def flush(self, timeout: float | None) -> Account:
        """See :func:`flush`."""
        agent = self._serving(timeout)
        return Account() if agent is None else agent.flush(timeout)

    def push(self, config: Config, registry: Registry | None, timeout: float | None) -> Account:
        """See :func:`push`."""
        if (agent := self._serving(timeout)) is not None:
            warn_of_others(config, self._given)
            return agent.flush(timeout)
        with self._lock, no_fork():
            settings = settings_of_process(config)
            if not any(each.pushes for each in settings.adapters):
                log.warning("nothing is pushed: no adapter of %s pushes", settings.file)
            agent = self._new((settings, registry), role_here(), forked=False)
            try:
                agent.once(timeout)
            except RuntimeError as error:  # at the end of a program no thread starts, from 3.12 on
                log.error("nothing is pushed: %s: call push() before the program's end", error)
                return Account(agent.balances(), {"": str(error)})
            finally:
                self._handover.take(agent)
        return agent.account()

    def _serving(self, timeout: float | None) -> Agent | None:
        """Return the agent that runs; a child's that is about to start starts now."""
        if self.restart is not None and not self._lock._is_owned():  # noqa: SLF001 - as in stop
            self.restart.hurry()
            self.restart.join(timeout)
        return self.agent

    def _begin(self, agent: Agent) -> bool:
        """Start ``agent`` as the one of this process; the lock is held.

        Returns:
            False when a signal handler has started another one, or stopped this one.
        """
        if self.agent is None:
            self.agent = agent
        else:
            agent.stop(0.0)
            return False
        try:
            agent.start(insist=False)
        except BaseException:
            if self.agent is agent:
                self.agent = None
            raise
        if self.agent is not agent:
            return False
        self._stop_at_exit()
        if is_multiprocessing_child():
            self._stop_with_multiprocessing()
        return True

    def before_fork(self) -> None:
        """Read what the child inherits, if it gets an agent."""
        agent = self.agent
        if agent is None or not self._gives_agents() or children_get_no_agent():
            return
        try:
            if self._baseline is None:
                self._baseline = agent._fork_baseline()  # noqa: SLF001 - as below
            self._baseline.take()
        except Exception:  # the program forks in any case
            log.exception("what a child inherits could not be read before the fork")

    def after_fork(self) -> None:
        """Forget the parent's agent, and start one like it soon, if it had one."""
        self._lock, self.agent, self._unasked, self.restart = RLock(), None, False, None
        self._starting, self._reloads = False, []
        self._ending, self._handover = None, Handover()
        self._at_fork, self._baseline = self._baseline, None
        if gets_no_agent():
            self.wanted = None
        self._goes_on = self._gives_agents()
        if not self._goes_on:
            return
        if (multiprocessing := sys.modules.get("multiprocessing.util")) is not None:
            multiprocessing.register_after_fork(self, ProcessAgent._stop_with_multiprocessing)
        self._forks = (*self._forks[-GENERATIONS:], time.monotonic())
        restart = Restart(self._inherit)
        try:
            restart.start()
        except RuntimeError:  # no thread can start: at the interpreter's end, or at a limit
            return
        self.restart = restart
        self._stop_at_exit()  # before the agent has begun, too

    def _gives_agents(self) -> bool:
        """Tell whether a forked child gets an agent like this process's, or its parent's."""
        if self.wanted is None or not self.wanted[0].program.fork:
            return False
        return self._supervises or any(map(is_inherited, self.wanted[0].adapters))

    def _inherit(self) -> None:
        """Start the child's agent, unless the child has started one or has ended."""
        with self._lock:
            if self.agent is not None or self.wanted is None:
                return
            forks = self._forks
            if len(forks) > GENERATIONS and forks[-1] - forks[0] < A_WHILE:
                self.wanted = None
                log.error(
                    "this process gets no agent: it is the child of %d generations of forks "
                    "within %g s, as when a sampler forks on a thread of its own: fork inside "
                    "'with sampler.agent.no_fork():' there; a child that needs an agent calls "
                    "sampler.agent.start()",
                    GENERATIONS,
                    A_WHILE,
                )
                return
            supervised = self._supervises
            settings = inherited_settings(self.wanted[0], pages=supervised)
            self._supervises = False
            agent = self._new((settings, self.wanted[1]), WORKER, forked=True)
            try:
                self._unasked = self._begin(agent)
            except RuntimeError:  # no new thread at interpreter exit (3.12)
                return
            if supervised:
                warn_of_pages(agent)

    def stop_at_exit(self) -> None:
        """Stop, and flush the log; Ctrl-C meanwhile ends the wait, but see :func:`past_ctrl_c`."""
        if is_multiprocessing_child():
            past_ctrl_c(self._stop_and_flush)
        else:
            self._stop_and_flush()

    def _stop_and_flush(self) -> None:
        try:
            with suppress(SystemExit):  # the program ends already
                self.stop(None)
            log.flush()
            leave_no_thread()
        except KeyboardInterrupt:
            log.flush(0.1)

    def _stop_at_exit(self) -> None:
        atexit.unregister(self.stop_at_exit)
        atexit.register(self.stop_at_exit)

    def _stop_with_multiprocessing(self) -> None:
        """Stop at the end of a multiprocessing child: it never gets to atexit, or too late.

        Celery's billiard has its finalizers there, too.
        """
        finalize = sys.modules["multiprocessing.util"].Finalize
        finalize(None, self.stop_at_exit, exitpriority=0)
