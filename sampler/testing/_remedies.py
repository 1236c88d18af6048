"""What to do about a breach that only the suites can find."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampler.validate._breach import REMEDIES as VALIDATED

if TYPE_CHECKING:
    from collections.abc import Mapping

REMEDIES: Mapping[str, str] = {
    **VALIDATED,
    "S-08": "take the kind of a metric that 'metrics' lacks from the fourth item of its first "
    "sample, for good; without one it is a gauge",
    "S-10": "call 'start' before the samples are asked for and after they have ended; two numbers "
    "fail the pull",
    "S-25": "combine the values of a gauge with 'merge' that occurs again in a pull",
    "R-01": "copy the mapping, with the mappings in it, before register() returns",
    "R-02": "only read the mapping when it is registered",
    "R-03": "return the registration that an equal mapping already has",
    "R-04": "check the mapping when it is registered, and raise an error that lists its faults",
    "R-05": "compare it with what is registered, and raise an error that names both",
    "R-06": "keep registrations in a tuple that is replaced, under a lock that is held only for "
    "replacing it",
    "R-07": "look up what is registered at the beginning of each round, and call nothing else",
    "R-08": "read the entry points of the group 'sampler.samplers', and register what they "
    "resolve to",
    "R-09": "import an entry point only when what it waits for is in sys.modules, imported to its "
    "end, or when it is named",
    "R-10": "catch what importing and registering raise, and return it with the name announced",
    "R-12": "make iterating yield registrations: objects with 'sampler', the copy, and 'time', "
    "time.time() when it was registered",
    "R-13": "put a function in the place of 'sample' in the copy, which keeps its last result for "
    "'min_interval'",
    "R-14": "pull, of registrations with one name and the same constant labels, the one whose "
    "'time' is least; begin with baselines when another takes its place",
    "C-01": "pull each sampler once before the constructor, or whatever begins it, returns",
    "C-02": "call 'factory' until it has returned an instance, each time with a new mapping that "
    "has 'api', 'consumer', 'interval', 'deadline' and 'settings'; keep what it returned, also if "
    "that was late",
    "C-04": "call close() once, when the sampler is unregistered or the consumer ends, unless a "
    "call of that instance has not ended; do not use the instance afterwards",
    "C-09": "call it again after a pause that grows with each failure of this consumer; name it "
    "among the failed while it pauses",
    "C-12": "check each sample; refuse and count the bad ones by sampler and reason, keep the "
    "others",
    "C-14": "count what a bound costs; keep the places and values of the series behind it",
    "C-18": "divide by the time between the reads: that of a shared read is when it was taken",
    "C-19": "begin anew in a forked child (os.register_at_fork): instances, baselines, locks and "
    "threads; drop the parent's instances without a call",
}
"""Clause to what to do."""
