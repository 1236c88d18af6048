"""The adapter ``dogstatsd``: for Datadog's agent, and whatever else reads its datagrams."""

from sampler_dogstatsd._adapter import DogStatsD

__all__ = ["DogStatsD"]
