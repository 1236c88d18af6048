"""The adapter that keeps what is pulled, for people: it delivers to nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import attrs

from sampler.agent import DELIVERED, Batch
from sampler.agent.config.settings import CHANGES
from sampler.agent.own_metrics import OwnMetrics
from sampler.page.advice import Advice
from sampler.page.drops import Drops
from sampler.page.failures import Failures
from sampler.page.history import History
from sampler.page.lately import Lately

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sampler.agent import Agent, Outcome, Since, Snapshot

EXITS = 300.0
"""Seconds for which the death of a process is told."""
FAILED = 60.0
"""Seconds for which it is told that a sample was refused, or a pull of another process failed."""


@attrs.define(eq=False)
class Recorder:
    """Keep an hour of 5,000 series in memory, for the live page and ``sampler top``."""

    unsupported: ClassVar[Mapping[str, str]] = {}
    history: History = attrs.field(factory=History, init=False, repr=False)
    """What was pulled."""
    failures: Failures = attrs.field(factory=Failures, init=False, repr=False)
    """Which samplers fail."""
    agent: Agent | None = attrs.field(default=None, init=False, repr=False)
    """Whose snapshots these are; None: it has not been attached."""
    drops: Drops = attrs.field(factory=Drops, init=False, repr=False)
    """What adapters have given up lately."""
    exits: Lately = attrs.field(
        factory=lambda: Lately("server.process.exits", ("reason",), EXITS), init=False, repr=False
    )
    """How a relay's processes have ended lately, by reason."""
    failed: Lately = attrs.field(
        factory=lambda: Lately("sampler.pulls.failed", ("sampler", "reason"), FAILED),
        init=False,
        repr=False,
    )
    """Pulls that have failed lately, those of a relay's processes, too, by sampler and reason."""
    refused: Lately = attrs.field(
        factory=lambda: Lately("sampler.samples.refused", ("sampler", "reason"), FAILED),
        init=False,
        repr=False,
    )
    """Samples that were refused lately, by sampler and reason."""
    advice: Advice = attrs.field(factory=Advice, init=False, repr=False)
    """What is said of the last minutes."""
    newest: tuple[int, Snapshot | None, Snapshot | None] = attrs.field(
        default=(0, None, None), init=False, repr=False
    )
    """How many snapshots have come, the newest of them, and the one before it."""
    _shown: OwnMetrics = attrs.field(factory=lambda: OwnMetrics(CHANGES), init=False, repr=False)

    def attach(self, agent: Agent) -> None:
        """Belong to an agent."""
        self.agent = agent

    def go_on(self, before: Recorder) -> None:
        """Take over what another one has kept: a reload has given this one another interval."""
        self.history, self.failures, self.drops = before.history, before.failures, before.drops
        self.exits, self.failed, self.refused = before.exits, before.failed, before.refused
        self.advice, self.newest = before.advice, before.newest

    def encode(self, snapshot: Snapshot, since: Since) -> Iterable[Batch]:
        """Keep a snapshot; there is nothing to send of it."""
        del since
        pulls, last, _ = self.newest
        self.history.record(self._shown.of(snapshot))
        self.failures.note(snapshot)
        self.drops.note(snapshot)
        self.exits.note(snapshot)
        self.failed.note(snapshot)
        self.refused.note(snapshot)
        self.advice.note(snapshot)
        self.newest = pulls + 1, snapshot, last
        yield Batch((), len(snapshot))

    def send(self, batch: Batch, timeout: float) -> Outcome:
        """Say that it is where it belongs."""
        del batch, timeout
        return DELIVERED
