"""The adapters ``prometheus``, which is scraped, and ``pushgateway``."""

from sampler_prometheus._adapter import Prometheus
from sampler_prometheus._push import Pushgateway

__all__ = ["Prometheus", "Pushgateway"]
