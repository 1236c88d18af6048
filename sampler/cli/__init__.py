"""The ``sampler`` command."""

from sampler.cli.main import main

__all__ = ["main"]
