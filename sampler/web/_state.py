"""What all requests of a process add to, exactly, at next to no cost.

A request in progress is in a table; what is known of one that has ended waits in a list of its
kind. It is counted with many others at once, every so many requests and at each pull: that takes a
third of what counting each by itself does. Nothing that a request does is locked: where the
interpreter has a lock of its own, ``x += n`` and ``list += numbers`` are exact, as in
:mod:`sampler._instruments`.
"""

from __future__ import annotations

import sys
import time
from bisect import bisect_left, bisect_right

from sampler._contract.names import plain_str
from sampler._instruments import free_threading
from sampler._instruments.histogram import Histogram
from sampler._runtime.native import RLock
from sampler.web import _frameworks
from sampler.web._routes import OTHER, Routes
from sampler.web._threads import Threads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol, TypeAlias

    from sampler.agent.config.web import WebSettings

    Kind: TypeAlias = tuple[str, str | int, str]
    """Method, status, 0 or "" where none was said, and route of a request that has ended."""

    class Watches(Protocol):
        """Who reads for a consumer.

        Attributes:
            peak: most requests at once since it read last.
        """

        peak: int

    class Active(Protocol):
        """A request in progress.

        Attributes:
            began: when it began, by :data:`clock`.
            writing: when a write of its answer began that has not ended, or 0.0.
        """

        began: float
        writing: float

        @property
        def reading(self) -> float:
            """When a read of its body began that has not ended, or 0.0."""
            ...

        def end(self) -> None:
            """Count it as ended."""
            ...


clock = time.perf_counter
"""Reads the clock of everything here."""
SIZES = (0.0, *(4.0**power for power in range(3, 17)))
"""Upper bounds of sizes: 0 and 64 bytes to 4 GiB, by four."""
MANY = 3 * 256
"""Numbers of requests of a kind that are counted at once."""
KINDS = 24
"""Of so many times fewer kinds all are counted at once."""
MOST_ACTIVE = 10_000
"""Requests in progress that a server may leave unclosed before the oldest counts as ended."""
_EXCEPTIONS = 50
"""Classes of exceptions that are told apart."""
_NAME = 200


class State:
    """What requests add to.

    Attributes:
        lock: held by who works through the log, or reads what comes of that.
        slow: seconds from which on a request is slow.
        readers: who reads, each for one consumer.
        routes: requests and durations, by route.
        start: epoch seconds at which all was zero.
        active: requests in progress, the oldest first.
        peak: most of them since somebody read it.
        busy: seconds of those that have ended.
        done: of those that have ended and are not counted yet, by kind: seconds, bytes of the
            answer, and seconds in which it was written.
        ages: seconds that requests have waited, not counted yet.
        stamps: of requests whose age is not known yet: who reads it, the stamp, its peer, and when
            the request was there.
        received: of bodies of requests that are not counted yet, bytes and seconds.
        many: how many numbers of a kind are counted at once; at first those of one.
        first: seconds that the first request took, once it has ended.
        modules: how many modules there were; 0 before the first request.
    """

    def __init__(self) -> None:
        self.slow = self.stale = float("inf")
        self.readers: tuple[Watches, ...] = ()
        self.routes = Routes()
        self.restart()

    def restart(self) -> None:
        """Start at zero, as a forked child does: requests of the parent are not its own."""
        self.lock: Any = RLock()
        self.start = time.time()
        self.active: dict[Active, bool] = {}
        self.peak = 0
        self.busy = 0.0
        self.done: dict[Kind, list[float]] = {}
        self.ages: list[float] = []
        self.stamps: list[Any] = []
        self.received: list[float] = []
        self.many = 1
        self.queue = Histogram()
        self.requested = Histogram((), SIZES)
        self.responded = Histogram((), SIZES)
        self.read_seconds = self.write_seconds = self.late_writes = 0.0
        self.slow_ones = self.stale_ones = self.shed = self.abandoned = 0
        self.refused = self.unclosed = 0
        self.exceptions: dict[str, int] = {}
        self.first: float | None = None
        self.modules = self.loaded = 0
        self.threads = Threads()
        self.served = self.threads.known
        self.routes.restart()

    def configure(self, settings: WebSettings) -> None:
        """Take what the settings say of all requests."""
        self.slow, self.stale = settings.slow, settings.stale
        self.routes.most = settings.routes

    def begin(self) -> None:
        """Look at the process before its first request."""
        self.modules = len(sys.modules)
        _frameworks.look()

    def fold(self) -> None:
        """Count what has ended, unless somebody else does: then it stays for the next time."""
        if self.lock.acquire(False):
            try:
                self._fold()
            finally:
                self.lock.release()

    def _fold(self) -> None:
        no_stamps: list[Any] = []
        stamps, self.stamps = (
            self.stamps,
            no_stamps,
        )  # one step: nothing is added to what was taken
        for waited, stamp, peer, now in zip(*[iter(stamps)] * 4, strict=True):
            waited(stamp, peer, now)
        no_ages: list[float] = []
        ages, self.ages = self.ages, no_ages  # one step: nothing is added to it now
        nothing_done: dict[Kind, list[float]] = {}
        done, self.done = self.done, nothing_done
        nothing: list[float] = []
        received, self.received = self.received, nothing
        if ages:
            ages.sort()
            self.queue._observe_sorted(ages)  # noqa: SLF001 - as all of instruments here
            self.stale_ones += len(ages) - bisect_right(ages, self.stale)
        if received:
            self.requested._observe_sorted(sorted(received[::2]))  # noqa: SLF001
            self.read_seconds += sum(received[1::2])
        for (method, status, name), numbers in done.items():
            seconds, sizes = numbers[::3], numbers[1::3]
            if self.first is None:
                self.first, self.many = seconds[0], MANY
            seconds.sort()
            sizes.sort()
            route = self.routes.named(name)
            route.count(method, str(status) if status else "", len(seconds))
            route.durations._observe_sorted(seconds)  # noqa: SLF001
            self.responded._observe_sorted(sizes)  # noqa: SLF001
            self.write_seconds += sum(numbers[2::3])
            self.slow_ones += len(seconds) - bisect_left(seconds, self.slow)
        if self.modules and len(sys.modules) != self.modules:  # since the first request has begun
            loaded, self.modules = len(sys.modules) - self.modules, len(sys.modules)
            self.loaded += max(loaded, 0)
            _frameworks.look()

    def meet(self, kind: Kind, numbers: tuple[float, float, float]) -> None:
        """Add a request that has ended where none of its kind is."""
        method, status, route = kind
        kind = _text(method), status if type(status) is int else _text(status), _text(route)
        self.done.setdefault(kind, []).extend(numbers)
        if len(self.done) >= self.many // KINDS:
            self.fold()

    def raised(self, error: type[BaseException]) -> None:
        """Count an exception."""
        name = error.__qualname__
        if error.__module__ != "builtins":
            name = f"{error.__module__}.{name}"
        name, known = name[:_NAME], self.exceptions
        if name not in known:
            name = name if len(known) < _EXCEPTIONS else OTHER
            known.setdefault(name, 0)
        known[name] += 1

    def forget_oldest(self) -> None:
        """Count the oldest request in progress as ended: the server does not close answers."""
        oldest = next(iter(self.active), None)
        if oldest is not None:
            self.unclosed += 1
            oldest.end()


def _text(value: Any) -> str:
    """Return what is text as plain text; "" for all else."""
    if type(value) is str:
        return value
    return plain_str(value) if isinstance(value, str) else ""


if free_threading.NEEDED:
    free_threading.guard(State, methods=("_fold",))
