"""What several consumers of one registration have in common, and the time of a read."""

from __future__ import annotations

import threading
import time
from typing import Any

from sampler.testing._consumer_suite import ConsumerSuite
from sampler.testing._lab import Lab, offered, require, series

_COUNTED = {"c": {"kind": "counter"}}


class SharedSuite(ConsumerSuite):
    """Consumers share a read within ``min_interval``, and rates are those of the reads."""

    def test_consumers_share_a_read_within_min_interval(self) -> None:
        """Later, or at the same time: who asks meanwhile waits."""
        gate, entered = threading.Event(), threading.Semaphore(0)
        reads: list[int] = []

        def sample() -> Any:
            reads.append(1)
            entered.release()
            gate.wait(self.patience)
            return [("reads", len(reads))]

        with Lab(self, deadline=2 * self.patience) as lab, lab.beside() as other:
            lab.add({"name": "s", "sample": sample, "min_interval": 3600})
            found: list[Any] = []
            pulls = [
                threading.Thread(target=lambda each=each: found.append(each.pull()), daemon=True)
                for each in (lab, other)
            ]
            pulls[0].start()
            entered.acquire(timeout=self.patience)
            pulls[1].start()
            entered.acquire(timeout=0.2)  # a second read, which should not be
            gate.set()
            for pull in pulls:
                pull.join(self.patience)
            found.append(lab.pull())
        wanted = {series("s.reads"): 1}
        require(len(found) == 3, "C-10", "a consumer that asks while another reads does not end")
        for values, _, failed in found:
            require(not failed, "C-10", "a consumer that asks while another reads has failed")
            says = f"within 'min_interval' there were {len(reads)} reads"
            require(dict(values) == wanted and len(reads) == 1, "C-10", says)

    def test_a_read_that_failed_is_not_shared(self) -> None:
        """The next pull reads anew."""
        calls: list[int] = []

        def sample() -> Any:
            calls.append(1)
            if len(calls) == 1:
                raise ValueError("an author's")
            return [("a", 1)]

        sampler = {"name": "s", "sample": sample, "min_interval": 3600}
        with Lab(self, sampler) as lab:
            lab.forgive("S-15")
            values, _, _ = lab.pull()
            require(dict(values) == {series("s.a"): 1}, "C-10", "a read that failed is held")

    def test_a_rate_is_divided_by_the_time_between_two_reads(self) -> None:
        """Not by that between the pulls, one of which may have been given an older read."""
        reads: list[float] = []
        interval = 0.6

        def sample() -> Any:
            reads.append(time.monotonic())
            return [("c", 1000 * len(reads))]

        sampler = {"name": "s", "sample": sample, "min_interval": interval, "metrics": _COUNTED}
        with Lab(self, sampler, deadline=self.patience, checked=False) as lab:
            offered(self.rates(lab.consumer), "rates", "C-18")
            with lab.beside() as other:
                lab.pull()
                time.sleep(1.2 * interval)
                other.pull()
                time.sleep(0.7 * interval)
                lab.pull()
                got = (self.rates(lab.consumer) or {}).get(series("s.c"))
        wanted = 1000 * (len(reads) - 1) / (reads[-1] - reads[0])
        says = f"1000 more in {reads[-1] - reads[0]:.2f} s are {got} a second, not {wanted:.0f}"
        require(got and abs(got - wanted) < 0.25 * wanted, "C-18", says)

    def test_the_time_of_a_shared_read_is_the_one_that_it_tells(self) -> None:
        """What ``sample`` of another vendor's registration returns has ``time``."""

        class Read(list[Any]):
            time = 0.0

        reads = [Read([("c", 100)]), Read([("c", 200)])]
        reads[0].time, reads[1].time = time.time() - 60, time.time() - 10
        calls: list[int] = []

        def sample() -> Any:
            calls.append(1)
            return reads[0] if len(calls) == 1 else reads[1]

        registry = ForeignRegistry()
        registry.register({"name": "s", "sample": sample, "min_interval": 30, "metrics": _COUNTED})

        def begin(_samplers: Any, deadline: float) -> Any:
            return offered(self.registries([registry], deadline), "registries", "C-10")

        with Lab(self, begin=begin) as lab:
            offered(self.rates(lab.consumer), "rates", "C-18")
            lab.pull()
            got = (self.rates(lab.consumer) or {}).get(series("s.c"))
        says = f"100 more between reads of 50 s are {got} a second, not 2"
        require(got and abs(got - 2) < 0.05, "C-10", says)


class ForeignRegistration:
    """What another vendor's registry knows of a sampler: no more than R-12 asks for."""

    __slots__ = ("sampler", "time")

    def __init__(self, sampler: Any, moment: float) -> None:
        self.sampler = sampler
        self.time = moment


class ForeignRegistry:
    """Another vendor's registry: it can be iterated."""

    def __init__(self) -> None:
        self._all: tuple[ForeignRegistration, ...] = ()

    def register(self, sampler: Any, moment: float | None = None) -> ForeignRegistration:
        """Publish a sampler, at a time of the past if one is given."""
        moment = time.time() if moment is None else moment
        made = ForeignRegistration(dict(sampler), moment)
        self._all = (*self._all, made)
        return made

    def unregister(self, registration: ForeignRegistration) -> None:
        """Withdraw a sampler."""
        self._all = tuple(each for each in self._all if each is not registration)

    def __iter__(self) -> Any:
        return iter(self._all)
