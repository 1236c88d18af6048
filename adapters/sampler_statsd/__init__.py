"""The ``statsd`` adapter: increases of counters, and gauges, in datagrams or on streams."""

from sampler_statsd._adapter import StatsD

__all__ = ["StatsD"]
