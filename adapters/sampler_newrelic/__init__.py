"""A data source of New Relic's agent with the numbers of every sampler; see docs/newrelic.md."""

from sampler_newrelic._source import DataSource, data_source

__all__ = ["DataSource", "data_source"]
