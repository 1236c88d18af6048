"""One sender per destination: takes a batch, sends it, settles it, or waits and tries again."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any

from sampler._runtime.log import log
from sampler._runtime.printable import counted
from sampler._runtime.service import Service
from sampler._runtime.threads import Event, call_foreign
from sampler.agent.config.secrets import described, masked_line
from sampler.agent.delivery.adapter import DELIVERED, UNCONFIRMED
from sampler.agent.delivery.delivery_log import DeliveryLog
from sampler.agent.delivery.past import Past
from sampler.exceptions import Rejected, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from sampler.agent.delivery.adapter import Adapter, Batch, Outcome
    from sampler.agent.delivery.outbox import Outbox
    from sampler.types import Clock

FIRST_PAUSE = 0.5
"""Seconds between the first and the second attempt, at most."""
LONGEST_PAUSE = 30.0
"""Seconds; pauses double up to here."""
LONGEST_RETRY_AFTER = 300.0
"""Seconds; a longer pause that an endpoint asks for is cut to this."""
LAST_PAUSE = 0.5
"""Seconds; the longest pause in a flush, unless the endpoint asks for more."""
MOST_REFUSALS = 100
"""Refusals in a row after which only large parts of a batch are halved: an endpoint that refuses
everything does not get a request for each entry."""
LARGE_PARTS = 32
"""A part is large if it has more than one of so many parts of the batch's entries."""
TRIES_AFTER_ERRORS = 5
"""Attempts at a batch when send raises an exception that the interface does not allow."""
CLOSE_TIMEOUT = 0.2
"""Seconds after the end of the flush in which an adapter's close() has to return."""
_LOOK_AGAIN = 0.1
"""Seconds after which a wait checks whether the flush has to end sooner."""


