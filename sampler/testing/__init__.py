"""The test kit: for those who write samplers, consumers or adapters, or use them.

Doubles: :class:`Memory`, an adapter that keeps what it is sent; :class:`FakeClock`, a time that
stands still; :func:`isolated`, a default registry of one's own. The pytest plugin
``sampler.testing.plugin`` has them as fixtures.

Suites, which a test class inherits: :class:`SamplerContract`, :class:`ConsumerContract`,
:class:`AdapterContract`, :class:`ScrapedAdapterContract`. Each of their failures is a
:class:`Broken`, which begins with the clause that is broken and ends with what to do.
"""

from sampler.testing._adapters import AdapterContract, ScrapedAdapterContract
from sampler.testing._clock import FakeClock
from sampler.testing._consumers import ConsumerContract
from sampler.testing._isolation import isolated
from sampler.testing._loop import LoopThread
from sampler.testing._memory import Entry, Memory
from sampler.testing._require import Broken
from sampler.testing._samplers import SamplerContract

__all__ = (
    "AdapterContract",
    "Broken",
    "ConsumerContract",
    "Entry",
    "FakeClock",
    "LoopThread",
    "Memory",
    "SamplerContract",
    "ScrapedAdapterContract",
    "isolated",
)
