"""A validator that stands between a sampler and its consumers, and checks both.

``validator(SAMPLER)`` returns a mapping that behaves as ``SAMPLER`` does; register that one
instead. ``examine(SAMPLER)`` pulls a sampler for a while, as two consumers would, and finds what
nobody sees in one pull. Both report each breach once, with the clause of the PEP.

Of a sampler: the mapping (S-01 to S-06, S-13 to S-17, S-25 to S-27) and its unknown keys (S-02); a
kind that changes (S-13); what its calls return (S-08, S-09, S-27); each sample (S-03, S-04, S-10,
S-18, S-20, S-22 to S-24); metrics and labels that it has not described (S-28, S-17); counters and
histograms that fall (S-19); reads that change what others read (S-07, S-08, S-19); mappings
changed after they were yielded (S-29); calls that raise (S-11) or wait (S-30).

Of a consumer: what it tells a factory (C-02); calls that overlap (C-03); calls after ``close``,
and none of ``close`` (C-04); labels and values that it reads after the pull (C-09); a new read
within ``min_interval`` (C-14); a coroutine awaited on another loop (C-15).
"""

from sampler.validate._breach import Breach
from sampler.validate._examine import Examination, examine
from sampler.validate._validator import validator

__all__ = ("Breach", "Examination", "examine", "validator")
