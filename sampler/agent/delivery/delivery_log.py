"""Log lines about one destination: one for each change of its state, and one an hour meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampler._runtime.log import log
from sampler._runtime.printable import counted

if TYPE_CHECKING:
    from sampler.agent.delivery.ledger import Balance, Ledger
    from sampler.types import Clock

HOUR = 3600.0
"""Seconds after which a state that lasts is logged again."""
SETTLED = 60.0
"""Seconds without a failure, or a drop, that end an outage where no confirmation does."""


class DeliveryLog:
    """Logs the state of a destination in few lines.

    The sender reports every attempt; lines are logged on its thread, with no lock held.

    Args:
        name: the adapter's name in the configuration.
        ledger: tells what waits and what was dropped.
        clock: tells the time.
        expected: seconds for which an outage is expected, and no warning.

    Attributes:
        ending: the final flush has begun, whose end logs what could not be sent.
    """

    def __init__(self, name: str, ledger: Ledger, clock: Clock, expected: float = 0.0) -> None:
        self.ending: bool = False
        self._name = name
        self._ledger = ledger
        self._clock = clock
        self._expected = expected
        self._warned = False
        self._away: float | None = None  # since this moment
        self._failed = self._summed = 0.0
        self._dropped = 0  # entries, before it was away
        self._oldest = ledger.balance().dropped["oldest"]
        self._full: int | None = None  # entries dropped as oldest before the outbox was full
        self._last_drop = 0.0
        self._logged: dict[str, float] = {}

    def failed(self, trouble: str) -> None:
        """Report an attempt that has to be repeated."""
        now, balance = self._clock.monotonic(), self._ledger.balance()
        self._failed = now
        if self._away is None:
            self._away = self._summed = now
            self._dropped = sum(balance.dropped.values())
            self._warned = not self._expected
            if self._expected:
                log.info("adapter %r: %s; it may be late: retrying", self._name, trouble)
            elif not self.ending:
                self._warn("%s; retrying, and what waits here is kept", trouble)
        elif now - self._summed >= (HOUR if self._warned else self._expected):
            self._summed, self._warned = now, True
            self._warn("away for %s: %s; %s", _span(now - self._away), trouble, self._sum(balance))
        self._check_outbox(now, balance)

    def succeeded(self, *, confirmed: bool) -> None:
        """Report an attempt that is done; one without confirmation does not end an outage soon."""
        now, balance = self._clock.monotonic(), self._ledger.balance()
        if self._away is not None and (confirmed or now - self._failed >= SETTLED):
            if self._warned:
                self._warn(
                    "the endpoint answers again, after %s; %s",
                    _span(now - self._away),
                    self._sum(balance),
                )
            self._away = None
        self._check_outbox(now, balance)

    def complain(self, about: str, text: str, error: BaseException | None = None) -> None:
        """Log an error unless one was logged for the same keyword within the last hour."""
        now = self._clock.monotonic()
        if now - self._logged.get(about, float("-inf")) >= HOUR:
            self._logged[about] = now
            log.error("adapter %r: %s", self._name, text, error=error)

    def _check_outbox(self, now: float, balance: Balance) -> None:
        """Log when the outbox is full, and when it has room again."""
        oldest = balance.dropped["oldest"]
        if oldest > self._oldest:
            if self._full is None:
                self._full = self._oldest
                self._warn("the outbox is full: from now on the oldest entries are dropped")
            self._oldest, self._last_drop = oldest, now
        elif self._full is not None and not balance.queued and now - self._last_drop >= SETTLED:
            dropped = counted(oldest - self._full, "entry was", "entries were")
            self._warn("the outbox has room again: %s dropped", dropped)
            self._full = None

    def _sum(self, balance: Balance) -> str:
        dropped = sum(balance.dropped.values()) - self._dropped
        waiting = counted(balance.queued, "entry waits", "entries wait")
        return f"{waiting} here, {counted(dropped, 'was', 'were')} dropped here meanwhile"

    def _warn(self, text: str, *details: object) -> None:
        log.warning(f"adapter %r: {text}", self._name, *details)


def _span(seconds: float) -> str:
    """Show a duration in hours, minutes or seconds."""
    for name, unit in (("h", 3600), ("min", 60)):
        if seconds >= unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} s"
