"""What every registry has to do, as a suite."""

from __future__ import annotations

from sampler.testing._registry_discovery import DiscoverySuite
from sampler.testing._registry_life import LifeSuite
from sampler.testing._registry_mappings import MappingsSuite
from sampler.testing._registry_reads import ReadsSuite


class RegistryContract(MappingsSuite, LifeSuite, ReadsSuite, DiscoverySuite):
    """A registry does what the PEP asks of it, as far as its callers can see.

    Left out are R-11, which needs two interpreters, and R-14, which binds consumers. In a file of
    tests::

        class TestMine(RegistryContract):
            def registry(self):
                return MyRegistry()

            def unregister(self, registry, registration):
                registration.remove()  # default: registry.unregister(registration)

    R-08 to R-10 are checked where ``discover`` is overridden.
    """
