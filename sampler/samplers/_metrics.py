"""How the built-in samplers describe their metrics."""

from __future__ import annotations

from typing import Any


def metric(
    kind: str, unit: str, text: str, *labels: str, scope: str = "process", merge: str = ""
) -> dict[str, Any]:
    """Return the description of a metric.

    Args:
        kind: ``counter``, ``gauge`` or ``histogram``.
        unit: in UCUM, as OpenTelemetry writes units.
        text: its help.
        labels: names of its labels.
        scope: what the number is about.
        merge: of gauges: how values of several processes are combined; empty: not at all.
    """
    described: dict[str, Any] = {"kind": kind, "unit": unit, "help": text, "labels": labels}
    if scope != "process":
        described["scope"] = scope
    return {**described, "merge": merge} if merge else described
