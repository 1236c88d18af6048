"""What every consumer has to do, as a suite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from sampler.testing._consumer_calls import CallsSuite
from sampler.testing._consumer_totals import TotalsSuite
from sampler.testing._consumer_values import ValuesSuite

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sampler.testing._lab import Consumer


class ConsumerContract(ValuesSuite, CallsSuite, TotalsSuite):
    """A consumer does what the PEP asks of it, as far as one process and one thread show.

    Left out are C-01, C-10, C-14, C-18, C-19 and C-21, which have no form that all consumers
    share. In a file of tests::

        class TestMine(ConsumerContract):
            def consumer(self, samplers, deadline):
                return MyConsumer(samplers, deadline=deadline)

    Attributes:
        deadline: seconds that each sampler is given.
        patience: seconds after which a test no longer waits for something to happen.
        asynchronous: it can run asynchronous samplers; a consumer that cannot must fail them.
    """

    deadline: ClassVar[float] = 0.25
    patience: ClassVar[float] = 30.0
    asynchronous: ClassVar[bool] = True

    def consumer(self, samplers: list[Mapping[str, Any]], deadline: float) -> Consumer:
        """Return a new consumer.

        Args:
            samplers: what is registered; a mapping that is removed later is unregistered.
            deadline: seconds that each sampler has.
        """
        raise NotImplementedError
