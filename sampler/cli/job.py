"""What ``sampler job`` adds to a relay: when the command began and how it ended, as metrics."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Any

import attrs

from sampler._runtime.log import log
from sampler.cli.exits import OK, UNAVAILABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sampler.agent import AdapterSettings, Agent, Settings

METRICS: Mapping[str, Mapping[str, Any]] = {
    "duration": {
        "kind": "gauge",
        "unit": "s",
        "help": "How long the last run took.",
        "merge": "max",
    },
    "exit_status": {
        "kind": "gauge",
        "help": "Exit status of the last run; of one that a signal has ended, 128 and its number; "
        "137, too, if sampler job was killed.",
        "merge": "max",
    },
    "last_start.timestamp": {
        "kind": "gauge",
        "unit": "s",
        "help": "When the last run began, in epoch seconds; told while it runs, too.",
        "merge": "max",
    },
    "last_end.timestamp": {
        "kind": "gauge",
        "unit": "s",
        "help": "When a run last ended, in epoch seconds. Where the start is later, that run goes "
        "on, or was killed together with its relay.",
        "merge": "max",
    },
    "last_success.timestamp": {
        "kind": "gauge",
        "unit": "s",
        "help": "When a run ended with exit status 0, in epoch seconds; a failed run has none.",
        "merge": "max",
    },
}


JOB = "job"
"""The sampler's name."""
_KILLED = 128 + signal.SIGKILL
"""The exit status of ``sampler job`` itself where it says nothing at its end: it was killed."""
_RETAIN = 86_400.0
"""Seconds for which gauges outlive their process: those of a job are wanted after its end."""


class JobResult:
    """When the command began, and how it has ended, once its parent has said so.

    Args:
        life_fd: the pipe on which it says that, and at whose end everything ends.
        began: when the run began, in epoch seconds; a relay that was started again began later.
    """

    def __init__(self, life_fd: int, began: float) -> None:
        self._life_fd = life_fd
        self._began = began
        self._result: tuple[float, int, float] | None = None

    @property
    def sampler(self) -> Mapping[str, Any]:
        """The sampler ``job``, which yields only the start before the end."""
        return {"name": JOB, "sample": self._sample, "metrics": METRICS}

    def read(self) -> None:
        """Read what the parent says at the end; if it says nothing, it was killed: so was the run.

        Its exit status is that of ``sampler job`` then, since that is what cron has seen.
        """
        said = b""
        while part := os.read(self._life_fd, 4096):
            said += part
        words = said.split()
        if len(words) == 3:
            self._result = float(words[0]), int(words[1]), float(words[2])
            return
        ended = time.time()
        self._result = max(0.0, ended - self._began), _KILLED, ended
        log.warning(
            "'sampler job' was killed: job.exit_status is %d; if the command runs on, nothing "
            "counts it any more",
            _KILLED,
        )

    def _sample(self) -> Iterator[tuple[str, float]]:
        yield "last_start.timestamp", self._began
        if self._result is None:
            return
        duration, status, ended = self._result
        yield "duration", duration
        yield "exit_status", status
        yield "last_end.timestamp", ended
        if status == OK:
            yield "last_success.timestamp", ended


def for_job(settings: Settings, name: str) -> Settings:
    """Return the settings of a job's relay: adapters have their defaults for jobs.

    Args:
        settings: what the file says, which stands.
        name: the service, unless the file says one.
    """
    program = attrs.evolve(settings.program, service=settings.program.service or name)
    relay = attrs.evolve(settings.relay, retain=settings.relay.retain or _RETAIN)
    adapters = tuple(map(_adapter_for_job, settings.adapters))
    return attrs.evolve(settings, program=program, relay=relay, adapters=adapters)


def _adapter_for_job(configured: AdapterSettings) -> AdapterSettings:
    defaults = getattr(configured.adapter, "for_jobs", {})
    changes = {key: value for key, value in defaults.items() if key not in configured.table}
    if not changes or not attrs.has(type(configured.adapter)):
        return configured
    return attrs.evolve(configured, adapter=attrs.evolve(configured.adapter, **changes))


def delivered(agent: Agent) -> int:
    """Return the exit status that tells whether everything has arrived where it was sent."""
    account = agent.account()
    pushed = [each for each in agent.settings.adapters if each.pushes]
    return OK if pushed and account.complete else UNAVAILABLE
