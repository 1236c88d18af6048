"""The adapters ``influx``, by HTTP, and ``influx_udp``: InfluxDB's line protocol."""

from sampler_influx._http import Influx
from sampler_influx._udp import InfluxUDP

__all__ = ["Influx", "InfluxUDP"]