class Sender:
    """Sends one adapter's batches on a daemon thread of its own.

    Args:
        name: the adapter's name in the configuration.
        adapter: the adapter.
        outbox: where batches come from, and where their outcome is counted.
        timeout: seconds one attempt may take.
        clock: tells the time.
        wait: waits for a number of seconds; the default returns sooner when the final flush
            begins, or has to end sooner.

    Attributes:
        superseded: another sender delivers what this one could not: nothing is lost.
        trouble: what the last attempt failed with; empty when it succeeded.
        past: when attempts have failed and succeeded.
    """

    def __init__(
        self,
        name: str,
        adapter: Adapter,
        outbox: Outbox[Any],
        timeout: float,
        *,
        clock: Clock = time,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        self.name = name
        self._adapter = adapter
        self._outbox = outbox
        self._timeout = timeout
        self._idempotent: bool = getattr(adapter, "idempotent", getattr(adapter, "stamped", True))
        self._service = Service(self._run, f"sampler-send-{name}")
        self._stopping = self._closing = self._ending = self._last_try = False
        self._draining = Event()
        self._deadline = float("inf")
        self._hurried = float("-inf")
        self._given_up = 0  # entries, before the final flush
        self._pauses = 0
        self._errors = 0
        self._clock = clock
        self._wait = wait or self._draining.wait
        expected = getattr(adapter, "late_for", 0.0)
        self._delivery_log = DeliveryLog(name, outbox.ledger, clock, expected)
        self._refusals = 0  # in a row, of parts of the batch
        self._parts = self._entries = 0  # of the batch that is halved: parts to come, its entries
        self._sibling: Batch | None = None
        """The second half of a rejected batch, while the first half is sent."""
        self._suspect: Batch | None = None
        """A second half whose first half was delivered: it must hold the rejected entry."""
        self.superseded: bool = False
        self.trouble: str = ""
        self.past: Past = Past(clock)

    def start(self) -> None:
        """Begin to send."""
        self._service.start()

    def hurry(self, until: float) -> None:
        """End a pause now, and make no long one until the monotonic moment ``until``."""
        self._hurried = max(self._hurried, until)
        self._draining.set()

    def finish(self, deadline: float, *, close: bool = True, last_try: bool = False) -> None:
        """Begin the final flush: send what waits, trying again while there is time.

        A second call may bring the deadline nearer.

        Args:
            deadline: monotonic moment at which to stop in any case.
            close: close the adapter afterwards.
            last_try: give up at the first failure.
        """
        if not self._stopping:
            self._closing, self._last_try, self._stopping = close, last_try, True
            self._given_up = self._at_end()
            self._pauses = 0
            self._delivery_log.ending = True
        self._deadline = min(self._deadline, deadline)
        self._draining.set()
        self._outbox.drain()

    def join(self) -> None:
        """Wait for the end of the final flush, then drop what could not be sent."""
        while not (ended := self._service.join(min(_LOOK_AGAIN, self._left() + CLOSE_TIMEOUT))):
            if self._left() + CLOSE_TIMEOUT <= 0:
                break
        self._outbox.close("superseded" if self.superseded else "shutdown")
        lost = self._at_end() - self._given_up
        if lost and not self.superseded:
            why = self.trouble or "it has not answered"
            entries = counted(lost, "entry is", "entries are")
            log.warning("adapter %r: at the end %s dropped: %s", self.name, entries, why)
        if ended:
            self._close()  # the thread may never have begun, or may have failed
            return
        self._closing = False  # a later close() might strike another agent's endpoint
        if self._ending:
            log.warning("adapter %r: close has not returned: it is not waited for", self.name)

    def _run(self) -> None:
        self._deliver()
        self._close()

    def _close(self) -> None:
        """Close the adapter, once, if :meth:`finish` asked for it."""
        close = getattr(self._adapter, "close", None)
        if not self._closing or close is None:
            return
        self._closing, self._ending = False, True
        try:
            call_foreign(close)
        except (Exception, SystemExit):
            log.exception("adapter %r: close failed", self.name)

    def _deliver(self) -> None:
        while self._left() > 0:
            batch = self._outbox.take()
            if batch is None:
                if self._stopping and self._outbox.empty():
                    return
                continue
            self._draining.clear()
            pause = self._attempt(batch)
            if pause is not None:
                if self._stopping and self._leave():
                    continue
                hopeless = pause >= self._left() and not self._draining.is_set()
                if self._stopping and (self._last_try or hopeless):
                    return
                self._wait(pause)

    def _leave(self) -> bool:
        """At the end hand over what waits without an answer, where the adapter can do that."""
        leave = getattr(self._adapter, "leave", None)
        if leave is None or (batch := self._outbox.take()) is None:
            return False
        try:
            left = call_foreign(lambda: leave(batch))
        except BaseException as error:  # foreign code
            self._delivery_log.complain("leave", f"leave raised {described(error)}", error)
            left = False
        if left:
            self._outbox.settle(unconfirmed=batch.samples)
        else:
            self._outbox.put_back()
        return bool(left)

    def _at_end(self) -> int:
        """Return how many entries an end has dropped so far; what is superseded is not lost."""
        return self._outbox.ledger.balance().dropped["shutdown"]

    def _left(self) -> float:
        """Return the seconds until the final flush ends."""
        return self._deadline - self._clock.monotonic()

    def _attempt(self, batch: Batch) -> float | None:
        """Try once; return the seconds to pause before the batch is tried again, or None."""
        try:
            return self._send(batch)
        except BaseException as error:  # SystemExit, or an error whose own text raises
            return self._broken(batch, error)

    def _send(self, batch: Batch) -> float | None:
        if not self._parts or batch.samples > self._entries:
            self._refusals, self._parts, self._entries = 0, 1, batch.samples
        if batch is self._suspect and self._halved(batch):
            return None
        timeout = min(self._timeout, max(0.001, self._left()))
        try:
            with self._service.within(timeout):
                outcome = call_foreign(self._adapter.send, batch, timeout)
        except Unavailable as error:
            return self._unavailable(masked_line(str(error)), error.retry_after)
        except Rejected as error:
            self._rejected(batch, error)
        else:
            self._settled(batch, outcome)
        return None

    def _settled(self, batch: Batch, outcome: Outcome) -> None:
        if outcome is DELIVERED:
            self._refusals = 0
            self._outbox.settle(delivered=batch.samples)
            self._suspect, self._sibling = self._sibling, None
        else:
            if outcome is not UNCONFIRMED:
                self._delivery_log.complain(
                    "outcome", f"send returned {outcome!r} instead of an Outcome"
                )
            self._outbox.settle(unconfirmed=batch.samples)
        self._done(confirmed=outcome is DELIVERED)

    def _done(self, *, confirmed: bool) -> None:
        self._parts = max(0, self._parts - 1)
        self.trouble = ""
        self.past.succeed()
        self._pauses = self._errors = 0
        self._delivery_log.succeeded(confirmed=confirmed)

    def _unavailable(self, trouble: str, retry_after: float | None = None) -> float:
        self.trouble = trouble
        self.past.fail(trouble)
        self._outbox.put_back()
        self._delivery_log.failed(trouble)
        self._pauses = min(self._pauses + 1, 16)
        pause = min(FIRST_PAUSE * 2.0 ** (self._pauses - 1), LONGEST_PAUSE)
        if self._stopping or self._clock.monotonic() < self._hurried:
            pause = min(pause, LAST_PAUSE)
        if pause < LONGEST_PAUSE:  # by then the senders of many processes are spread out
            pause *= random.uniform(0.5, 1.0)  # noqa: S311 - not for security
        return max(pause, min(retry_after or 0.0, LONGEST_RETRY_AFTER))

    def _rejected(self, batch: Batch, error: Rejected) -> None:
        self._refusals += 1
        if error.samples is None and not error.whole and self._halved_if_worth_it(batch):
            return
        self._sibling = None
        self.past.fail(masked_line(str(error)))
        refused = batch.samples if error.samples is None else min(error.samples, batch.samples)
        self._outbox.settle(delivered=batch.samples - refused, rejected=error.reason)
        self._delivery_log.complain(
            error.reason, f"{masked_line(str(error))}: such entries are dropped"
        )
        self._done(confirmed=True)

    def _halved_if_worth_it(self, batch: Batch) -> bool:
        """Halve a batch that is refused, unless nearly all of it seems to be."""
        large = batch.samples * LARGE_PARTS > self._entries
        return (large or self._refusals < MOST_REFUSALS) and self._halved(batch)

    def _halved(self, batch: Batch) -> bool:
        """Replace a batch by its halves; return False when it cannot be split."""
        self._suspect = self._sibling = None
        split = getattr(self._adapter, "split", None)
        if split is None or batch.samples < 2:
            return False
        try:
            halves: tuple[Batch, ...] = call_foreign(lambda: tuple(split(batch)))
            samples = [half.samples for half in halves]
            if len(samples) != 2 or min(samples) < 1 or sum(samples) != batch.samples:
                raise ValueError(f"expected two halves of {batch.samples} entries, got {samples}")
        except BaseException as error:  # foreign code
            self._delivery_log.complain("split", f"split raised {described(error)}", error)
            return False
        self._sibling = halves[1]
        self._parts += 1
        self._outbox.split(halves)
        return True

    def _broken(self, batch: Batch, error: BaseException) -> float | None:
        """Handle an exception that the interface does not allow, so that later batches go on."""
        self._errors += 1
        trouble = f"send raised {described(error)}"
        if self._idempotent and self._errors < TRIES_AFTER_ERRORS:
            return self._unavailable(trouble)
        if self._idempotent:
            self._outbox.settle(rejected="error")
        else:
            self._outbox.settle(unconfirmed=batch.samples)
        self._delivery_log.complain("error", trouble, error)
        self._parts = max(0, self._parts - 1)
        self._errors = 0
        self.trouble = trouble
        self.past.fail(trouble)
        return None
