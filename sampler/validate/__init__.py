"""A validator that stands between a sampler and its consumers, and checks both.

``validator(SAMPLER)`` returns a mapping that behaves as ``SAMPLER`` does; register that one
instead. ``examine(SAMPLER)`` pulls a sampler for a while, as two consumers would, and finds what a
single pull cannot show. Both report each breach once, with the clause of the PEP.

Of a sampler: the mapping (S-01 to S-05, S-09 to S-12, S-26 to S-30) and its unknown keys (S-02); a
kind that changes (S-26); descriptions in samples (S-08, S-14, S-26 to S-30); what its calls return
(S-07, S-12, S-13), and whether its loop runs (S-12); each sample (S-03, S-04, S-14, S-19, S-21 to
S-25); metrics and labels that it does not describe (S-08, S-30); counters and histograms that
fall, sums over objects that come and go among them (S-20); a start that changes with each read
(S-10); reads that change what others read (S-06, S-07, S-20); mappings that change after they were
yielded (S-17); calls, ``start`` and ``close`` that raise (S-15) or wait (S-18). Of what announces
it: the name (R-08). Where nothing was yielded, or nothing that counts has grown, there is no
verdict.

Of a consumer: what it tells a factory (C-02); calls that overlap (C-03); calls after ``close``,
or no call of ``close`` (C-04); a coroutine awaited on another loop (C-07); a new read within
``min_interval`` (C-10); labels and values that it reads after the pull (C-13).
"""

from sampler.validate._breach import Breach
from sampler.validate._examine import Examination, examine
from sampler.validate._validator import validator

__all__ = ("Breach", "Examination", "examine", "validator")
