"""When attempts to send have failed and succeeded, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sampler.types import Clock


class Past:
    """The last failure and the last success of one sender.

    Args:
        clock: tells the time.

    Attributes:
        failure: what failed last; None: nothing has.
        failed: epoch seconds of that.
        failing_since: epoch seconds of the first failure since the last success.
        delivered: epoch seconds of the last success.
    """

    def __init__(self, clock: Clock) -> None:
        self.failure: str | None = None
        self.failed: float | None = None
        self.failing_since: float | None = None
        self.delivered: float | None = None
        self._clock = clock

    def fail(self, why: str) -> None:
        """Note an attempt that failed."""
        self.failure, self.failed = why, self._clock.time()
        if self.failing_since is None:
            self.failing_since = self.failed

    def succeed(self) -> None:
        """Note an attempt after which the endpoint has what was sent."""
        self.delivered, self.failing_since = self._clock.time(), None
