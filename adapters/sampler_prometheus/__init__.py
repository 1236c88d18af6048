"""The ``prometheus`` adapter: answers scrapes of ``/metrics``."""

from sampler_prometheus._adapter import Prometheus

__all__ = ["Prometheus"]
