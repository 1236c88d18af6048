"""The keys of ``[bridges]``."""

from __future__ import annotations

from typing import Any

import attrs

from sampler.agent.config.options import option, options


def _bridge(text: str) -> Any:
    return option(
        None,
        f"{text} Also prefix: what names begin with, before a dot; '' leaves them as they were.",
        kind=dict,
        items=object,
    )


@attrs.frozen
class BridgesSettings:
    """The [bridges] tables: what others count becomes samplers; [bridges.NAME] turns one on."""

    prometheus_client: dict[str, Any] | None = _bridge(
        "A registry or collector of prometheus_client: registry = 'package.module:OBJECT'; "
        "default: its default registry."
    )
    prometheus_multiprocess: dict[str, Any] | None = _bridge(
        "The directory of prometheus_client's multiprocess mode: directory; default: "
        "$PROMETHEUS_MULTIPROC_DIR."
    )
    opentelemetry: dict[str, Any] | None = _bridge(
        "OpenTelemetry's SDK: provider or reader = 'package.module:OBJECT'; default: the "
        "program's provider; scope, resource = true: tell them."
    )
    newrelic: dict[str, Any] | None = _bridge(
        "Data sources of New Relic's agent: sources, a table of names and "
        "'package.module:OBJECT', or of names and tables with object and settings."
    )
    statsd: dict[str, Any] | None = _bridge(
        "A listener for StatsD and DogStatsD: listen = ['127.0.0.1:8125'], with udp://, tcp://, "
        "unix:// or unixgram:// before it; max_series = 10000."
    )
    callables: dict[str, Any] | None = _bridge(
        "Numbers of any object: sources, a table of names and 'package.module:OBJECT', or of "
        "names and tables with object, attributes, counters and label."
    )
    mmstats: dict[str, Any] | None = _bridge(
        "Files of mmstats: files, a path or a pattern; counters, patterns of what only grows."
    )

    def tables(self) -> dict[str, dict[str, Any]]:
        """Return the tables that are there, by the bridge's name."""
        found = {name: getattr(self, name) for name in options(BridgesSettings)}
        return {name: table for name, table in found.items() if table is not None}
