"""The same faults with ``prometheus_client`` and OpenTelemetry's SDK, measured."""
