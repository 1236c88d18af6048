"""How a registry shares the read of a sampler with ``min_interval``."""

from __future__ import annotations

import threading
import time
from typing import Any

from sampler.testing._registry_suite import RegistrySuite, copy_of, refusal, require


class ReadsSuite(RegistrySuite):
    """``sample`` of the registered copy returns one read for ``min_interval``."""

    def test_a_read_is_shared_for_min_interval(self) -> None:
        """It tells when it began, and can be iterated by all who get it."""
        reads, start = [0], [5.0]

        def sample() -> Any:
            reads[0] += 1
            yield "reads", reads[0]

        keys = {"min_interval": 3600, "start": lambda: start[0]}
        given = {"name": "s", "sample": sample, **keys}
        shown = copy_of(self.register(self.registry(), given))
        before = time.time()
        first = shown["sample"]()
        after = time.time()
        start[0] = 6.0  # the source starts over
        for samples in (first, shown["sample"](), first):
            found = list(samples)
            require(found == [("reads", 1)], "R-13", f"a shared read is {found}")
            at = getattr(samples, "time", None)
            says = f"a shared read that began between {before} and {after} has the time {at}"
            require(at is not None and before - 1 <= at <= after + 1, "R-13", says)
            start_then = getattr(samples, "start", "missing")
            says = f"the attribute 'start' of a shared read is {start_then!r}, and should be 5.0"
            require(start_then == 5.0, "R-13", says)
        require(reads == [1], "R-13", f"there were {reads[0]} reads within 'min_interval'")
        said = shown["start"]() if callable(shown["start"]) else shown["start"]
        says = f"'start' is {said}, and was 5.0 when the read was taken"
        require(said == 5.0, "R-13", says)

    def test_a_read_ends_with_its_interval(self) -> None:
        """A later caller has a new one."""
        reads = [0]

        def sample() -> Any:
            reads[0] += 1
            return [("reads", reads[0])]

        shown = self._shown(sample, 0.05)
        first = later = shown["sample"]()
        until = time.monotonic() + self.patience
        found = list(first)
        while found == [("reads", 1)] and time.monotonic() < until:
            time.sleep(0.01)
            later = shown["sample"]()
            found = list(later)
        require(found == [("reads", 2)], "R-13", f"after 'min_interval' a read is {found}")
        times = [getattr(samples, "time", 0.0) for samples in (first, later)]
        require(0 < times[0] < times[1], "R-13", f"of two reads the times are {times}")

    def test_who_calls_meanwhile_waits(self) -> None:
        """For the one read."""
        gate, entered = threading.Event(), threading.Semaphore(0)
        reads = [0]

        def sample() -> Any:
            reads[0] += 1
            entered.release()
            gate.wait(self.patience)
            return [("reads", reads[0])]

        shown = self._shown(sample, 3600)
        found: list[Any] = []
        threads = [
            threading.Thread(target=lambda: found.append(list(shown["sample"]())), daemon=True)
            for _ in range(4)
        ]
        threads[0].start()
        entered.acquire(timeout=self.patience)
        for each in threads[1:]:
            each.start()
        entered.acquire(timeout=0.2)  # a second read, which should not be
        gate.set()
        for each in threads:
            each.join(self.patience)
        says = f"of four callers at once {len(found)} got an answer"
        require(len(found) == 4, "R-13", says)
        says = f"four callers at once caused {reads[0]} reads: {found}"
        require(found == 4 * [[("reads", 1)]] and reads == [1], "R-13", says)

    def test_a_read_that_failed_is_not_held(self) -> None:
        """Its caller is told; the next one reads anew."""
        reads = [0]

        def sample() -> Any:
            reads[0] += 1
            yield "reads", reads[0]
            if reads[0] == 1:
                raise ValueError("an author's")

        shown = self._shown(sample, 3600)
        error = refusal(lambda: list(shown["sample"]()))
        require(error is not None, "R-13", "a read that raised is given to its caller as good")
        error = refusal(lambda: list(shown["sample"]()))
        require(error is None, "R-13", f"a read that failed is held: {error!r}")
        require(reads[0] == 2, "R-13", f"there were {reads[0]} reads, not 2")

    def test_without_min_interval_each_call_reads(self) -> None:
        """As the sampler says."""
        reads = [0]

        def sample() -> Any:
            reads[0] += 1
            return [("reads", reads[0])]

        shown = copy_of(self.register(self.registry(), {"name": "s", "sample": sample}))
        found = [list(shown["sample"]()) for _ in range(2)]
        require(found == [[("reads", 1)], [("reads", 2)]], "R-13", f"two calls read {found}")

    def _shown(self, sample: Any, min_interval: float) -> Any:
        given = {"name": "s", "sample": sample, "min_interval": min_interval}
        return copy_of(self.register(self.registry(), given))
