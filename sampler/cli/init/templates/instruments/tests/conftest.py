"""Fixtures of sampler: `sampler_increases` tells what grew in a test."""

pytest_plugins = ["sampler.testing.plugin"]
