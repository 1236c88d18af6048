"""What every consumer has to do, as a suite."""

from __future__ import annotations

from sampler.testing._consumer_async import AsyncSuite
from sampler.testing._consumer_calls import CallsSuite
from sampler.testing._consumer_forks import ForksSuite
from sampler.testing._consumer_instances import InstancesSuite
from sampler.testing._consumer_limits import LimitsSuite
from sampler.testing._consumer_registries import RegistriesSuite
from sampler.testing._consumer_restarts import RestartsSuite
from sampler.testing._consumer_shared import SharedSuite
from sampler.testing._consumer_totals import TotalsSuite
from sampler.testing._consumer_values import ValuesSuite


class ConsumerContract(
    ValuesSuite,
    LimitsSuite,
    CallsSuite,
    InstancesSuite,
    AsyncSuite,
    TotalsSuite,
    RestartsSuite,
    SharedSuite,
    RegistriesSuite,
    ForksSuite,
):
    """A consumer does what the PEP asks of it, as far as one process and its child show.

    Left out is C-21, which only those who deliver can keep. In a file of tests::

        class TestMine(ConsumerContract):
            def consumer(self, samplers, deadline):
                return MyConsumer(samplers, deadline=deadline)

    That is enough for most clauses. C-10, C-14, C-18, C-19, R-12, R-14 and a part of C-02, C-09,
    C-12 and C-16 need something that not every consumer has. It is shown by ``limit`` and
    ``forks`` and by overriding ``first``, ``beside``, ``refused``, ``rates``, ``configured`` and
    ``registries``; without them these checks are skipped, and say so. What a consumer leaves out
    on purpose is left out by overriding the test of that name.
    """
