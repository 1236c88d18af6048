"""What the log says of one destination: each change of its state, and a line an hour meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampler._runtime.log import log

if TYPE_CHECKING:
    from sampler.agent.delivery.ledger import Balance, Ledger
    from sampler.types import Clock

HOUR = 3600.0
"""Seconds after which something that lasts is said again."""
SETTLED = 60.0
"""Seconds without a failure, or a drop, after which it is over where nothing proves it."""


class Journal:
    """Says what becomes of a destination, in as few lines as tell it all.

    It is told of every attempt, and logs on the thread that tells it, with no lock held.

    Args:
        name: the adapter's name in the configuration.
        ledger: the account, for what waits and what was dropped.
        clock: what time it is.

    Attributes:
        ending: the final flush has begun: whoever waits for it says what it could not send.
    """

    def __init__(self, name: str, ledger: Ledger, clock: Clock) -> None:
        self.ending: bool = False
        self._name = name
        self._ledger = ledger
        self._clock = clock
        self._away: float | None = None  # since when
        self._failed = self._summed = 0.0
        self._dropped = 0  # before it was away
        self._oldest = ledger.balance().dropped["oldest"]
        self._spilling: int | None = None  # what had been dropped at the bound before
        self._spilled = 0.0
        self._said: dict[str, float] = {}

    def failed(self, trouble: str) -> None:
        """Note an attempt that has to be made again."""
        now, balance = self._clock.monotonic(), self._ledger.balance()
        self._failed = now
        if self._away is None:
            self._away = self._summed = now
            self._dropped = sum(balance.dropped.values())
            if not self.ending:
                self._say("%s; retrying, nothing is lost yet", trouble)
        elif now - self._summed >= HOUR:
            self._summed = now
            self._say("away for %s: %s; %s", _span(now - self._away), trouble, self._sum(balance))
        self._look(now, balance)

    def succeeded(self, *, confirmed: bool) -> None:
        """Note an attempt that needs no other; one without an answer proves little."""
        now, balance = self._clock.monotonic(), self._ledger.balance()
        if self._away is not None and (confirmed or now - self._failed >= SETTLED):
            self._say(
                "the endpoint answers again, after %s; %s",
                _span(now - self._away),
                self._sum(balance),
            )
            self._away = None
        self._look(now, balance)

    def complain(self, about: str, text: str, error: BaseException | None = None) -> None:
        """Log an error unless it was said, under the same keyword, within the last hour."""
        now = self._clock.monotonic()
        if now - self._said.get(about, float("-inf")) >= HOUR:
            self._said[about] = now
            log.error("adapter %r: %s", self._name, text, error=error)

    def _look(self, now: float, balance: Balance) -> None:
        """See whether the outbox is full, or has got over it."""
        oldest = balance.dropped["oldest"]
        if oldest > self._oldest:
            if self._spilling is None:
                self._spilling = self._oldest
                self._say("the outbox is full: from now on the oldest entries are dropped")
            self._oldest, self._spilled = oldest, now
        elif self._spilling is not None and not balance.queued and now - self._spilled >= SETTLED:
            self._say("nothing is dropped any more: %d entries were", oldest - self._spilling)
            self._spilling = None

    def _sum(self, balance: Balance) -> str:
        dropped = sum(balance.dropped.values()) - self._dropped
        return f"{balance.queued} entries wait, {dropped} were dropped meanwhile"

    def _say(self, text: str, *details: object) -> None:
        log.warning(f"adapter %r: {text}", self._name, *details)


def _span(seconds: float) -> str:
    """Show a time as people say it."""
    for name, unit in (("h", 3600), ("min", 60)):
        if seconds >= unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} s"
