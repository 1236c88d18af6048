"""What an adapter's backend cannot carry, and which metrics of a snapshot lose by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sampler._contract.histogram import HistogramValue
from sampler._contract.names import is_reserved
from sampler.agent import UNSUPPORTED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sampler._contract.snapshot import Series, Snapshot

EXACT = 2**53
"""Above it, not every integer can be written as a double."""

_AFFECTS: Mapping[str, Callable[[Series, Any], bool]] = {
    "unit": lambda series, _: bool(series.unit),
    "help": lambda series, _: bool(series.help),
    "kind": lambda series, _: series.kind == "counter",
    "precision": lambda _, value: isinstance(value, int) and abs(value) > EXACT,
    "histograms": lambda _, value: isinstance(value, HistogramValue),
}


def unsupported(adapter: Any) -> dict[str, str]:
    """Return what an adapter, or its class, declares that its backend cannot carry.

    Returns:
        Words of :data:`sampler.agent.UNSUPPORTED`, in their order, to a sentence each.
    """
    declared: Any = getattr(adapter, "unsupported", None)
    if not hasattr(declared, "get"):
        return {}
    return {word: str(declared[word]) for word in UNSUPPORTED if word in declared}


def affected(adapter: Any, snapshot: Snapshot) -> Iterator[tuple[str, list[str], str]]:
    """Yield what an adapter cannot carry of a snapshot's entries, the agent's own left out.

    Yields:
        A word of :data:`sampler.agent.UNSUPPORTED`, the metrics that lose by it, and the
        adapter's sentence.
    """
    for word, sentence in unsupported(adapter).items():
        if word == "timestamps":
            late = [b for b in snapshot.blocks if b.time < snapshot.time]
            metrics = {series.name for block in late for series, _ in block}
        else:
            metrics = {series.name for series, value in snapshot if _AFFECTS[word](series, value)}
        metrics = {name for name in metrics if not is_reserved(name)}
        if metrics:
            yield word, sorted(metrics), sentence
