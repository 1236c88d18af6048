"""Registries that pass the suite of the contract, and broken ones that do not."""

from __future__ import annotations

from sampler import Registry
from sampler.testing import RegistryContract
from tests.kits.consumers import left_out


class TestOurs(RegistryContract):
    """Ours."""

    def registry(self):
        return Registry()

    def unregister(self, registry, registration):
        registration.unregister()

    def discover(self, registry, *names):
        return {failure.sampler: failure.message for failure in registry.discover(names)}


for name in (
    "test_what_waits_for_a_package_is_published_when_that_is_imported",
    "test_a_name_that_is_announced_twice_is_reported",
):
    setattr(
        TestOurs,
        name,
        left_out(
            getattr(RegistryContract, name), "discovery of the second draft is being written"
        ),
    )
