"""The real servers that tests read back from: `with Carbon(directory) as carbon: ...`."""

from __future__ import annotations

from tests.support.carbon import Carbon
from tests.support.carbon_relay import CarbonCRelay, CarbonRelay
from tests.support.graphite_web import GraphiteWeb
from tests.support.influxdb import InfluxDB
from tests.support.node_exporter import NodeExporter
from tests.support.process import MissingServerError, Server
from tests.support.prometheus import NewPrometheus, Prometheus
from tests.support.pushgateway import Pushgateway
from tests.support.statsd import StatsD
from tests.support.victoria_metrics import VictoriaMetrics

__all__ = [
    "Carbon",
    "CarbonCRelay",
    "CarbonRelay",
    "GraphiteWeb",
    "InfluxDB",
    "MissingServerError",
    "NewPrometheus",
    "NodeExporter",
    "Prometheus",
    "Pushgateway",
    "Server",
    "StatsD",
    "VictoriaMetrics",
]
