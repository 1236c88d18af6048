"""The adapter ``remote_write``: Prometheus remote write, for any server that speaks it."""

from sampler_remote_write._adapter import RemoteWrite

__all__ = ["RemoteWrite"]
