"""The collectors of a registry of ``prometheus_client``, and whose they are."""

from __future__ import annotations

from typing import Any

_OURS = "sampler_prometheus"
"""The package of a collector of all samplers."""
_CLIENTS = (
    __name__,
    *(f"prometheus_client.{kind}_collector" for kind in ("gc", "platform", "process")),
    "prometheus_client.metrics",
)
"""Modules of collectors that are no program's own."""


def collectors_of(source: Any) -> list[Any]:
    """Return the collectors of a registry, in the order in which it asks them, or the source.

    There is no public way to them; where this one is gone, a registry is asked as a whole. Those
    that tell what samplers do are left out: numbers would go round for ever.
    """
    lock, collectors = (getattr(source, each, None) for each in ("_lock", "_collector_to_names"))
    if lock is None or not isinstance(collectors, dict):
        return [] if _tells_samplers(source) else [source]
    with lock:
        found = [each for each in collectors if not _tells_samplers(each)]
        info = getattr(source, "_target_info", None)
    return [_TargetInfo(source), *found] if info else found


def _tells_samplers(collector: Any) -> bool:
    return any(each.__module__.partition(".")[0] == _OURS for each in type(collector).__mro__)


def never_fails(collector: Any) -> bool:
    """Tell whether a collector is the client's own, and waits for no function and no file."""
    module, calls = type(collector).__module__, "_child_samples"  # as Gauge.set_function leaves it
    if module not in _CLIENTS:
        return False
    children = getattr(collector, "_metrics", {}) if type(collector).__name__ == "Gauge" else {}
    return calls not in vars(collector) and not any(
        calls in vars(each) for each in children.copy().values()
    )


def reads_files(collector: Any) -> bool:
    """Tell whether a collector reads the directory of the multiprocess mode."""
    return type(collector).__module__ == "prometheus_client.multiprocess"


class _TargetInfo:
    """Collects what a registry says of its target."""

    def __init__(self, registry: Any) -> None:
        self._registry = registry

    def collect(self) -> Any:
        return (self._registry._target_info_metric(),)  # noqa: SLF001


def name_of(source: Any) -> str:
    """Return what a collector, or a family, is called where it fails."""
    name = getattr(source, "name", None) or getattr(source, "_name", None)
    return name if isinstance(name, str) else type(source).__name__
