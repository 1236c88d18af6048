"""Samplers of known packages: each loads once its package is imported."""
