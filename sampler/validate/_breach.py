"""What the validator reports."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

REMEDIES: Mapping[str, str] = {
    "S-01": "give the mapping a 'name', and either 'sample' or 'factory'",
    "S-02": "spell it as the specification does, or put a dot into a key of your own: 'acme.key'",
    "S-03": "write it in lower case and join its words by '_' or '.', as in 'pool.wait_time'",
    "S-04": "shorten the sampler's or the metric's name",
    "S-05": "choose another name: 'sampler' is reserved for consumers' own metrics",
    "S-06": "report absolute state, which any number of threads may read; a sampler that keeps "
    "something between calls needs instances: use 'factory'",
    "S-07": "return a new callable at each call of 'factory', with a state of its own",
    "S-08": "describe it in 'metrics', or by the fourth item of its first sample: undescribed "
    "metrics are taken for gauges",
    "S-09": "make 'labels' a mapping of label names to text",
    "S-10": "make 'start' the epoch seconds at which the values were zero, or a callable that "
    "returns them; they change only when the values start over",
    "S-11": "make 'min_interval' seconds above 0, beside 'sample' only",
    "S-12": "make 'loop' a callable that returns the running loop which the sampler belongs to; "
    "something has to run it meanwhile",
    "S-13": "return an iterable of (name, value[, labels[, description]]) tuples",
    "S-14": "yield (name, value[, labels[, description]]) tuples, labels and description being "
    "mappings",
    "S-15": "yield nothing if there is nothing to report, and handle what raises",
    "S-17": "yield a new mapping each time, or one that does not change during the pull",
    "S-18": "return numbers that are at hand; measure on a thread of your own if it takes time",
    "S-19": "yield an int in ±2**63, a finite float, or None when there is nothing to report",
    "S-20": "report a total that only grows; let consumers take the differences; give 'start' if "
    "the source itself starts over",
    "S-21": "take count, sum and buckets at one moment; a bucket counts all up to its bound",
    "S-22": "compute each bound as 2.0 ** (i / 2 ** scale), and give both edges of each bucket "
    "that is filled",
    "S-23": "make each label value text of up to 1024 characters, or an integer",
    "S-24": "leave out the labels that the mapping's 'labels' give to all samples",
    "S-25": "yield each metric once for each set of labels, unless it is a gauge with 'merge'",
    "S-26": "make 'metrics' map names to mappings, and 'kind' one of counter, gauge and "
    "histogram, once and for all",
    "S-27": "use a UCUM code as OpenTelemetry writes them: s, By, 1, {connection}",
    "S-28": "make 'scope' one of interpreter, process, server and host",
    "S-29": "make 'merge' one of sum, max and min, and give it to gauges only",
    "S-30": "name the labels of a metric in 'labels' of its description, all of them",
    "R-08": "give the entry point in pyproject.toml the sampler's name, and install it again",
    "R-07": "look up what is registered at the beginning of each pull",
    "C-02": "call 'factory' once for each consumer, with a new mapping that has the keys 'api', "
    "'consumer', 'interval', 'deadline' and 'settings'",
    "C-03": "wait until the last call has ended, its iterator included, and get an instance of "
    "your own from 'factory'",
    "C-04": "call close() once, when the sampler is unregistered or the consumer ends, and do not "
    "use that instance afterwards",
    "C-05": "use what a sampler yields only when it has ended; catch whatever it raises",
    "C-06": "call each sampler on a thread that can be abandoned, and wait no longer than the "
    "deadline",
    "C-07": "schedule it on the loop that 'loop' returns: asyncio.run_coroutine_threadsafe",
    "C-08": "release every lock before a sampler, a factory or a close() is called",
    "C-09": "call it again after a pause that grows with each failure",
    "C-10": "let all consumers of a registration share one read within 'min_interval'",
    "C-11": "ignore unknown keys and further items; take an unknown kind for a gauge",
    "C-12": "check each sample; refuse and count the bad ones, keep the others",
    "C-13": "copy while iterating: dict(labels)",
    "C-14": "use fewer label values, or sum up series that nobody looks at",
    "C-15": "forget a series only when a pull that succeeded lacks it",
    "C-16": "add nothing for a first value, unless its zero lies within the consumer's time",
    "C-17": "count the new value whole when it is lower, or its 'start' has changed",
    "C-20": "keep the bounds that are known on both sides: a count is known if neighbours agree",
}
"""Clause to what to do about a breach of it."""
KEEP_THE_GONE = (
    "report a total that only grows: keep what objects that have gone had counted ('Totals that "
    "outlive their objects' in docs/recipes.md); give 'start' if the source itself starts over"
)
"""What to do about a total that falls."""


class Breach(UserWarning):
    """A sampler or a consumer breaks a clause of the specification.

    Attributes:
        clause: its id, as ``S-20``; ``S`` binds samplers, ``C`` consumers.
        sampler: the sampler's name.
        about: the part concerned: a metric's name, a key of the mapping, or a call.
        message: what was wrong.
        remedy: what to do.
        offender: the offending object.
    """

    def __init__(
        self, clause: str, sampler: str, about: str, message: str, remedy: str, offender: Any
    ) -> None:
        super().__init__(f"{clause}: sampler {sampler!r}: {message}; {remedy}")
        self.clause = clause
        self.sampler = sampler
        self.about = about
        self.message = message
        self.remedy = remedy
        self.offender = offender


class Report:
    """Reports each breach once; any thread may add one.

    Args:
        sampler: the sampler's name.
        receive: called with each breach; None: it is a warning.
    """

    def __init__(self, sampler: str, receive: Callable[[Breach], Any] | None = None) -> None:
        self.sampler = sampler
        self._receive = warnings.warn if receive is None else receive
        self._reported: dict[tuple[str, str], Breach] = {}

    def add(
        self, clause: str, about: str, message: str, offender: Any = None, remedy: str = ""
    ) -> None:
        """Report that ``clause`` is broken by ``about``; default: the clause's remedy."""
        remedy = remedy or REMEDIES[clause]
        breach = Breach(clause, self.sampler, about, message, remedy, offender)
        if self._reported.setdefault((clause, about), breach) is breach:
            self._receive(breach)
