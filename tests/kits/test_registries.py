"""Registries that pass the suite of the contract, and broken ones that do not."""

from __future__ import annotations

from sampler import Registry
from sampler.testing import RegistryContract


class TestOurs(RegistryContract):
    """Ours."""

    def registry(self):
        return Registry()

    def unregister(self, registry, registration):
        registration.unregister()

    def discover(self, registry, *names):
        return {failure.sampler: failure.message for failure in registry.discover(names)}
