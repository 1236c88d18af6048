"""One ordered sender per destination: take a batch, send it, settle it, or wait and try again."""

from __future__ import annotations

import logging
import random
import time
from typing import TYPE_CHECKING

from sampler._threads import Event, Thread
from sampler.agent.adapter import DELIVERED, UNCONFIRMED
from sampler.agent.secrecy import described, masked
from sampler.exceptions import Rejected, Unavailable

if TYPE_CHECKING:
    from sampler.agent.adapter import Adapter, Batch, Outcome
    from sampler.agent.outbox import Outbox

_log = logging.getLogger("sampler")

FIRST_PAUSE = 0.5
"""Seconds before the second attempt."""
LONGEST_PAUSE = 30.0
"""Seconds; pauses double up to here."""
LONGEST_RETRY_AFTER = 300.0
"""Seconds; an endpoint may ask for no longer pause."""
TRIES_AFTER_ERRORS = 5
"""Attempts at a batch whose send raises something no adapter should raise."""


class Sender:
    """Sends one adapter's batches on a daemon thread of its own.

    Args:
        name: the adapter's name in the configuration.
        adapter: the adapter.
        outbox: where batches come from and where their outcome goes.
        timeout: seconds one attempt may take.
    """

    def __init__(self, name: str, adapter: Adapter, outbox: Outbox, timeout: float) -> None:
        self.name = name
        self._adapter = adapter
        self._outbox = outbox
        self._timeout = timeout
        self._idempotent: bool = getattr(adapter, "idempotent", getattr(adapter, "stamped", True))
        self._thread = Thread(self._run, f"sampler-send-{name}")
        self._stopping = Event()
        self._deadline = float("inf")
        self._pauses = 0
        self._errors = 0
        self._rejected_for: set[str] = set()
        self.trouble: str = ""
        """What the last attempt failed with; empty when it succeeded."""

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def finish(self, deadline: float) -> None:
        """Send what waits, giving up at the first failure.

        Args:
            deadline: monotonic moment at which to stop in any case.
        """
        self._deadline = deadline
        self._stopping.set()
        self._outbox.hurry()

    def join(self, *, close: bool = True) -> None:
        """Wait for the end of :meth:`finish`, then account for what could not be sent.

        Args:
            close: close the adapter, too, unless its last call has not returned.
        """
        if self._thread.is_alive():
            self._thread.join(max(0.0, self._deadline - time.monotonic()))
        self._outbox.close()
        ends = getattr(self._adapter, "close", None)
        if close and ends is not None and not self._thread.is_alive():
            try:
                ends()
            except (Exception, SystemExit):
                _log.exception("adapter %r: close failed", self.name)

    def _run(self) -> None:
        while not self._over():
            batch = self._outbox.take()
            if batch is None:
                if self._stopping.is_set() and self._outbox.empty():
                    return
                continue
            try:
                pause = self._send(batch)
            except BaseException as error:  # SystemExit, or an error that cannot be shown
                pause = self._broken(batch, error)
            if pause is not None:
                if self._stopping.is_set():
                    return
                self._stopping.wait(pause)

    def _over(self) -> bool:
        return time.monotonic() >= self._deadline

    def _send(self, batch: Batch) -> float | None:
        """Try once; return the seconds to pause when the batch has to wait."""
        timeout = min(self._timeout, max(0.001, self._deadline - time.monotonic()))
        try:
            outcome = self._adapter.send(batch, timeout)
        except Unavailable as error:
            return self._unavailable(masked(str(error)), error.retry_after)
        except Rejected as error:
            self._rejected(batch, error)
        else:
            self._settled(batch, outcome)
        return None

    def _settled(self, batch: Batch, outcome: Outcome) -> None:
        if outcome is DELIVERED:
            self._outbox.landed(delivered=batch.samples)
        elif outcome is UNCONFIRMED:
            self._outbox.landed(unconfirmed=batch.samples)
        else:
            _log.error("adapter %r: send returned %r, no Outcome", self.name, outcome)
            self._outbox.landed(unconfirmed=batch.samples)
        self._recovered()

    def _recovered(self) -> None:
        if self.trouble:
            _log.warning("adapter %r: the endpoint answers again", self.name)
        self.trouble = ""
        self._pauses = self._errors = 0

    def _unavailable(self, trouble: str, retry_after: float | None = None) -> float:
        if not self.trouble:
            _log.warning("adapter %r: %s; retrying, nothing is lost yet", self.name, trouble)
        self.trouble = trouble
        self._outbox.came_back()
        self._pauses = min(self._pauses + 1, 16)
        longest = min(FIRST_PAUSE * 2.0 ** (self._pauses - 1), LONGEST_PAUSE)
        pause = longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads a herd, hides nothing
        return max(pause, min(retry_after or 0.0, LONGEST_RETRY_AFTER))

    def _rejected(self, batch: Batch, error: Rejected) -> None:
        split = getattr(self._adapter, "split", None)
        if error.samples is None and split is not None and batch.samples > 1:
            self._outbox.split(split(batch))
            return
        refused = batch.samples if error.samples is None else min(error.samples, batch.samples)
        if error.reason not in self._rejected_for:
            self._rejected_for.add(error.reason)
            _log.error("adapter %r: %s: such entries are dropped", self.name, error)
        self._outbox.landed(delivered=batch.samples - refused, rejected=error.reason)
        self._recovered()

    def _broken(self, batch: Batch, error: BaseException) -> float | None:
        """Handle what no adapter should raise: a defect must not stop the batches behind it."""
        self._errors += 1
        trouble = f"send raised {described(error)}"
        if self._idempotent and self._errors < TRIES_AFTER_ERRORS:
            return self._unavailable(trouble)
        _log.error("adapter %r: %s", self.name, trouble, exc_info=error)
        if self._idempotent:
            self._outbox.landed(rejected="error")
        else:
            self._outbox.landed(unconfirmed=batch.samples)
        self._errors = 0
        self.trouble = trouble
        return None
