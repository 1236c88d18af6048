"""What became of one sampler's samples, for one consumer."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampler._pull.reading import Reading


class Statistics:
    """What became of one sampler's samples, for one consumer.

    ``yielded = collected + sum(refused.values())``; a sample without a value (None, NaN) is not
    counted, and those of a gauge that one pull combines count as one.

    Attributes:
        sampler: the sampler's name.
        pulls: number of pulls that succeeded.
        failures: reason to number of pulls that failed.
        yielded: samples taken.
        collected: entries that went into snapshots.
        refused: reason to number of samples refused.
        seconds: duration of the last pull.
    """

    __slots__ = ("collected", "failures", "pulls", "refused", "sampler", "seconds", "yielded")

    def __init__(self, sampler: str) -> None:
        self.sampler: str = sampler
        self.pulls: int = 0
        self.failures: dict[str, int] = {}
        self.yielded: int = 0
        self.collected: int = 0
        self.refused: dict[str, int] = {}
        self.seconds: float = 0.0


def count_pull(statistics: Statistics, reading: Reading, seconds: float) -> None:
    """Count a pull that succeeded."""
    yielded = collected = reading.taken - reading.silent - reading.combined
    if reading.refused:
        refused = dict(statistics.refused)
        for reason, samples in reading.refused.items():
            refused[reason] = refused.get(reason, 0) + samples
            collected -= samples
        statistics.refused = refused  # replaced, so that another thread may read the old one
    statistics.yielded += yielded
    statistics.collected += collected
    statistics.pulls += 1
    statistics.seconds = seconds


def count_failure(statistics: Statistics, reason: str) -> None:
    """Count a pull that failed."""
    failures = statistics.failures
    statistics.failures = {**failures, reason: failures.get(reason, 0) + 1}
