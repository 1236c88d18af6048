"""The ``graphite`` adapter: the plaintext protocol over TCP, with confirmed delivery."""

from sampler_graphite._adapter import Graphite

__all__ = ["Graphite"]
