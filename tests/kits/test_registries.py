"""Registries that pass the suite of the contract; tests/pep/test_defects.py has others."""

from __future__ import annotations

from sampler import Registry
from sampler.testing import RegistryContract
from tests.kits.consumers import drafted, left_out


class TestOurs(RegistryContract):
    """Ours."""

    def registry(self):
        return Registry()

    def unregister(self, registry, registration):
        registration.unregister()

    def discover(self, registry, *names):
        return {failure.sampler: failure.message for failure in registry.discover(names)}


class TestDrafted(RegistryContract):
    """That of the draft, which does not discover."""

    def registry(self):
        return drafted()["Registry"]()


LEAVES_OUT = {
    "test_a_mapping_that_breaks_a_clause_is_refused": "it leaves out most of R-04",
    "test_a_second_owner_of_a_name_is_refused": "it leaves out most of R-05",
    "test_all_samplers_of_one_name_agree_about_a_metric": "it leaves out most of R-05",
    "test_a_read_is_shared_for_min_interval": "it leaves out R-13",
    "test_a_read_ends_with_its_interval": "it leaves out R-13",
    "test_who_calls_meanwhile_waits": "it leaves out R-13",
}
"""What the draft says that its code leaves out."""

for name, reason in LEAVES_OUT.items():
    setattr(TestDrafted, name, left_out(getattr(RegistryContract, name), reason))
