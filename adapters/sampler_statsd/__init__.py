"""The ``statsd`` adapter: differences of counters, and gauges, over UDP."""

from sampler_statsd._adapter import StatsD

__all__ = ["StatsD"]
