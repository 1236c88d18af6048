"""Dashboards for Grafana: of samplers, the middleware, the relay and the agent itself."""
