"""The ``graphite`` adapter: plaintext and pickle over TCP with confirmed delivery, and UDP."""

from sampler_graphite._adapter import Graphite

__all__ = ["Graphite"]
