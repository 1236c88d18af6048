"""Bridges: what counts already, in somebody else's library or language, becomes a sampler.

- :mod:`~sampler.bridges.prometheus_client`: a registry or a collector of ``prometheus_client``.
- :mod:`~sampler.bridges.prometheus_multiprocess`: the directory of its multiprocess mode.
- :mod:`~sampler.bridges.opentelemetry`: a metric reader of OpenTelemetry's SDK.
- :mod:`~sampler.bridges.newrelic`: data sources of New Relic's agent.
- :mod:`~sampler.bridges.statsd`: a listener for StatsD and DogStatsD lines of any language.
- :mod:`~sampler.bridges.callables`: mappings, callables, attributes, tuples as psutil has them.
- :mod:`~sampler.bridges.mmstats`: files of mmstats.

Each is a table of ``sampler.toml``, ``[bridges.NAME]``, or one call of ``register``.
"""
