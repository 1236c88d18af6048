"""The test kit for authors and users of samplers, consumers, registries and adapters.

Doubles: :class:`Memory`, an adapter that keeps what it is sent; :class:`FakeClock`, a clock that
stands still until told; :func:`isolated`, an empty default registry for a block. The pytest plugin
``sampler.testing.plugin`` offers them as fixtures.

Suites, from which a test class inherits: :class:`SamplerContract`, :class:`ConsumerContract`,
:class:`RegistryContract`, :class:`AdapterContract`, :class:`ScrapedAdapterContract`. Each failure
of theirs is a :class:`Broken`, whose message begins with the broken clause and ends with what to
do.
"""

from sampler.testing._adapters import AdapterContract, ScrapedAdapterContract
from sampler.testing._clock import FakeClock
from sampler.testing._consumer_suite import Consumer
from sampler.testing._consumers import ConsumerContract
from sampler.testing._grown import Grown
from sampler.testing._isolation import isolated
from sampler.testing._loop import LoopThread
from sampler.testing._memory import Entry, Memory
from sampler.testing._registries import RegistryContract
from sampler.testing._require import Broken
from sampler.testing._samplers import SamplerContract

__all__ = (
    "AdapterContract",
    "Broken",
    "Consumer",
    "ConsumerContract",
    "Entry",
    "FakeClock",
    "Grown",
    "LoopThread",
    "Memory",
    "RegistryContract",
    "SamplerContract",
    "ScrapedAdapterContract",
    "isolated",
)
