"""``sampler relay``: an agent in the foreground, for the processes that report to it."""

from __future__ import annotations

import os
import resource
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from sampler._runtime.log import log
from sampler.agent.config.reading import find_settings
from sampler.cli.exits import UNAVAILABLE
from sampler.cli.foreground import serve
from sampler.cli.interrupts import EndAtOnce
from sampler.cli.job import JobResult, delivered, for_job
from sampler.exceptions import ConfigurationError

if TYPE_CHECKING:
    from sampler.adapterkit._unix.listener import Listener
    from sampler.agent import Settings


def relay(
    config: str | None,
    *,
    listen_fd: int | None = None,
    ready_fd: int | None = None,
    life_fd: int | None = None,
    number: int = 0,
    job: str | None = None,
    job_began: float | None = None,
) -> int:
    """Run a relay; return the exit status.

    Args:
        config: the file; None: ``./sampler.toml``, or built-in defaults.
        listen_fd: a unix socket that listens already, beside that which ``[relay]`` names; then no
            taken port or socket ends the relay.
        ready_fd: where a line is written once pages and socket answer: ``ready``, and the seconds
            that its end may take.
        life_fd: a pipe at whose end the relay stops, and not at a signal: the processes end, too.
        number: of this relay among those of one command, from 1 on; 0: nobody counts them.
        job: the name of the job for which it runs; then the pipe says how that has ended, and the
            status is 69 unless everything has arrived.
        job_began: when it began, in epoch seconds; default: now.

    Raises:
        ConfigurationError: with every problem.
    """
    try:
        with EndAtOnce():
            from sampler.relay.program import RelayAgent
    except ModuleNotFoundError as missing:
        log.error("the relay needs %r: pip install 'sampler-api[relay]'", missing.name)
        return UNAVAILABLE

    def read() -> Settings:
        found = find_settings(config)
        return found if job is None else for_job(found, job)

    settings = read()
    if not any(each.pushes if job else not each.for_people for each in settings.adapters):
        log.warning(
            "%s: no adapter %s, nothing will be delivered: add a table such as [adapters.%s]",
            settings.file,
            *(("is configured", "prometheus") if job is None else ("pushes", "pushgateway")),
        )
    _allow_many_files()
    listener = None if listen_fd is None else _inherited(listen_fd)
    began = time.time() if job_began is None else job_began
    result = None if job is None or life_fd is None else JobResult(life_fd, began)
    more = () if result is None else (result.sampler,)
    agent = RelayAgent(settings, listener, number, more)
    agent.sees_them_off = life_fd is not None
    longest = settings.program.flush_timeout * (2 if agent.sees_them_off else 1)

    def start() -> None:
        agent.start(insist=listen_fd is None)
        if ready_fd is not None:
            with suppress(OSError):  # who waited for it has left
                os.write(ready_fd, f"ready {longest:g}\n".encode())
                os.close(ready_fd)

    if result is None:
        return serve(agent, start, read, life_fd)
    return serve(agent, start, read, life_fd, result.read) or delivered(agent)


def _inherited(descriptor: int) -> Listener:
    from sampler.adapterkit._unix.listener import Listener, SocketProblem

    try:
        return Listener.inherited(descriptor)
    except SocketProblem as problem:
        raise ConfigurationError("--listen-fd", [str(problem)]) from None


def _allow_many_files() -> None:
    """Allow as many open files as this user may have: each process needs two."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    except (OSError, ValueError):  # of a sandbox
        return
