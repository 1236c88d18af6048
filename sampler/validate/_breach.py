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
    "S-05": "choose another name: 'sampler' is the account of consumers",
    "S-06": "report absolute state, which any number of threads may read; what is kept since the "
    "last call belongs into an instance: use 'factory'",
    "S-07": "return a new callable at each call of 'factory', with a state of its own",
    "S-08": "describe it in 'metrics': undescribed metrics are taken for gauges",
    "S-09": "make 'labels' a mapping of label names to text",
    "S-10": "make 'start' epoch seconds, or a callable that returns them: when values were zero,"
    " the same until they are again",
    "S-11": "make 'min_interval' seconds above 0, beside 'sample' only",
    "S-12": "make 'loop' a callable that returns the running loop which the sampler belongs to",
    "S-13": "return an iterable of (name, value) or (name, value, labels) tuples",
    "S-14": "yield (name, value) or (name, value, labels) tuples, labels being a mapping",
    "S-15": "yield nothing where there is nothing to report, and mend what raises",
    "S-17": "yield a new mapping each time, or one that nobody changes meanwhile",
    "S-18": "answer from what is known already; measure on a thread of your own if it takes time",
    "S-19": "yield an int in ±2**63, a finite float, or None when there is nothing to report",
    "S-20": "report a total that only grows; let consumers take the differences; give 'start' if "
    "the source itself starts over",
    "S-21": "take count, sum and buckets at one moment; buckets count all up to their bound",
    "S-23": "label values are text of up to 1024 characters, or whole numbers",
    "S-24": "leave out labels that the sampler has for all of its samples",
    "S-25": "yield each metric once for each set of labels",
    "S-26": "make 'metrics' map names to mappings, and 'kind' one of counter, gauge and "
    "histogram, once and for all",
    "S-27": "use a UCUM code as OpenTelemetry writes them: s, By, 1, {connection}",
    "S-28": "make 'scope' one of interpreter, process, server and host",
    "S-29": "make 'merge' one of sum, max and min, and give it to gauges only",
    "S-30": "name the labels of a metric in 'labels' of its description, all of them",
    "R-07": "look up what is registered at the beginning of each pull",
    "C-02": "call 'factory' once for each consumer, with a new mapping that has the keys 'api', "
    "'consumer', 'interval' and 'deadline'",
    "C-03": "wait until the last call has ended, its iterator included, and ask 'factory' for "
    "an instance of one's own",
    "C-04": "call close() once, when the sampler is unregistered or the consumer ends, and then "
    "nothing of that instance any more",
    "C-05": "keep what a sampler yields apart until it has ended; catch whatever it raises",
    "C-06": "call each sampler on a thread that can be given up, and wait for the deadline only",
    "C-07": "schedule it on the loop that 'loop' returns: asyncio.run_coroutine_threadsafe",
    "C-08": "release every lock before a sampler, a factory or a close() is called",
    "C-09": "pause longer and longer, and then call it again",
    "C-10": "let all consumers of a registration share one read within 'min_interval'",
    "C-11": "look only at keys and items of the specification; take the rest for gauges",
    "C-12": "check sample by sample; refuse and count the bad ones, keep the others",
    "C-13": "copy while iterating: dict(labels)",
    "C-14": "have fewer label values, or sum up what nobody looks at",
    "C-15": "forget a series only when a good pull comes without it",
    "C-16": "add nothing for a first value, unless its zero lies within the consumer's time",
    "C-17": "count the new value whole when it is lower, or its 'start' has changed",
    "C-20": "keep the bounds that are known on both sides: neighbours that agree tell the count",
}
"""By clause: what to do about a breach."""


class Breach(UserWarning):
    """A sampler or a consumer breaks a clause of the specification.

    Attributes:
        clause: its id, as ``S-20``; ``S`` binds samplers, ``C`` consumers.
        sampler: the sampler's name.
        about: what part of it: a metric's name, a key of the mapping, or a call.
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
    """Tells each breach once; any thread may add.

    Args:
        sampler: the sampler's name.
        tell: called with each breach; None: warns.
    """

    def __init__(self, sampler: str, tell: Callable[[Breach], Any] | None = None) -> None:
        self.sampler = sampler
        self._tell = warnings.warn if tell is None else tell
        self._told: dict[tuple[str, str], Breach] = {}

    def add(self, clause: str, about: str, message: str, offender: Any = None) -> None:
        """Report that ``clause`` is broken by ``about``."""
        breach = Breach(clause, self.sampler, about, message, REMEDIES[clause], offender)
        if self._told.setdefault((clause, about), breach) is breach:
            self._tell(breach)
