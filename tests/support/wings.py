"""The wings that an import of ``sampler`` goes through."""

WINGS = {
    f"sampler.{wing}" for wing in ("_contract", "_instruments", "_pull", "_registry", "_runtime")
}
"""Packages whose own file is empty: the budget of an import does not count them."""
